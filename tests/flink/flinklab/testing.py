"""What the tests have in common."""

import re
import unittest

from . import discovery, distribution, job, paths
from .cluster import Cluster, Rest, wait_for_running, wait_for_task_managers
from .failover import Failover
from .nameservice import NameService
from .processes import wait_for

NAMESPACE = "/test"

# So that what waits for them does not take longer than it must: a leader that was killed is
# succeeded after the grace, one that is silent after the session.
SHORT = {
    "leaderserver": {
        "high-availability.leader-server.session-timeout": "4 s",
        "high-availability.leader-server.disconnect-grace": "500 ms",
    },
    "zookeeper": {"high-availability.zookeeper.client.session-timeout": "4 s"},
}


class Lab:
    """One cluster under test: its processes, and the ways to look at it."""

    def __init__(self, processes, version, directory, options=None, status=(), **more):
        """`options` are keys of LeaderServer, `status` those of its command; `more` goes to the
        `Cluster`."""
        self.flink = distribution.get(version)
        self.job = job.build(self.flink, directory / "job")
        self.discovery = discovery.LeaderServer(NAMESPACE, options=options)
        self.name_service = NameService(self.discovery.endpoint, NAMESPACE, status)
        jar = paths.drop_in_jar(version)
        if more.pop("application", False):
            more["usrlib"] = [self.job]
        self.cluster = Cluster(processes, directory, self.flink, self.discovery, [jar], **more)
        self.job_manager = None
        self.task_managers = []

    def start_job_manager(self, name="jobmanager", job=None):
        self.job_manager = self.cluster.job_manager(name, job)
        return self.job_manager

    def start_task_managers(self, ports=(None, None)):
        self.task_managers = [
            self.cluster.task_manager(f"taskmanager-{n}", port) for n, port in enumerate(ports, 1)
        ]

    @property
    def needs(self):
        """The processes without which nothing awaited will come."""
        return [p for p in (self.job_manager, *self.task_managers) if p]

    def rest(self):
        """The REST interface of the leader that the name service names."""
        address = wait_for("a REST leader", self.name_service.rest_address, 90, self.needs)
        return Rest(address)

    def registered(self):
        """Waits for all TaskManagers; returns the REST interface that they are registered at."""
        rest = self.rest()
        wait_for_task_managers(rest, len(self.task_managers), self.needs)
        return rest

    def run_job(self, rest):
        """Submits the endless job with the command line client; returns its id when it runs."""
        ident = self.cluster.submit(self.job)
        wait_for_running(rest, ident, self.needs)
        return ident


class FlinkTest(unittest.TestCase):
    """A class of tests on one cluster; the runner makes one of it for each release.

    Its tests run in the order of their names and may build on one another.
    """

    version = None  # set by the runner
    directory = None  # a new one for each class and release, set by the runner
    processes = None  # set by the runner, which ends them whatever happens
    once = False  # on the newest release only
    service = "leaderserver"  # what decides who leads in `failover`; set by the runner

    @classmethod
    def lab(cls, part="", **options):
        """A cluster; `part` names its directory where a class has more than one."""
        return Lab(cls.processes, cls.version, cls.directory / part, **options)

    @classmethod
    def failover(cls, **options):
        """A cluster with standbys."""
        options["options"] = {**SHORT[cls.service], **options.get("options", {})}
        return Failover(cls.processes, cls.version, cls.directory, cls.service, **options)

    def assert_exact(self, failover):
        """Every number was counted once, up to now."""
        failover.wait_for_checkpoints(1)
        self.assertEqual(failover.ledger.problems(), [])

    def assert_nothing_remains(self, failover):
        """Flink cleans up after the client has been told that its job is cancelled."""
        service = failover.service
        wait_for(
            f"nothing in the store or in {service.storage}",
            lambda: not service.stored() and not service.keys(),
            30,
        )

    def assert_quiet(self, *processes):
        """Our classes have logged no warning or worse, and nobody a fatal error."""
        for process in processes:
            bad = re.findall(
                r"^.*(?:(?:ERROR|WARN) +io\.leaderserver\b|[Ff]atal error).*$",
                process.text(),
                re.MULTILINE,
            )
            self.assertEqual(bad, [], f"in the log of {process.name}, {process.output.parent}")
