"""The jobs of the demos, compiled against the release they will run on."""

import re
import subprocess
import zipfile

from . import paths

CLASS = "io.leaderserver.demo.NumbersJob"
SEQUENCE = "io.leaderserver.demo.SequenceJob"  # keeps exact state
SOURCE = paths.REPOSITORY / "demo" / "job" / "src" / "io" / "leaderserver" / "demo"


def build(flink, directory):
    """Compiles the jobs and returns their jar, whose manifest names the class of the first."""
    classes = directory / "classes"
    classes.mkdir(parents=True)
    jars = ":".join(str(jar) for jar in (flink.home / "lib").glob("flink-dist-*.jar"))
    command = ["javac", "-proc:none", "--release", "11", "-nowarn", "-cp", jars, "-d", classes]
    command += SOURCE.glob("*.java")
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, text=True)
    if done.returncode:
        raise RuntimeError(f"the job does not compile for Flink {flink.version}:\n{done.stderr}")
    jar = directory / "demo-jobs.jar"
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\nMain-Class: {CLASS}\n")
        for file in sorted(classes.rglob("*.class")):
            archive.write(file, file.relative_to(classes))
    return jar


def job_ids(printed):
    """The ids in what `flink list` printed."""
    return re.findall(r"\b([0-9a-f]{32}) : ", printed)
