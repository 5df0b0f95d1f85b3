"""Name services that run beside the cluster: LeaderServer as a server of its own, or ZooKeeper.

Each class knows what its clients are to be configured with, as those of `discovery` do, and its
process, which stays on one port over every restart.
"""

import os
import re
import socket

from . import paths, ports
from .discovery import FACTORY
from .nameservice import NameService
from .processes import Process, wait_for

START_SECONDS = 30

SHADED = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper"


class Server:
    """What both have in common."""

    def __init__(self, processes, directory, namespace, options=None):
        """`options` are keys for JobManagers, TaskManagers and clients alike."""
        self.directory = directory
        self.namespace = namespace
        self.port = ports.free()
        self.process = None
        self.storage = directory / "storage"
        self._processes = processes
        self._options = options or {}
        self._starts = 0
        directory.mkdir(parents=True)

    def start(self):
        """Starts it, again after a kill, and waits until it serves."""
        self._starts += 1
        name = f"{type(self).__name__.lower()}-{self._starts}"
        output = self.directory / f"{name}.out"
        self.process = self._processes.start(
            Process, name, self._command(), os.environ, self.directory, output
        )
        wait_for(f"{name} to serve", self._serves, START_SECONDS, [self.process])

    def kill(self):
        self.process.kill()

    def job_manager(self, port=None):
        """`port` leads through a proxy."""
        return {
            **self.others(port),
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": 0,
            "rest.address": "127.0.0.1",
            "rest.port": 0,
        }

    def others(self, port=None):
        """`port` leads through a proxy."""
        return {
            "high-availability.cluster-id": self.namespace,
            "high-availability.storageDir": f"file://{self.storage}",
            **self._keys(port or self.port),
            **self._options,
        }

    def stored(self):
        """The files in the storage directory."""
        files = (f for f in self.storage.rglob("*") if f.is_file())
        return sorted(str(f.relative_to(self.storage)) for f in files)


class LeaderServer(Server):
    """`leaderserver serve`, durable unless `data` is false."""

    def __init__(self, processes, directory, namespace, options=None, data=True):
        super().__init__(processes, directory, namespace, options)
        self.name_service = NameService(f"leader://127.0.0.1:{self.port}", namespace)
        self._data = ["--data", directory / "data"] if data else []

    def _command(self):
        # The first of them has no predecessor whose clients could still lead. Its successors know
        # their clients from the data directory; without one they have to wait.
        cold = ["--cold"] if self._starts == 1 or not self._data else []
        listen = ["--listen", f"127.0.0.1:{self.port}"]
        return [paths.command(), "serve", *listen, *self._data, *cold]

    def _serves(self):
        return self.process.find(r"(?m)^listening on ")

    def _keys(self, port):
        return {
            "high-availability.type": FACTORY,
            "high-availability.leader-server.endpoint": f"leader://127.0.0.1:{port}",
        }

    def _namespace(self):
        for found in self.name_service.status()["namespaces"]:
            if found["namespace"] == self.namespace:
                return found
        return {"elections": [], "store_keys": 0}

    def standing(self, job_managers):
        """How many of these stand in line, the leader included."""
        return max((len(e["candidates"]) for e in self._namespace()["elections"]), default=0)

    def epochs(self):
        """election → epoch of its leader, 0 where there is none."""
        return {e["election"]: e["epoch"] for e in self._namespace()["elections"]}

    def keys(self):
        """How many keys the store holds."""
        return self._namespace()["store_keys"]


class ZooKeeper(Server):
    """The ZooKeeper that is inside every Flink, on its own: `tick` bounds its sessions, which last
    for 2 to 20 of them.

    Its JVM is started without Flink's script, which would keep a shell around it.
    """

    TICK_MS = 2000

    def __init__(self, processes, directory, namespace, classpath, options=None, tick=TICK_MS):
        super().__init__(processes, directory, namespace, options)
        self._classpath = classpath
        (directory / "zoo.cfg").write_text(
            f"tickTime={tick}\n"
            f"dataDir={directory / 'data'}\n"
            f"clientPort={self.port}\n"
            "clientPortAddress=127.0.0.1\n"
        )

    def _command(self):
        quick = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        flags = ["-Dzookeeper.jmx.log4j.disable=true", "-Dzookeeper.admin.enableServer=false"]
        flags += ["-Dzookeeper.4lw.commands.whitelist=ruok"]
        where = ["-cp", self._classpath, f"{SHADED}.server.ZooKeeperServerMain"]
        return ["java", *quick, *flags, *where, self.directory / "zoo.cfg"]

    def _serves(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(b"ruok")
            return connection.recv(16) == b"imok"

    def _keys(self, port):
        return {
            "high-availability.type": "zookeeper",
            "high-availability.zookeeper.quorum": f"127.0.0.1:{port}",
        }

    def standing(self, job_managers):
        """How many of these say that they have registered all they contend for."""
        registered = r"registered under component 'resource_manager'"
        return sum(1 for p in job_managers if re.search(registered, p.text()))

    def epochs(self):
        """It has none."""
        return {}

    def keys(self):
        """Not looked at."""
        return None
