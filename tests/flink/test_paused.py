"""A leader that stands still for longer than its session, and then goes on."""

import contextlib
import time

from flinklab.failover import INCREMENTAL
from flinklab.processes import wait_for
from flinklab.proxy import Proxy
from flinklab.testing import FlinkTest

# Files of state are never merged (FIFO only drops some, and not before there is a gigabyte), so
# each checkpoint needs all that were ever written: were one deleted, a recovery would miss it.
SHARED = {
    **INCREMENTAL,
    "state.backend.rocksdb.compaction.style": "FIFO",
    # its tasks end as soon as the sequence does, whatever the JobManager does
    "execution.checkpointing.checkpoints-after-tasks-finish": "false",
}


class Paused(FlinkTest):
    """SIGSTOP for the leading JobManager until its successor has taken the job over.

    What its TaskManagers tell it in the meantime waits in its sockets, and is the first thing that
    it sees when it is woken: its own job is then about to complete a checkpoint, or has finished,
    or is cancelled, and it acts on that before it knows that it leads no more. The successor's job
    is to be none the worse for it, and is then made to recover once more.

    Seen to fail with Flink's ZooKeeper services: the woken JobManager whose job has finished or is
    cancelled deletes what the new leader needs, and the job is lost.
    """

    order = 7

    @classmethod
    def setUpClass(cls):
        cls.one = cls.failover(config=SHARED)
        cls.proxy = cls.enterClassContext(Proxy(cls.one.service.port))
        cls.one.start(port=cls.proxy.port)
        # checkpoints that take long enough to be met halfway
        cls.one.submit("--snapshot-ms", "100")

    def setUp(self):
        while len(self.one.living) < 2:  # one has ended in the test before
            self.one.add_job_manager()
        self.one.wait_for_standbys()

    def test_1_its_checkpoint_is_refused(self):
        """It was about to write the pointer when it was paused."""
        leader = self.one.leader()
        with self.succeeded(leader):
            checkpoint = self.one.pause_in_write(leader, self.proxy)
        if self.successor.checkpoint != checkpoint:  # it was held back in time
            self.assert_never_completed(leader, checkpoint)
            self.assertRegex(leader.text(), rf"(?s)checkpoint {checkpoint}\b.*\bfenced: epoch")
        self.assert_recovers_again()

    def test_2_its_job_has_finished(self):
        """It was about to write that down, and to clean up, when it was paused."""
        leader = self.one.leader()
        with self.succeeded(leader):
            self.proxy.blackhole()
            self.one.ledger.end.touch()
            wait_for("its end", lambda: self.one.term().job == "FINISHED", 60, self.one.needs)
            leader.pause()
            self.one.ledger.end.unlink()
        self.assert_recovers_again()

    def test_3_its_checkpoint_is_pending(self):
        """What its tasks had to say to it is in its sockets when it wakes."""
        leader = self.one.leader()
        with self.succeeded(leader):
            checkpoint = self.one.pause_in_checkpoint(leader)
        self.assert_never_completed(leader, checkpoint)
        self.assert_recovers_again()

    def test_4_its_job_finishes(self):
        """The tasks have told it so, in its sockets."""
        leader = self.one.leader()
        before = self.one.tasks_that("FINISHED")
        with self.succeeded(leader):
            leader.pause()
            self.one.ledger.end.touch()
            self.wait_for_tasks_that("FINISHED", before)
            self.one.ledger.end.unlink()
        self.assert_recovers_again()

    def test_5_its_job_is_cancelled(self):
        """It has been told to, and the tasks have told it that they are, in its sockets."""
        leader = self.one.leader()
        before = self.one.tasks_that("CANCELED")
        with self.succeeded(leader):
            with contextlib.ExitStack() as task_managers:
                for task_manager in self.one.task_managers:
                    task_managers.enter_context(task_manager.suspended())
                self.one.rest().cancel(self.one.job_id)
                leader.pause()
            self.wait_for_tasks_that("CANCELED", before)
        self.assert_recovers_again()

    def assert_never_completed(self, leader, checkpoint):
        completed = [e.values[0] for e in leader.events.all() if e.kind == "completed"]
        self.assertNotIn(str(checkpoint), completed)
        self.assertNotIn(checkpoint, self.one.ledger.checkpoints())

    def wait_for_tasks_that(self, state, before):
        wait_for(
            f"all tasks {state}",
            lambda: self.one.tasks_that(state) == before + 3,
            60,
            self.one.needs,
        )

    @contextlib.contextmanager
    def succeeded(self, leader):
        """The block pauses the leader; then its successor takes over, and it is woken."""
        began = time.time()
        try:
            yield
            self.assertIs(self.one.leader(), leader, "it was succeeded too early")
            self.successor = self.one.recovered(began)
        finally:
            self.proxy.restore()
            leader.wake()
        # Flink ends a JobManager that may not write down how a job ended.
        self.one.dispensable.append(leader)
        wait_for("its revocation or end", lambda: self.one.revoked(leader) or not leader.alive, 60)
        self.one.wait_for_standbys()
        self.assertIsNot(self.one.leader(), leader)
        self.assert_exact(self.one)

    def assert_recovers_again(self):
        killed = self.one.kill_leader()
        self.one.add_job_manager()
        self.one.recovered(killed)
        self.one.wait_for_standbys()
        self.one.dispensable.clear()
        self.assert_exact(self.one)
