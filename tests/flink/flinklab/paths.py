"""Where things are in the checkout."""

import os
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("LEADERSERVER_CACHE", REPOSITORY / ".cache"))
TARGET = REPOSITORY / "target"


class NotBuilt(Exception):
    """Something that `make build` leaves is not there."""


def version():
    """The project's version, from Cargo.toml."""
    text = (REPOSITORY / "Cargo.toml").read_text()
    return re.search(r'^version = "(.+)"$', text, re.MULTILINE).group(1)


def drop_in_jar(flink_version):
    """The jar that goes into the `lib/` of this Flink release.

    LEADERSERVER_JAR_1_20 and LEADERSERVER_JAR_2 name others, those in dist/ say.
    """
    line = "1.20" if flink_version.startswith("1.") else "2"
    override = os.environ.get("LEADERSERVER_JAR_" + line.replace(".", "_"))
    name = f"leaderserver-flink-{line}"
    jar = Path(override or REPOSITORY / "java" / name / "target" / f"{name}-{version()}.jar")
    return _built(jar)


def command():
    """The `leaderserver` program; LEADERSERVER_BIN names another."""
    override = os.environ.get("LEADERSERVER_BIN")
    return _built(Path(override or TARGET / "release" / "leaderserver"))


def _built(path):
    if not path.is_file():
        raise NotBuilt(f"{path} is not there: run `make build` first")
    return path
