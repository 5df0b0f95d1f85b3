"""Processes that are ours, and waiting for what they do.

A process started here is in a process group of its own, writes to a file of its own, and is
ended by its process id, by nothing else. It does not outlive us: it is stopped when the `Processes`
that started it are closed, and the kernel kills it if we die without getting that far.
"""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time

POLL_SECONDS = 0.1
TAIL_LINES = 15
TAIL_COLUMNS = 240

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Failed(AssertionError):
    """Something awaited did not happen; the message says what, and shows the ends of the logs.

    `process` is the one that failed, where there is one.
    """

    def __init__(self, message, process=None):
        super().__init__(message)
        self.process = process


class Process:
    """One process. Made by `Processes.start`."""

    def __init__(self, name, command, env, cwd, output):
        self.name = name
        self.output = output
        self._ours = os.getpid()
        with open(output, "ab") as out:
            self._popen = subprocess.Popen(
                [str(part) for part in command],
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._die_with_parent,
            )

    def _die_with_parent(self):
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._ours:  # it died before the call above
            os._exit(1)

    @property
    def pid(self):
        return self._popen.pid

    @property
    def status(self):
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def alive(self):
        return self.status is None

    def cpu_seconds(self):
        """The processor time it has used so far, that of all its threads."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number):
        """Sends a signal to the whole group; nothing if the process has ended."""
        if self.alive:
            os.killpg(self.pid, number)

    def kill(self):
        """SIGKILL: it gets no chance to say goodbye. Returns the exit status."""
        self.signal(signal.SIGKILL)
        return self._popen.wait()

    def stop(self, timeout=60):
        """SIGTERM, and a wait for the end. Returns the exit status; kills what does not end."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except Failed:
            self.kill()
            raise

    def wait(self, timeout):
        """Waits for the end; returns the exit status."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} has not ended after {timeout} s\n{self.tail()}") from None

    def pause(self):
        """SIGSTOP."""
        self.signal(signal.SIGSTOP)

    def wake(self):
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    @contextlib.contextmanager
    def suspended(self):
        """Paused for the length of the block."""
        self.pause()
        try:
            yield
        finally:
            self.wake()

    def logs(self):
        """The files it writes to; a subclass may know more."""
        return [self.output]

    def text(self):
        """All it has written."""
        return "".join(f.read_text(errors="replace") for f in self.logs() if f.exists())

    def find(self, pattern):
        """The last match of a regular expression in what it has written, or None."""
        match = None
        for match in re.finditer(pattern, self.text()):
            pass
        return match

    def tail(self):
        lines = [line[:TAIL_COLUMNS] for line in self.text().splitlines()[-TAIL_LINES:]]
        state = "running" if self.alive else f"ended, status {self.status}"
        return "\n".join([f"--- {self.name} (pid {self.pid}, {state}) {self.output}", *lines])


class Processes:
    """The processes of one run. A context manager: at its end all of them have ended."""

    def __init__(self):
        self._started = []

    def start(self, kind, *args, **kwargs):
        """Starts a process of class `kind`; must be called in the main thread, for the kernel's
        parent-death signal counts the death of the thread that started it."""
        process = kind(*args, **kwargs)
        self._started.append(process)
        return process

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Ends all, last started first: asks, waits a little for all of them, then kills."""
        running = [p for p in reversed(self._started) if p.alive]
        for process in running:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for process in running:
            with contextlib.suppress(Failed):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in running:
            process.kill()
        self._started.clear()


def wait_for(what, check, timeout=60, needs=(), poll_seconds=POLL_SECONDS):
    """Waits until `check()` is true and returns what it returned.

    An OSError of `check` counts as not yet. Fails at once when a process of `needs` has ended.
    """
    deadline = time.monotonic() + timeout
    problem = None
    while True:
        try:
            result = check()
            if result:
                return result
            problem = None
        except OSError as error:
            problem = error
        ended = [p for p in needs if not p.alive]
        if ended or time.monotonic() > deadline:
            reason = f"{ended[0].name} ended" if ended else f"not within {timeout} s"
            hint = f" (last: {problem})" if problem else ""
            tails = "\n".join(p.tail() for p in needs)
            raise Failed(f"waited for {what}: {reason}{hint}\n{tails}")
        time.sleep(poll_seconds)


def holds_for(what, check, seconds, needs=()):
    """Fails as soon as `check()` is false, or a process of `needs` ends, in the next `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = [p.name for p in needs if not p.alive]
        if ended or not check():
            reason = f"{ended[0]} ended" if ended else "no longer so"
            tails = "\n".join(p.tail() for p in needs)
            raise Failed(f"{what}: {reason}\n{tails}")
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def terminated_is_interrupted():
    """Within the block SIGTERM and SIGHUP do what Ctrl-C does, so that everything is torn down."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = {n: signal.signal(n, interrupt) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
