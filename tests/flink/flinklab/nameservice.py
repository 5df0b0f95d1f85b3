"""What `leaderserver status` says."""

import json
import subprocess

from . import paths


class NameService:
    """The name service at `endpoint`, as its command line program sees it."""

    def __init__(self, endpoint, namespace):
        self.endpoint = endpoint
        self.namespace = namespace

    def command(self, *more):
        return ["leaderserver", "status", "--endpoint", self.endpoint, *self._only(), *more]

    def printed(self, *more):
        """What the command prints; an OSError if it fails."""
        command = [str(paths.command()), *self.command(*more)[1:]]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
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

    def _only(self):
        return ["--namespace", self.namespace]
