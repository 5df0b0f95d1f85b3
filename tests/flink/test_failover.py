"""Leaders and name services that are killed while a job counts."""

import time

from flinklab.job import SEQUENCE
from flinklab.processes import wait_for
from flinklab.testing import FlinkTest

TIMES = 20


class Killed(FlinkTest):
    """kill -9 of the leading JobManager, of the name service, and of both.

    The ledger of the job says after each of these tests that every number was counted once, and
    that nobody ever went back behind a checkpoint that the job's tasks had been told of.
    """

    order = 6

    @classmethod
    def setUpClass(cls):
        cls.one = cls.failover()
        cls.one.start()
        cls.one.submit()

    def test_1_twenty_leaders_in_a_row(self):
        for _ in range(TIMES):
            killed = self.one.kill_leader()
            self.one.add_job_manager()
            self.one.recovered(killed)
            self.one.wait_for_standbys()
        self.assert_exact(self.one)

    def test_2_twenty_name_services_in_a_row_and_the_job_does_not_notice(self):
        before = self.unnoticed()
        for _ in range(TIMES):
            self.one.service.kill()
            self.one.service.start()
            self.one.wait_for_checkpoints(1)
        self.assertEqual(self.unnoticed(), before)
        self.assert_exact(self.one)

    def unnoticed(self):
        """What a restart of the name service must leave as it is."""
        term = self.one.term()
        epochs = self.one.service.epochs()
        return term.leader, term.restarts, self.one.ledger.beginnings(), epochs

    def test_3_the_leader_and_the_name_service_at_once(self):
        killed = self.one.kill_leader()
        self.one.service.kill()
        self.one.service.start()
        self.one.add_job_manager()
        self.one.recovered(killed)
        self.one.wait_for_standbys()
        self.assert_exact(self.one)

    def test_4_the_name_service_and_all_job_managers_at_once(self):
        killed = self.one.kill_leader()
        self.one.service.kill()
        for job_manager in self.one.living:
            job_manager.kill()
        self.one.service.start()
        for _ in range(2):
            self.one.add_job_manager()
        self.one.recovered(killed)
        self.one.wait_for_standbys()
        self.assert_exact(self.one)

    def test_5_a_leader_that_is_stopped_hands_over(self):
        leader = self.one.leader()
        stopped = self.one.stop_leader()
        ended = time.time()
        term = self.one.recovered(stopped)
        self.assertLess(term.granted, ended, "it was succeeded only after its end")
        self.assert_quiet(leader)
        self.one.add_job_manager()
        self.one.wait_for_standbys()
        self.assert_exact(self.one)

    def test_6_after_a_cancel_nothing_of_the_job_remains(self):
        self.assertTrue(self.one.service.stored())
        self.assertNotEqual(self.one.service.keys(), 0)
        self.one.cluster.cli("cancel", self.one.job_id)
        self.assert_nothing_remains(self.one)

    def test_7_and_the_next_leader_does_not_bring_it_back(self):
        killed = self.one.kill_leader()
        wait_for("the next leader", lambda: self.one.granted(killed), 90, self.one.needs)
        rest = self.one.registered()
        self.assertEqual([s for s in rest.jobs().values() if s != "CANCELED"], [])
        self.assert_nothing_remains(self.one)


class Regained(FlinkTest):
    """One JobManager alone, which loses the leadership and is granted it again."""

    order = 8

    def test_twenty_times_in_one_process(self):
        one = self.failover()
        one.start(job_managers=1)
        one.submit()
        process = one.leader()
        for _ in range(TIMES):
            resigned = time.time()
            one.service.name_service.resign()
            self.assertIs(one.recovered(resigned).job_manager, process)
        self.assertEqual(len(one.terms()), 1 + TIMES)
        self.assertEqual([p.registrations() for p in one.task_managers], [1 + TIMES] * 2)
        self.assert_exact(one)
        self.assert_quiet(process)


class KilledApplication(FlinkTest):
    """Application mode: the standby runs the program again, and with it the job goes on."""

    order = 9

    def test_the_job_goes_on_and_leaves_nothing(self):
        one = self.failover(application=True)
        one.start(job=[SEQUENCE, *one.arguments])
        one.wait_for_checkpoints(3)
        killed = one.kill_leader()
        one.recovered(killed)
        self.assert_exact(one)
        last = one.leader()
        one.cluster.cli("cancel", *one.rest().jobs())
        self.assertEqual(last.wait(60), 0)
        self.assert_nothing_remains(one)
