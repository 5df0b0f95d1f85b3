#!/usr/bin/env python3
"""The main job: a Flink cluster that finds its leaders through LeaderServer.

`make demo` runs this after a build. It says what it does as it goes, ends all it started, and
leaves the logs in the directory that it names.
"""

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "flink"))

from flinklab import discovery, distribution, job, paths  # noqa: E402
from flinklab.cluster import Cluster, Rest, wait_for_running, wait_for_task_managers  # noqa: E402
from flinklab.nameservice import NameService  # noqa: E402
from flinklab.processes import Failed, Processes, terminated_is_interrupted, wait_for  # noqa: E402

NAMESPACE = "/demo"
CLUSTER_KEYS = "^(high-availability|jobmanager|rest)"
_started = time.monotonic()


def say(line=""):
    print(f"[{time.monotonic() - _started:5.1f} s] {line}" if line else "", flush=True)


def show(command, output):
    """A command as one would type it, and what it printed."""
    print(f"\n    $ {command}")
    for line in output.rstrip().splitlines():
        print(f"    {line}")
    print(flush=True)


class Demo:
    def __init__(self, version, directory, processes):
        self.flink = distribution.get(version, say)
        self.directory = directory
        self.discovery = discovery.LeaderServer(NAMESPACE)
        self.name_service = NameService(self.discovery.endpoint, NAMESPACE)
        self.job = job.build(self.flink, directory / "job")
        jar = paths.drop_in_jar(version)
        self.cluster = Cluster(processes, directory, self.flink, self.discovery, jars=[jar])
        say(f"Flink {version}, with {jar.name} in its lib/")

    def run(self):
        first = self.start_job_manager("jobmanager-1")
        self.task_managers = [self.cluster.task_manager(f"taskmanager-{n}") for n in (1, 2)]
        say("two TaskManagers start. All they know of the cluster:")
        show(f"grep -E '{CLUSTER_KEYS}' taskmanager-1/conf/config.yaml", self.told("taskmanager-1"))
        rest = self.wait_until_registered(first)
        self.run_job(first, rest)

        say(f"kill -9 {first.pid}: the JobManager is gone, its LeaderServer and its job with it")
        first.kill()
        killed = time.monotonic()
        second = self.start_job_manager("jobmanager-2")
        before, rest = rest, self.wait_until_registered(second)
        seconds = time.monotonic() - killed
        say(f"{seconds:.1f} s after the kill, nobody else restarted and nobody told anything:")
        say(f"  REST has moved from {before.address} to {rest.address}")
        self.run_job(second, rest)

    def start_job_manager(self, name):
        process = self.cluster.job_manager(name)
        say(f"{name} starts (pid {process.pid}): RPC and REST on ports that the kernel picks,")
        say(f"  its LeaderServer on 127.0.0.1:{self.discovery.port}")
        return process

    def wait_until_registered(self, job_manager):
        """Both TaskManagers, at the REST address that the name service tells."""
        needs = [job_manager, *self.task_managers]
        address = wait_for("a REST leader", self.name_service.rest_address, 90, needs)
        say(f"leaderserver status --json: the REST endpoint is at {address}")
        rest = Rest(address)
        ids = wait_for_task_managers(rest, 2, needs)
        say(f"TaskManagers registered with {job_manager.name}: {', '.join(sorted(ids))}")
        return rest

    def run_job(self, job_manager, rest):
        """Submits the job and shows it, and its leaders, from outside."""
        needs = [job_manager, *self.task_managers]
        say(f"flink run --detached {self.job.name}; the client knows the LeaderServer, no more")
        ident = self.cluster.submit(self.job)
        attempts = wait_for_running(rest, ident, needs)
        where = {task_manager for _, _, task_manager in attempts.values()}
        say(f"job {ident}: {len(attempts)} tasks RUNNING on {len(where)} TaskManagers")
        listed = self.cluster.cli("list")
        show("flink list", listed)
        if ident not in listed:
            raise Failed("flink list does not show the job")
        show(" ".join(self.name_service.command), self.name_service.printed())
        missing = [c for c in ("rest", "dispatcher", "resource", ident) if not self.has_leader(c)]
        if missing:
            raise Failed(f"no leader shown for {missing}")

    def has_leader(self, part):
        return any(part in component for component in self.name_service.components())

    def told(self, name):
        """What a process's configuration says of where the others are."""
        lines = (self.directory / name / "conf" / "config.yaml").read_text().splitlines()
        return "\n".join(line for line in lines if re.match(CLUSTER_KEYS, line))


def run(act, description, name):
    """Calls `act(version, directory, processes)` and sees to it that all it starts ends; returns
    the exit status. `name` is that of the directory for its logs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--flink", default="2.3.0", metavar="VERSION", help="default: 2.3.0")
    version = parser.parse_args().flink
    stamp = time.strftime("%Y%m%d-%H%M%S")
    directory = paths.TARGET / name / f"flink-{version}-{stamp}"
    directory.mkdir(parents=True)
    try:
        with terminated_is_interrupted(), Processes() as processes:
            act(version, directory, processes)
            say("done; stopping all of it")
        say("everything that was started has ended")
    except (Failed, RuntimeError, ValueError, paths.NotBuilt) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything that was started has ended", file=sys.stderr)
        return 130
    finally:
        print(f"logs: {directory}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda *where: Demo(*where).run(), __doc__.splitlines()[0], "demo"))
