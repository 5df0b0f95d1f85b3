"""Clusters that find their leaders through the LeaderServer in the JobManager."""

import re
import socket
import uuid

from flinklab import ports
from flinklab.cluster import wait_for_progress, wait_for_running
from flinklab.job import CLASS, job_ids
from flinklab.processes import Failed, holds_for, wait_for
from flinklab.proxy import Proxy
from flinklab.testing import FlinkTest

CUT_OFF_SECONDS = 30
SUSPENDED_SECONDS = 15  # more than the session time-out, less than Flink's heartbeat time-out


class MainJob(FlinkTest):
    """The main job as `make demo` shows it."""

    order = 1

    @classmethod
    def setUpClass(cls):
        cls.one = cls.lab()
        cls.one.start_job_manager("jobmanager-1")
        cls.one.start_task_managers()

    def test_1_task_managers_and_client_know_only_the_name_service(self):
        rest = self.one.registered()
        type(self).job_id = self.one.run_job(rest)
        self.assertEqual(job_ids(self.one.cluster.cli("list")), [self.job_id])
        for name in ("taskmanager-1", "cli-1"):
            text = (self.one.cluster.directory / name / "conf" / "config.yaml").read_text()
            self.assertNotRegex(text, r"(?m)^(jobmanager|rest)\.")

    def test_2_every_component_has_the_one_leader_session(self):
        leaders = self.one.name_service.components()
        self.assertEqual(len(leaders), 4, leaders)  # REST, dispatcher, resource manager, the job
        self.assertTrue(any(self.job_id in component for component in leaders), leaders)
        sessions = {session for session, _ in leaders.values()}
        self.assertEqual(len(sessions), 1, leaders)
        type(self).session = uuid.UUID(sessions.pop())

    def test_3_a_client_of_another_namespace_finds_nothing(self):
        other = {"high-availability.cluster-id": "/other", "rest.await-leader-timeout": "3 s"}
        with self.assertRaises(Failed) as failed:
            self.one.cluster.cli("list", config=other)
        said = failed.exception.process.text()
        self.assertRegex(said, "/other.*/test.*high-availability.cluster-id")

    def test_4_a_client_told_the_host_with_m_dials_it_at_our_port(self):
        ours = "high-availability.leader-server."
        keys = {ours + "endpoint": "jobmanager:", ours + "port": self.one.discovery.port}
        listed = self.one.cluster.cli("list", "-m", "127.0.0.1:1", config=keys)
        self.assertEqual(job_ids(listed), [self.job_id])

    def test_5_an_attached_client_sees_its_job_to_the_end(self):
        self.one.cluster.cli("cancel", self.job_id)
        printed = self.one.cluster.cli("run", str(self.one.job), "--count", "100")
        self.assertRegex(printed, r"Job with JobID \w+ has finished")

    def test_6_killed_and_replaced_while_nobody_else_is_restarted(self):
        before = self.one.rest()
        self.one.run_job(before)
        pids = [p.pid for p in self.one.task_managers]
        self.one.job_manager.kill()
        self.one.start_job_manager("jobmanager-2")
        rest = self.one.registered()
        self.assertNotEqual(rest.address, before.address)
        for task_manager in self.one.task_managers:
            self.assertTrue(task_manager.alive)
            self.assertEqual(task_manager.registrations(), 2)
        self.assertEqual([p.pid for p in self.one.task_managers], pids)
        job_id = self.one.run_job(rest)
        self.assertEqual(job_ids(self.one.cluster.cli("list")), [job_id])
        leaders = self.one.name_service.components()
        epochs = {uuid.UUID(session).int >> 64 for session, _ in leaders.values()}
        self.assertEqual(len(epochs), 1, leaders)
        self.assertGreater(epochs.pop(), self.session.int >> 64)


class TaskManagersFirst(FlinkTest):
    """TaskManagers that start before the JobManager, each behind a proxy of its own.

    Seen to fail with a retrieval-timeout of 5 s: then the job does not survive being cut off.
    """

    order = 2

    @classmethod
    def setUpClass(cls):
        cls.one = cls.lab(config={"taskmanager.numberOfTaskSlots": 2})
        cls.proxies = [cls.enterClassContext(Proxy(cls.one.discovery.port)) for _ in range(2)]

    def warnings(self, task_manager, proxy):
        """How often it has warned that it can't reach the endpoint it was given."""
        pattern = rf"WARN +io\.leaderserver\b.*127\.0\.0\.1:{proxy.port}"
        return len(re.findall(pattern, task_manager.text()))

    def wait_for_warning(self, task_manager, proxy, before=0):
        wait_for(
            f"a warning of {task_manager.name} that names the endpoint",
            lambda: self.warnings(task_manager, proxy) > before,
            CUT_OFF_SECONDS,
            [task_manager],
        )

    def test_1_wait_for_the_job_manager_and_find_it(self):
        self.one.start_task_managers([proxy.port for proxy in self.proxies])
        for proxy, task_manager in zip(self.proxies, self.one.task_managers):
            wait_for("an attempt to connect", lambda: proxy.connections > 1, 90, [task_manager])
            self.wait_for_warning(task_manager, proxy)
        self.one.start_job_manager("jobmanager-1")
        rest = self.one.registered()
        type(self).job_id = self.one.run_job(rest)

    def test_2_cut_off_from_the_leader_server_they_go_on_working(self):
        rest = self.one.rest()
        before = wait_for_running(rest, self.job_id, self.one.needs)
        cut_off = list(zip(self.one.task_managers, self.proxies))
        warned = [self.warnings(*each) for each in cut_off]
        accepted = [proxy.connections for proxy in self.proxies]
        self.proxies[0].blackhole()
        self.proxies[1].refuse()
        try:
            wait_for_progress(rest, self.job_id, self.one.needs)
            holds_for(
                "the job runs on as it was",
                lambda: rest.attempts(self.job_id) == before,
                CUT_OFF_SECONDS,
                self.one.needs,
            )
            wait_for_progress(rest, self.job_id, self.one.needs)
            for each, count in zip(cut_off, warned):
                self.wait_for_warning(*each, count)
        finally:
            for proxy in self.proxies:
                proxy.restore()
        for proxy, count in zip(self.proxies, accepted):
            wait_for("a new connection", lambda: proxy.connections > count, 60, self.one.needs)
        # a second job needs both TaskManagers, who have to learn of its leader
        self.one.cluster.cli("cancel", self.one.run_job(rest))
        self.assertEqual(rest.attempts(self.job_id), before)
        self.assertEqual(rest.restarts(self.job_id), 0)
        self.assertEqual([p.registrations() for p in self.one.task_managers], [1, 1])

    def test_3_a_suspended_job_manager_stays_the_leader(self):
        rest = self.one.rest()
        before = wait_for_running(rest, self.job_id, self.one.needs)
        leaders = self.one.name_service.components()
        with self.one.job_manager.suspended():
            holds_for("the TaskManagers live", lambda: True, SUSPENDED_SECONDS, self.one.needs)
        wait_for_progress(rest, self.job_id, self.one.needs)
        self.assertEqual(self.one.name_service.components(), leaders)
        self.assertEqual(rest.attempts(self.job_id), before)
        self.assertEqual([p.registrations() for p in self.one.task_managers], [1, 1])

    def test_4_stopped_gracefully_it_leaves_its_port_to_a_successor(self):
        first = self.one.job_manager
        first.stop()
        self.assertFalse(ports.listening(self.one.discovery.port))
        self.assert_quiet(first)
        self.one.start_job_manager("jobmanager-2")
        rest = self.one.registered()
        self.one.run_job(rest)
        self.assertEqual([p.registrations() for p in self.one.task_managers], [2, 2])


class ApplicationMode(FlinkTest):
    """A cluster for one job, each component with an election to itself."""

    order = 3

    def test_application_runs_and_ends_with_its_job(self):
        one = self.lab(
            application=True,
            options={"high-availability.leader-server.election": "per-component"},
            jvm="-Xcheck:jni",
        )
        one.start_job_manager(job=[CLASS])
        one.start_task_managers()
        rest = one.registered()
        job_id = wait_for("the job", lambda: list(rest.jobs()), 60, one.needs)[0]
        wait_for_running(rest, job_id, one.needs)
        self.assertEqual(job_ids(one.cluster.cli("list")), [job_id])
        leaders = one.name_service.components()
        self.assertEqual(len({session for session, _ in leaders.values()}), len(leaders), leaders)
        one.cluster.cli("cancel", job_id)
        self.assertEqual(one.job_manager.wait(60), 0)
        self.assertFalse(ports.listening(one.discovery.port))
        self.assert_quiet(one.job_manager)
        for process in one.needs:
            self.assertNotRegex(process.text(), "in native method")


class Mistakes(FlinkTest):
    """What a JobManager says that was started wrongly."""

    order = 4
    once = True

    def test_1_an_endpoint_that_is_none(self):
        key = "high-availability.leader-server.endpoint"
        one = self.lab("mistyped", config={key: "leadre://somewhere"})
        one.start_job_manager()
        self.assertNotEqual(one.job_manager.wait(60), 0)
        self.assertRegex(one.job_manager.text(), rf"Exception: .*{key}.*leadre://somewhere")

    def test_2_a_port_in_use(self):
        one = self.lab("port-in-use")
        key = "high-availability.leader-server.port"
        with socket.create_server(("127.0.0.1", one.discovery.port)):
            one.start_job_manager()
            self.assertNotEqual(one.job_manager.wait(60), 0)
        told = rf"Exception: .*127\.0\.0\.1:{one.discovery.port}.*{key}"
        self.assertRegex(one.job_manager.text(), told)
