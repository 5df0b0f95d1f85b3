"""Flink's internal TLS: when it is on, so is that of the LeaderServer, with the same stores."""

from flinklab import tls
from flinklab.processes import Failed
from flinklab.testing import FlinkTest


class InternalTls(FlinkTest):
    order = 1
    once = True

    def test_1_a_cluster_runs_over_it(self):
        self.directory.mkdir(parents=True)
        type(self).keys = tls.internal(self.directory)
        type(self).one = self.lab(config=self.keys)
        self.one.start_job_manager()
        self.one.start_task_managers()
        rest = self.one.registered()
        self.one.run_job(rest)

    def test_2_a_client_without_the_stores_is_told_which_keys(self):
        prefix = "security.ssl.internal."
        without = {k: None for k in self.keys if k != prefix + "enabled"}
        with self.assertRaises(Failed) as failed:
            self.one.cluster.cli("list", config=without)
        self.assertIn(prefix + "keystore", str(failed.exception))
        self.assertIn(prefix + "truststore", str(failed.exception))

    def test_3_nobody_reads_it_in_the_clear(self):
        with self.assertRaises(ConnectionError):
            self.one.name_service.status()
