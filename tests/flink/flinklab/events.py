"""What a JobManager's log tells of leadership and of its job, and when.

The moments are those that Flink writes in front of each line: seconds of the wall clock, exact to a
millisecond. A `Term` is one leadership of one JobManager, from the grant on.
"""

import dataclasses
import os
import re
import time

UUID = "[0-9a-f-]{36}"
JOB = "[0-9a-f]{32}"
LINE = re.compile(r"(?P<second>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(?P<ms>\d{3}) (?P<text>.*)")
EVENTS = {
    "granted": rf"DefaultDispatcherRunner was granted leadership with leader id ({UUID})",
    "revoked": rf"DefaultDispatcherRunner was revoked the leadership with leader id ({UUID})",
    "restored": rf"Restoring job {JOB} from Checkpoint (\d+) @",
    "task": r" \([0-9a-f]{32}_([0-9a-f]{32}_\d+)_\d+\) switched from \w+ to (\w+)",
    "job": rf"Job .* \({JOB}\) switched from state \w+ to (\w+)",
    "triggered": r"Triggering checkpoint (\d+) ",
    "completed": rf"Completed checkpoint (\d+) for job {JOB}",
}
EVENTS = {kind: re.compile(pattern) for kind, pattern in EVENTS.items()}


@dataclasses.dataclass(frozen=True)
class Event:
    at: float
    kind: str
    values: tuple


@dataclasses.dataclass
class Term:
    """Moments are None as long as they have not come."""

    job_manager: object
    leader: str
    granted: float
    restored: float = None
    checkpoint: int = None  # restored from this one
    running: float = None  # all tasks, for the first time
    completed: float = None  # the first checkpoint of this term
    first: int = None
    last: int = None  # the last checkpoint completed so far
    revoked: float = None
    job: str = None  # the state of the job
    restarts: int = 0
    tasks: dict = dataclasses.field(default_factory=dict)


class Events:
    """The events in the log file in a directory, read as it grows."""

    def __init__(self, directory):
        self._directory = directory
        self._file = None
        self._rest = ""
        self._events = []

    def all(self):
        """All events so far, in order."""
        for line in self._lines():
            found = LINE.match(line)
            if found:
                self._add(found)
        return self._events

    def _add(self, found):
        for kind, pattern in EVENTS.items():
            match = pattern.search(found["text"])
            if match:
                second = time.mktime(time.strptime(found["second"], "%Y-%m-%d %H:%M:%S"))
                at = second + int(found["ms"]) / 1000
                self._events.append(Event(at, kind, match.groups()))
                return

    def _lines(self):
        """The whole lines that were written since the last call. Flink begins a new file early on,
        and renames the one it wrote to until then."""
        text = self._rest
        for path in sorted(self._directory.glob("*.log")):
            if self._file:
                text += self._file.read()
            if not self._file or os.fstat(self._file.fileno()).st_ino != path.stat().st_ino:
                self._file = open(path, encoding="utf-8", errors="replace")
                text += self._file.read()
        *lines, self._rest = text.split("\n")
        return lines


def terms(job_manager, events, tasks):
    """The terms of a JobManager; its job has so many `tasks`."""
    found = []
    for event in events:
        if event.kind == "granted":
            found.append(Term(job_manager, event.values[0], event.at))
        elif found:
            _apply(found[-1], event, tasks)
    return found


def _apply(term, event, tasks):
    first = event.values[0]
    if event.kind == "revoked":
        term.revoked = event.at
    elif event.kind == "restored" and term.restored is None:
        term.restored, term.checkpoint = event.at, int(first)
    elif event.kind == "job":
        term.job = first
        term.restarts += first == "RESTARTING"
    elif event.kind == "task":
        term.tasks[first] = event.values[1]
        if term.running is None and list(term.tasks.values()) == ["RUNNING"] * tasks:
            term.running = event.at
    elif event.kind == "completed":
        term.last = int(first)
        if term.completed is None:
            term.completed, term.first = event.at, term.last
