"""How the processes of a cluster find each other: what goes into whose configuration.

Each class has the keys of a JobManager, and those of everybody else (TaskManagers and the command
line client), which for LeaderServer know the name service and nothing more.
"""

from . import ports

FACTORY = "io.leaderserver.flink.LeaderServerHaServicesFactory"


class LeaderServer:
    """The name service inside the JobManager, on one port that a successor takes again."""

    def __init__(self, namespace="/demo", port=None, options=None):
        self.namespace = namespace
        self.port = port or ports.free()
        self.options = options or {}

    @property
    def endpoint(self):
        """For `leaderserver --endpoint`."""
        return f"leader://127.0.0.1:{self.port}"

    def job_manager(self):
        return {
            **self._common("jobmanager:"),
            "high-availability.leader-server.port": self.port,
            "high-availability.leader-server.bind-host": "127.0.0.1",
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": 0,
            "rest.address": "127.0.0.1",
            "rest.port": 0,
        }

    def others(self, port=None):
        """`port` leads through a proxy."""
        return self._common(f"jobmanager://127.0.0.1:{port or self.port}")

    def _common(self, endpoint):
        return {
            "high-availability.type": FACTORY,
            "high-availability.cluster-id": self.namespace,
            "high-availability.leader-server.endpoint": endpoint,
            **self.options,
        }


class Standalone:
    """Flink without high availability: everybody is told the JobManager's two ports."""

    def __init__(self):
        self._rpc, self._rest = ports.free(), ports.free()

    def job_manager(self):
        return {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": self._rpc,
            "rest.address": "127.0.0.1",
            "rest.port": self._rest,
        }

    def others(self, port=None):
        return self.job_manager()
