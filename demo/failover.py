#!/usr/bin/env python3
"""Failing over without ZooKeeper: the leader is killed, and the standby goes on with its job.

`make demo-failover` runs this after a build: a LeaderServer that keeps its state on disk, two
JobManagers, two TaskManagers and a job with checkpoints. It says what it does as it goes, checks
that no number was lost or counted twice, and ends all it started. What it says of moments is read
from the logs of LeaderServer and Flink.
"""

import datetime
import re
import sys
import time

from demo import run, say, show
from flinklab.failover import Failover
from flinklab.processes import Failed

CONFIG = {"execution.checkpointing.interval": "500 ms"}
STAMP = r"(?m)^(\S+Z) .*"
CHECKPOINTS = 5  # to let complete before something is killed


class Demo:
    def __init__(self, version, directory, processes):
        self.one = Failover(processes, version, directory, config=CONFIG)
        say(f"Flink {version}, with {self.one.jar.name} in its lib/")

    def run(self):
        self.start()
        self.kill_the_leader()
        self.kill_the_server()
        self.one.cluster.cli("cancel", self.one.job_id)
        say("flink cancel")

    def start(self):
        one = self.one
        say("leaderserver serve --data DIR, two JobManagers and two TaskManagers start")
        one.start()
        for each in one.living:
            say(f"{each.name} (pid {each.pid}) " + ("leads" if each is one.leader() else "stands by"))
        show("grep '^high-availability' jobmanager-2/conf/config.yaml", self.told("jobmanager-2"))
        say(f"flink run --detached {one.job.name}: it counts each number of a sequence once")
        one.submit()
        one.wait_for_checkpoints(CHECKPOINTS)
        command = one.service.name_service
        show(" ".join(command.command), command.printed())

    def kill_the_leader(self):
        one = self.one
        leader, standby = one.leader(), one.standbys()[0]
        settled = one.ledger.settled()
        say(f"checkpoint {settled} has completed. kill -9 {leader.pid}: {leader.name}, the leader")
        killed = one.kill_leader()
        term = one.recovered(killed)
        if term.job_manager is not standby:
            raise Failed(f"not {standby.name} leads, but {term.job_manager.name}")
        self.check(settled, term)
        ended, why = self.told_by_server(r"has ended: (.*)")
        granted, epoch = self.told_by_server(r"under epoch (\d+)")
        timeline(killed, [
            (killed, f"{leader.name} is killed"),
            (ended, f"LeaderServer ends its session: {why}"),
            (granted, f"LeaderServer grants {standby.name} epoch {epoch}"),
            (term.granted, f"the dispatcher of {standby.name} leads"),
            (term.restored, f"the job is restored from checkpoint {term.checkpoint}"),
            (term.running, "all tasks are running"),
            (term.completed, f"checkpoint {term.first} completes"),
        ])

    def kill_the_server(self):
        one = self.one
        one.wait_for_checkpoints(CHECKPOINTS)
        before = self.unnoticed()
        say(f"kill -9 {one.service.process.pid}: LeaderServer. It is started again")
        last = one.term().last
        killed = time.time()
        one.service.kill()
        one.service.start()
        one.wait_for_checkpoints(CHECKPOINTS)
        after = self.unnoticed()
        if after != before:
            raise Failed(f"the job has noticed: {before} became {after}")
        self.check(last, one.term())
        back, what = self.told_by_server("going on as (.*)")
        timeline(killed, [
            (killed, "LeaderServer is killed"),
            (back, f"LeaderServer is back, going on as {what}"),
            (self.next_checkpoint(killed), "the next checkpoint completes"),
        ])
        epochs, attempts = after[0], after[1]
        say(f"the same epoch {epochs['process']}, and {len(attempts)} tasks in their first attempt")

    def unnoticed(self):
        """What must be as it was: epochs, attempts of the tasks, restarts, and the leader."""
        one = self.one
        rest = one.rest()
        attempts = rest.attempts(one.job_id)
        restarts = rest.restarts(one.job_id)
        return one.service.epochs(), attempts, restarts, one.ledger.beginnings(), one.leader().name

    def check(self, settled, term):
        """Every number counted once, and nothing that was settled taken back."""
        problems = self.one.ledger.problems()
        if term.checkpoint is not None and term.checkpoint < settled and term.first > settled:
            problems.append(f"restored from {term.checkpoint}, though {settled} was settled")
        if problems:
            raise Failed("\n".join(problems))

    def told_by_server(self, pattern):
        """When LeaderServer last wrote a line that matches, and its first group."""
        found = self.one.service.process.find(STAMP + pattern)
        if not found:
            raise Failed(f"LeaderServer never said {pattern!r}", self.one.service.process)
        return datetime.datetime.fromisoformat(found[1]).timestamp(), found[2]

    def next_checkpoint(self, after):
        events = self.one.leader().events.all()
        return next(e.at for e in events if e.kind == "completed" and e.at > after)

    def told(self, name):
        text = (self.one.directory / name / "conf" / "config.yaml").read_text()
        return "\n".join(line for line in text.splitlines() if re.match("high-avail", line))


def timeline(zero, moments):
    """Prints what happened, in milliseconds since `zero`, a moment of the wall clock."""
    print()
    for moment, what in moments:
        print(f"    {(moment - zero) * 1000:7.0f} ms  {what}")
    print(flush=True)


if __name__ == "__main__":
    sys.exit(run(lambda *where: Demo(*where).run(), __doc__.splitlines()[0], "demo-failover"))
