"""A Flink cluster of loopback processes.

Every process has a directory of its own below the run's: `NAME/{conf,log,pid,tmp}`, its output in
`NAME/out`. Flink's scripts `exec` the JVM, so the process started here *is* the JVM.
"""

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

from .events import Events
from .processes import Failed, Process, wait_for

START_SECONDS = 90

# Starts a JVM in less time where several of them start on two cores.
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

_http = urllib.request.build_opener(urllib.request.ProxyHandler({}))

COMMON = {
    "web.refresh-interval": 200,
    "metrics.fetcher.update-interval": 200,
    "parallelism.default": 2,
}
JOB_MANAGER = {
    "jobmanager.bind-host": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "jobmanager.memory.process.size": "1g",
}
TASK_MANAGER = {
    "taskmanager.host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "taskmanager.numberOfTaskSlots": 1,
    "taskmanager.memory.process.size": "1g",
    # how long the slots of a job that lost its JobManager are kept for it; 10 s if not set
    "taskmanager.slot.timeout": "2 s",
}


class FlinkProcess(Process):
    """A process started by one of Flink's scripts."""

    def __init__(self, cluster, name, config, script, *arguments):
        directory = cluster.directory / name
        self.log_directory = directory / "log"
        self._scripts = cluster.home / "bin"
        self._environment = cluster.prepare(directory, name, config)
        super().__init__(
            name,
            [self._scripts / script, *arguments],
            self._environment,
            directory,
            directory / "out",
        )

    def logs(self):
        return [self.output, *sorted(self.log_directory.glob("*.log"))]


class JobManager(FlinkProcess):
    def __init__(self, cluster, name, config, job=None):
        """`job` (a list: class name and arguments) makes it a cluster for that job alone."""
        script = ["jobmanager.sh", "start-foreground"]
        if job:
            script = ["standalone-job.sh", "start-foreground", "--job-classname", *job]
        super().__init__(cluster, name, config, *script)
        self.events = Events(self.log_directory)

    def stop_with_script(self, timeout=60):
        """`jobmanager.sh stop`, which asks it with SIGTERM; returns its exit status."""
        subprocess.run(
            [self._scripts / "jobmanager.sh", "stop"],
            env=self._environment,
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        return self.wait(timeout)

    def rest_address(self):
        """Where its REST endpoint says it listens (it picks its port itself), or None."""
        found = self.find(r"Rest endpoint listening at (\S+:\d+)")
        return found and found.group(1)


class TaskManager(FlinkProcess):
    def __init__(self, cluster, name, config):
        super().__init__(cluster, name, config, "taskmanager.sh", "start-foreground")

    def registrations(self):
        """How often it has registered with a resource manager."""
        return len(re.findall(r"Successful registration at resource manager", self.text()))


class Cli(FlinkProcess):
    def __init__(self, cluster, name, config, arguments):
        super().__init__(cluster, name, config, "flink", *arguments)


class Cluster:
    """Starts the processes; `processes` ends them."""

    def __init__(
        self, processes, directory, flink, discovery, jars=(), config=None, usrlib=(), jvm=""
    ):
        """`config` and `jvm`, more arguments for the JVM, are for all processes alike; `usrlib` are
        jars for application mode."""
        self.directory = Path(directory)
        self.discovery = discovery
        self._processes = processes
        self._flink = flink
        self._config = config or {}
        self._jvm = jvm
        self._calls = 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self.home = flink.install(self.directory / "flink", *jars)
        if usrlib:
            (self.home / "usrlib").mkdir()
            for jar in usrlib:
                (self.home / "usrlib" / Path(jar).name).symlink_to(jar)

    def job_manager(self, name="jobmanager", job=None, port=None):
        """`job`: see `JobManager`; `port` leads to the name service through a proxy."""
        found = self.discovery.job_manager(port) if port else self.discovery.job_manager()
        config = {**JOB_MANAGER, **found, **self._config}
        return self._processes.start(JobManager, self, name, config, job)

    def task_manager(self, name, port=None):
        """`port` leads to the name service through a proxy."""
        config = {**TASK_MANAGER, **self.discovery.others(port), **self._config}
        return self._processes.start(TaskManager, self, name, config)

    def cli(self, *arguments, timeout=90, config=None):
        """Runs `flink ARGUMENTS…`; returns what it printed, fails if it fails.

        `config` is what this call has otherwise; None takes a key away.
        """
        self._calls += 1
        name = f"cli-{self._calls}"
        config = {**self.discovery.others(), **self._config, **(config or {})}
        process = self._processes.start(Cli, self, name, config, arguments)
        status = process.wait(timeout)
        if status:
            said = f"flink {' '.join(arguments)}: status {status}\n{process.tail()}"
            raise Failed(said, process)
        return process.output.read_text()

    def submit(self, jar, *arguments):
        """`flink run --detached`; returns the job's id."""
        printed = self.cli("run", "--detached", str(jar), *arguments)
        return re.search(r"Job has been submitted with JobID (\w+)", printed).group(1)

    def prepare(self, directory, name, config):
        """Makes the directories and the configuration of a process; returns its environment."""
        for part in ("conf", "log", "pid", "tmp"):
            (directory / part).mkdir(parents=True)
        for file in (self._flink.home / "conf").glob("log4j*.properties"):
            (directory / "conf" / file.name).write_bytes(file.read_bytes())
        settings = {
            **COMMON,
            "env.java.opts.all": self._flink.java_options(),
            "io.tmp.dirs": directory / "tmp",
            **config,
        }
        lines = [f"{k}: {_yaml(v)}\n" for k, v in settings.items() if v is not None]
        (directory / "conf" / "config.yaml").write_text("".join(lines))
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FLINK_")}
        return {
            **inherited,
            "FLINK_CONF_DIR": str(directory / "conf"),
            "FLINK_LOG_DIR": str(directory / "log"),
            "FLINK_PID_DIR": str(directory / "pid"),
            "FLINK_IDENT_STRING": name,
            # one log, not two: the console would repeat the file
            "JVM_ARGS": " ".join(
                [QUICK, "-Dconsole.log.level=OFF", f"-Djava.io.tmpdir={directory}/tmp", self._jvm]
            ),
        }


class Rest:
    """Flink's REST interface at HOST:PORT."""

    def __init__(self, address):
        self.address = address

    def get(self, path):
        return self._ask("GET", path)

    def cancel(self, job):
        """Has begun to cancel it when this returns."""
        self._ask("PATCH", f"/jobs/{job}?mode=cancel")

    def _ask(self, method, path):
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        with _http.open(request, timeout=10) as response:
            return json.load(response)

    def task_managers(self):
        """The ids of the TaskManagers registered there."""
        return {tm["id"] for tm in self.get("/taskmanagers")["taskmanagers"]}

    def jobs(self):
        """id → state."""
        return {job["jid"]: job["state"] for job in self.get("/jobs/overview")["jobs"]}

    def attempts(self, job):
        """(vertex, subtask) → (attempt, state, TaskManager) of a job."""
        found = {}
        for vertex in self.get(f"/jobs/{job}")["vertices"]:
            for task in self.get(f"/jobs/{job}/vertices/{vertex['id']}")["subtasks"]:
                where = task.get("taskmanager-id")
                found[vertex["name"], task["subtask"]] = (task["attempt"], task["status"], where)
        return found

    def records(self, job):
        """How many records the job's last vertex has read."""
        return self.get(f"/jobs/{job}")["vertices"][-1]["metrics"]["read-records"]

    def restarts(self, job):
        """How often the job was restarted."""
        metrics = self.get(f"/jobs/{job}/metrics?get=numRestarts")
        return int(metrics[0]["value"])


def wait_for_task_managers(rest, count, needs=()):
    return wait_for(
        f"{count} TaskManagers registered at {rest.address}",
        lambda: len(rest.task_managers()) == count and rest.task_managers(),
        START_SECONDS,
        needs,
    )


def wait_for_running(rest, job, needs=()):
    """Waits until every subtask runs; returns the attempts."""

    def check():
        attempts = rest.attempts(job)
        return attempts and all(a[1] == "RUNNING" for a in attempts.values()) and attempts

    return wait_for(f"all tasks of job {job} running", check, START_SECONDS, needs)


def wait_for_progress(rest, job, needs=()):
    """Waits until the job has read records that it had not read before."""
    before = rest.records(job)
    wait_for("records flowing", lambda: rest.records(job) > before, 60, needs)


def _yaml(value):
    return str(value) if isinstance(value, (int, float)) else json.dumps(str(value))
