"""Flink releases from PyPI.

`apache-flink-libraries` carries `lib/`, the `apache-flink` wheel `bin/` and `conf/`; together they
are a Flink distribution. A release is fetched once into `.cache/flink/VERSION`, which appears
complete or not at all; processes that want it at the same time wait for the one that fetches it.
"""

import contextlib
import fcntl
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from . import paths

MARKER = "COMPLETE"

# The wheel's scripts are the same for every Python and machine, so the one asked for need not be
# the one that runs this.
ANY_WHEEL = ["--only-binary=:all:", "--python-version=3.11", "--implementation=cp"] + [
    f"--platform={p}" for p in ("manylinux1_x86_64", "manylinux2014_x86_64")
]


class Distribution:
    """An unpacked Flink release. It is shared: nobody writes into it."""

    def __init__(self, version, home):
        self.version = version
        self.home = home

    @property
    def major(self):
        return int(self.version.split(".")[0])

    def java_options(self):
        """The `env.java.opts.all` line as shipped: without it Flink does not run on JDK 17."""
        text = (self.home / "conf" / "config.yaml").read_text()
        return re.search(r"^\s+all: (--add-exports.*)$", text, re.MULTILINE).group(1).strip()

    def install(self, home, *jars):
        """Makes `home` a Flink home of its own, with `jars` dropped into its `lib/`.

        The scripts resolve links, so they are copied; the large jars are linked.
        """
        shutil.copytree(self.home / "bin", home / "bin")
        (home / "lib").mkdir()
        (home / "plugins").mkdir()
        for jar in (self.home / "lib").iterdir():
            (home / "lib" / jar.name).symlink_to(jar)
        for jar in jars:
            shutil.copy2(jar, home / "lib")
        return home


def get(version, say=lambda line: None):
    """The release `version`, fetched first where it is not here yet."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ValueError(f"not a Flink version: {version!r}")
    root = paths.CACHE / "flink"
    root.mkdir(parents=True, exist_ok=True)
    home = root / version
    with _lock(root / f".{version}.lock"):
        if not (home / MARKER).exists():
            partial = root / f".{version}.partial"
            for leftover in (partial, home):
                shutil.rmtree(leftover, ignore_errors=True)
            partial.mkdir()
            say(f"fetching Flink {version} (some 300 MB, once)")
            _fetch(version, partial)
            (partial / MARKER).write_text(version + "\n")
            partial.rename(home)
    return Distribution(version, home)


@contextlib.contextmanager
def _lock(path):
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(version, home):
    packages = home / "packages"
    _download(packages, f"apache-flink-libraries=={version}")
    _download(packages, *ANY_WHEEL, f"apache-flink=={version}")
    for package in packages.iterdir():
        _unpack(package, home)
    shutil.rmtree(packages)
    for name in ("bin/jobmanager.sh", "conf/config.yaml", f"lib/flink-dist-{version}.jar"):
        if not (home / name).exists():
            raise RuntimeError(f"Flink {version} as packaged on PyPI has no {name}")
    for script in (home / "bin").iterdir():
        script.chmod(0o755)


def _unpack(package, home):
    """Takes bin, conf and lib out of a wheel (below pyflink/) or a source archive (NAME/deps/)."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            for name in (n for n in archive.namelist() if not n.endswith("/")):
                _write(home, re.match(r"pyflink/(.+)", name), lambda: archive.open(name))
    else:
        with tarfile.open(package) as archive:
            for member in archive:
                found = member.isfile() and re.match(r"[^/]+/deps/(.+)", member.name)
                _write(home, found, lambda: archive.extractfile(member))


def _write(home, found, open_member):
    """Writes a member `…/bin/y` to `home/bin/y`; passes by what a home has no use for."""
    relative = Path(found.group(1)) if found else Path()
    wanted = len(relative.parts) == 2 and relative.parts[0] in ("bin", "conf", "lib")
    if not wanted or relative.name in ("", ".."):
        return
    target = home / relative
    target.parent.mkdir(exist_ok=True)
    with open_member() as source, open(target, "wb") as out:
        shutil.copyfileobj(source, out)


def _download(directory, *what):
    command = [_python_with_pip(), "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    command += ["--quiet", "--disable-pip-version-check", "--dest", str(directory), *what]
    for attempt in (1, 2, 3):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode == 0:
            return
    raise RuntimeError(f"pip could not download {what[-1]}:\n{done.stderr.strip()}")


def _python_with_pip():
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        python = paths.CACHE / "venv" / "bin" / "python"
        if not python.exists():
            made = subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])])
            if made.returncode:
                raise RuntimeError("Python has no pip: install python3-pip or python3-venv")
        return str(python)
    return sys.executable


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(get(argument, say=lambda line: print(line, file=sys.stderr)).home)
