"""What `leaderserver status` says, and `leaderserver resign` does."""

import json
import subprocess

from . import paths


class NameService:
    """The name service at `endpoint`, as its command line program sees it."""

    def __init__(self, endpoint, namespace, options=()):
        """`options` are more of the command's, those of TLS for example."""
        self.endpoint = endpoint
        self.namespace = namespace
        self._options = options

    @property
    def command(self):
        """The command as one would type it."""
        return ["leaderserver", *self._arguments("status")]

    def _arguments(self, command):
        only = ["--namespace", self.namespace]
        return [command, "--endpoint", self.endpoint, *only, *self._options]

    def printed(self, *more):
        """What the command prints; a ConnectionError if it fails."""
        return self._run("status", "3s", *more)

    def resign(self):
        """Makes the leader step down; returns when it has."""
        self._run("resign", "30s")

    def _run(self, command, timeout, *more):
        arguments = [*self._arguments(command), "-qq", "--timeout", timeout, *more]
        done = subprocess.run(
            [paths.command(), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode:
            raise ConnectionError(done.stderr.strip() or f"status {done.returncode}")
        return done.stdout

    def status(self):
        return json.loads(self.printed("--json"))

    def components(self):
        """component → (leader session id, address), for those that have a leader."""
        found = {}
        for namespace in self.status()["namespaces"]:
            if namespace["namespace"] == self.namespace:
                for component in namespace["components"]:
                    if component["leader_session_id"]:
                        leader = (component["leader_session_id"], component["address"])
                        found[component["component"]] = leader
        return found

    def rest_address(self):
        """HOST:PORT of the REST endpoint, or None: the one component with a web address."""
        for _, address in self.components().values():
            if address.startswith(("http://", "https://")):
                return address.split("://")[1]
        return None
