"""What the counters of the job with exact state have written, and whether it can be true.

The lines are described in `Ledger.java`. A counter writes `settled` when it hears that a checkpoint
has completed, as a sink would that commits a transaction then; so from that moment on the job may
never go back to an earlier one, whoever leads.
"""

import dataclasses

SUBTASKS = 2


@dataclasses.dataclass(frozen=True)
class Line:
    subtask: int
    at: float
    attempt: str
    event: str
    checkpoint: int
    totals: tuple  # count, sum, highest


class Ledger:
    def __init__(self, directory):
        self.directory = directory

    @property
    def end(self):
        """The file that ends the sequence."""
        return self.directory / "end"

    def lines(self, subtask):
        file = self.directory / f"subtask-{subtask}"
        whole = file.read_text().rpartition("\n")[0] if file.exists() else ""
        return [_parse(subtask, line) for line in whole.splitlines()]

    def beginnings(self):
        """How often each counter has begun."""
        return [sum(1 for line in self.lines(n) if line.event == "begins") for n in range(SUBTASKS)]

    def checkpoints(self):
        """All checkpoints that any counter holds for settled."""
        lines = (line for n in range(SUBTASKS) for line in self.lines(n))
        return {line.checkpoint for line in lines if line.event == "settled"}

    def settled(self):
        """The highest checkpoint that all counters hold for settled, 0 if there is none."""
        return min(
            max((line.checkpoint for line in self.lines(n) if line.event == "settled"), default=0)
            for n in range(SUBTASKS)
        )

    def problems(self):
        """Sentences about what must not be; an empty list if each number was counted once."""
        subtasks = [self.lines(n) for n in range(SUBTASKS)]
        return [p for lines in subtasks for p in _of_one(lines)] + _of_all(subtasks)


def _parse(subtask, line):
    at, attempt, event, first, *totals = line.split()
    return Line(subtask, int(at) / 1000, attempt, event, int(first), tuple(map(int, totals)))


def _of_one(lines):
    """One counter: nothing broken, nothing settled twice, never back behind what is settled."""
    problems = []
    settled = {}  # checkpoint → totals
    latest = {}  # attempt → the last checkpoint it settled, in the order in which they began
    for line in lines:
        who = f"subtask {line.subtask}, attempt {line.attempt[:8]}"
        if line.event == "broken":
            problems.append(f"{who}: got {line.totals[0]} where {line.checkpoint} was next")
        elif line.event == "begins":
            latest[line.attempt] = line.checkpoint
            known = settled.get(line.checkpoint, line.totals)
            if known != line.totals:
                problems.append(f"{who}: begins with {line.totals}, settled was {known}")
        elif line.checkpoint in settled:
            problems.append(f"{who}: checkpoint {line.checkpoint} settled a second time")
        else:
            if line.checkpoint <= latest[line.attempt]:
                problems.append(f"{who}: {line.checkpoint} after {latest[line.attempt]}")
            latest[line.attempt] = line.checkpoint
            settled[line.checkpoint] = line.totals
    return problems + _steps_back(lines, latest)


def _steps_back(lines, latest):
    """An attempt that began behind what an earlier one has settled, if only later."""
    problems = []
    highest = 0
    for line in lines:
        if line.event == "begins":
            if line.checkpoint < highest:
                problems.append(
                    f"subtask {line.subtask}: begins from checkpoint {line.checkpoint}"
                    f" though {highest} was settled"
                )
            highest = max(highest, latest[line.attempt])
    return problems


def _of_all(subtasks):
    """Together the counters have counted 0, 1, … n - 1 at each checkpoint, each number once."""
    problems = []
    each = [{s.checkpoint: s.totals for s in lines if s.event == "settled"} for lines in subtasks]
    for checkpoint in sorted(set.intersection(*map(set, each))):
        totals = [settled[checkpoint] for settled in each]
        count, total, highest = (sum(t[0] for t in totals), sum(t[1] for t in totals),
                                 max(t[2] for t in totals))
        if count != highest + 1 or total != count * (count - 1) // 2:
            problems.append(f"checkpoint {checkpoint}: {count} numbers to {highest}, sum {total}")
    return problems
