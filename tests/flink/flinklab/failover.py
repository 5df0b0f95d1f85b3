"""A cluster that is to survive its leader: a name service, JobManagers, TaskManagers and the job
that keeps exact state."""

import re
import time

from . import distribution, job, paths
from .cluster import Cluster, Rest, wait_for_task_managers
from .events import terms
from .ledger import Ledger
from .processes import Failed, wait_for
from .servers import LeaderServer, ZooKeeper

NAMESPACE = "/failover"
TASKS = 3  # of the job: the reader and two counters
RECOVERY_SECONDS = 120

CHECKPOINTS = {
    "execution.checkpointing.interval": "200 ms",
    "execution.checkpointing.storage": "filesystem",
}
# Small files of state of their own, many of which several checkpoints share. The pause is for
# Flink: a task that hears of a checkpoint's completion later than of the next checkpoint may refer
# to a file that the JobManager has forgotten, and then none completes any more.
INCREMENTAL = {
    "execution.checkpointing.min-pause": "200 ms",
    "state.backend.type": "rocksdb",
    "execution.checkpointing.incremental": "true",
    "execution.checkpointing.data-inline-threshold": "0 b",
}


class Failover:
    def __init__(self, processes, version, directory, service="leaderserver", **more):
        """`service` is the kind of name service. `options` are its keys, `data` and `tick` as in
        `servers`; all else goes to the `Cluster`."""
        self._flink = distribution.get(version)
        self.directory = directory
        self.job = job.build(self._flink, directory / "job")
        self.checkpoints = directory / "checkpoints"
        self.ledger = Ledger(directory / "ledger")
        self.arguments = ["--ledger", str(self.ledger.directory)]
        self.service = self._service(service, processes, more)
        config = {
            **CHECKPOINTS,
            "execution.checkpointing.dir": f"file://{self.checkpoints}",
            **more.pop("config", {}),
        }
        if more.pop("application", False):
            more["usrlib"] = [self.job]
        self.jar = paths.drop_in_jar(version) if service == "leaderserver" else None
        jars = [self.jar] if self.jar else []
        self.cluster = Cluster(
            processes, directory, self._flink, self.service, jars, config=config, **more
        )
        self.job_managers = []  # all that ever were
        self.dispensable = []  # those of them that may end by themselves
        self.task_managers = []
        self.job_id = None

    def _service(self, kind, processes, more):
        directory = self.directory / kind
        options = more.pop("options", None)
        if kind == "zookeeper":
            classpath = str(self._flink.home / "lib" / "*")
            tick = more.pop("tick", ZooKeeper.TICK_MS)
            return ZooKeeper(processes, directory, NAMESPACE, classpath, options, tick)
        return LeaderServer(processes, directory, NAMESPACE, options, more.pop("data", True))

    # --- start ---------------------------------------------------------------------------------

    def start(self, job_managers=2, task_managers=2, job=None, port=None):
        """Starts everything, and waits until it stands. `job`: see `JobManager`; `port` leads the
        first JobManager, which will lead, to the name service through a proxy."""
        self.service.start()
        first = self.add_job_manager(job, port)
        wait_for("a leader", lambda: self.leader() is first, 90, [first])
        for _ in range(job_managers - 1):
            self.add_job_manager(job)
        self.task_managers = [
            self.cluster.task_manager(f"taskmanager-{n + 1}") for n in range(task_managers)
        ]
        self.registered()
        self.wait_for_standbys()

    def add_job_manager(self, job=None, port=None):
        name = f"jobmanager-{len(self.job_managers) + 1}"
        self.job_managers.append(self.cluster.job_manager(name, job, port))
        return self.job_managers[-1]

    def wait_for_standbys(self):
        """Until every JobManager that lives stands in line: not before its REST endpoint listens,
        so that the name service is not asked while the JVM starts."""
        wait_for(
            "all REST endpoints",
            lambda: all(p.rest_address() for p in self.living),
            90,
            self.needs,
        )
        wait_for(
            "all JobManagers in line",
            lambda: self.service.standing(self.living) == len(self.living),
            90,
            self.needs,
        )

    def submit(self, *arguments):
        """Starts the job with the command line client; waits for its first checkpoints."""
        jar = str(self.job)
        self.job_id = self.cluster.submit("-c", job.SEQUENCE, jar, *self.arguments, *arguments)
        self.wait_for_checkpoints(3)
        return self.job_id

    # --- look ----------------------------------------------------------------------------------

    @property
    def living(self):
        return [p for p in self.job_managers if p.alive]

    @property
    def needs(self):
        """The processes without which nothing awaited will come."""
        job_managers = [p for p in self.living if p not in self.dispensable]
        return [self.service.process, *job_managers, *self.task_managers]

    def terms(self):
        """All terms of leadership so far, in the order of their grants."""
        found = [t for p in self.job_managers for t in terms(p, p.events.all(), TASKS)]
        return sorted(found, key=lambda term: term.granted)

    def term(self):
        """The present term, None if there is none."""
        last = self.terms()[-1:]
        return last[0] if last and last[0].job_manager.alive and not last[0].revoked else None

    def leader(self):
        """The JobManager that leads, or None."""
        term = self.term()
        return term and term.job_manager

    def revoked(self, job_manager):
        """Whether its last term is over, as far as it knows itself."""
        last = terms(job_manager, job_manager.events.all(), TASKS)[-1]
        return last.revoked is not None

    def tasks_that(self, state):
        """How many tasks have ended in that state, as the TaskManagers tell it."""
        ended = rf"switched from \w+ to {state}\b"
        return sum(len(re.findall(ended, p.text())) for p in self.task_managers)

    def standbys(self):
        leader = self.leader()
        return [p for p in self.living if p is not leader]

    def rest(self):
        """The REST interface of the leader."""
        return Rest(self.leader().rest_address())

    # --- wait ----------------------------------------------------------------------------------

    def granted(self, after):
        """The present term if it was granted after that moment, else None."""
        term = self.term()
        return term if term and term.granted >= after else None

    def registered(self):
        """Waits for all TaskManagers; returns the REST interface that they are registered at."""
        rest = self.rest()
        wait_for_task_managers(rest, len(self.task_managers), self.needs)
        return rest

    def wait_for_checkpoints(self, count):
        """Until so many more checkpoints have completed and been settled by all counters."""
        last = self.ledger.settled()
        wait_for(
            f"{count} more checkpoints after {last}",
            lambda: self.ledger.settled() >= last + count,
            RECOVERY_SECONDS,
            self.needs,
        )

    def recovered(self, after):
        """Waits for a term granted after that moment in which the job runs again and has completed
        a checkpoint; returns it."""

        def check():
            term = self.granted(after)
            return term and term.running and term.completed and term

        return wait_for(f"{self.job_id} to go on", check, RECOVERY_SECONDS, self.needs)

    # --- act -----------------------------------------------------------------------------------

    def kill_leader(self):
        """kill -9; returns the moment."""
        return _timed(self._leading().kill)

    def stop_leader(self):
        """`jobmanager.sh stop`, until its process has ended; returns the moment of the call."""
        return _timed(self._leading().stop_with_script)

    def pause_in_checkpoint(self, job_manager):
        """SIGSTOP while a checkpoint is pending; returns its number."""

        def paused_in_time():
            found = _pending(job_manager)
            if not found:
                return None
            job_manager.pause()
            if _pending(job_manager) == found:
                return found
            job_manager.wake()
            return None

        return wait_for(
            "a pause amidst a checkpoint", paused_in_time, 60, self.needs, poll_seconds=0.002
        )

    def pause_in_write(self, job_manager, proxy):
        """SIGSTOP when all that is left to do for a checkpoint, whose number is returned, is to
        write the pointer to it, which the proxy in front of the name service holds back."""

        def written(checkpoint):
            """Whether what the pointer will point to is in the storage directory."""
            metadata = self.checkpoints / self.job_id / f"chk-{checkpoint}" / "_metadata"
            copies = self.service.storage.rglob("completedCheckpoint*")
            since = metadata.stat().st_mtime_ns if metadata.exists() else float("inf")
            return any(f.stat().st_mtime_ns > since for f in copies)

        def held():
            found = _pending(job_manager)
            if not found:
                return None
            proxy.blackhole()
            wait_for(
                f"the pointer to checkpoint {found}",
                lambda: written(found) or _pending(job_manager) != found,
                60,
                self.needs,
            )
            if _pending(job_manager) == found:
                return found
            proxy.restore()  # too late, for this one has completed
            return None

        found = wait_for("a checkpoint", held, 60, self.needs, poll_seconds=0.002)
        job_manager.pause()
        return found

    def _leading(self):
        leader = self.leader()
        if not leader:
            raise Failed("nobody leads")
        return leader


def _pending(job_manager):
    """The number of the checkpoint that has been triggered and has not completed yet, or None."""
    events = [e for e in job_manager.events.all() if e.kind in ("triggered", "completed")]
    return int(events[-1].values[0]) if events and events[-1].kind == "triggered" else None


def _timed(action):
    moment = time.time()
    action()
    return moment
