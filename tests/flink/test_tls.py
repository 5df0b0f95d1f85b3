"""Flink's internal TLS: when it is on, so is that of the LeaderServer, with the same stores."""

from flinklab import tls
from flinklab.nameservice import NameService
from flinklab.processes import Failed
from flinklab.testing import NAMESPACE, FlinkTest


class InternalTls(FlinkTest):
    order = 5

    def test_1_a_cluster_runs_over_it(self):
        self.directory.mkdir(parents=True)
        type(self).keys = tls.internal(self.directory, names=self.version.startswith("2."))
        status = tls.command_line(self.directory)
        type(self).one = self.lab("cluster", config=self.keys, status=status)
        self.one.start_job_manager()
        self.one.start_task_managers()
        rest = self.one.registered()
        self.one.run_job(rest)

    def test_2_a_client_without_the_stores_is_told_which_keys(self):
        prefix = "security.ssl.internal."
        without = {k: None for k in self.keys if k != prefix + "enabled"}
        with self.assertRaises(Failed) as failed:
            self.one.cluster.cli("list", config=without)
        told = rf"Exception: .*{prefix}keystore.*{prefix}truststore"
        self.assertRegex(failed.exception.process.text(), told)

    def test_3_nobody_reads_it_in_the_clear(self):
        with self.assertRaisesRegex(ConnectionError, self.one.discovery.endpoint):
            NameService(self.one.discovery.endpoint, NAMESPACE).status()
