"""Spark on this machine, from the files that PySpark brings: a cluster of a master and workers, and
a Connect server; and the processes of it that are to be killed.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

EXECUTOR, PYTHON_WORKER = "CoarseGrainedExecutorBackend", "pyspark"
_SECONDS, _STEP = 300, 0.02


def why_not() -> str | None:
    """Why there is no Spark here; None where there is."""
    if find_spec("pyspark") is None:
        return "PySpark is not installed: pip install 'holdfast-clv[spark]'"
    if shutil.which("java") is None:
        return "there is no Java: apt-get install openjdk-17-jre-headless"
    return None


def spark_home() -> Path:
    """The folder of PySpark, which holds Spark."""
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster.

    Attributes
    ----------
    url
        Of its master.
    workers
        Processes, each with one core.
    """

    url: str
    workers: tuple[int, ...]

    def processes(self, kind: str) -> list[int]:
        """Processes of the workers with this word in their command."""
        below = [each for worker in self.workers for each in descendants(worker)]
        return [each for each in below if kind in command_of(each)]


@contextmanager
def cluster(folder: Path, *, workers: int = 2) -> Iterator[Cluster]:
    """A master and workers of one core each.

    Parameters
    ----------
    folder
        An existing one, for logs and for what is shuffled.
    """
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    master = "org.apache.spark.deploy.master.Master"
    worker = "org.apache.spark.deploy.worker.Worker"
    web = ["--host", "127.0.0.1", "--webui-port", "0"]
    with ExitStack() as started:
        _start(started, folder, "master", master, *web, "--port", str(port))
        _wait_for(port)
        options = [*web, "--cores", "1", "--memory", "2g", "--work-dir", str(folder / "work")]
        pids = [
            _start(started, folder, f"worker-{n}", worker, *options, url) for n in range(workers)
        ]
        yield Cluster(url, tuple(pids))


@contextmanager
def connect_server(folder: Path) -> Iterator[str]:
    """A Connect server with two cores on this machine; its address."""
    port = free_port()
    submit = "org.apache.spark.deploy.SparkSubmit"
    server = "org.apache.spark.sql.connect.service.SparkConnectServer"
    conf = ["--master", "local[2]", "--conf", f"spark.connect.grpc.binding.port={port}"]
    with ExitStack() as started:
        _start(started, folder, "connect", submit, *conf, "--class", server, "spark-internal")
        _wait_for(port)
        yield f"sc://127.0.0.1:{port}"


def environment(folder: Path) -> dict[str, str]:
    """What Spark's processes are to know."""
    return {
        **os.environ,
        "SPARK_HOME": str(spark_home()),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "PYSPARK_PYTHON": sys.executable,
    }


def _start(started: ExitStack, folder: Path, name: str, *command: str) -> int:
    log = started.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(
        [str(spark_home() / "bin" / "spark-class"), *command],
        stdout=log, stderr=log, env=environment(folder), start_new_session=True,
    )  # fmt: skip
    started.callback(end, process)
    return process.pid


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with all that it started."""
    for pid in (*descendants(process.pid), process.pid):
        kill(pid)
    process.wait()


def kill(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    def answers() -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers)


def wait_until(holds: Callable[[], object], *, while_: Callable[[], bool] = lambda: True) -> bool:
    """Wait; whether it holds.

    Parameters
    ----------
    while_
        As soon as this is not so any more, nobody waits.
    """
    until = time.monotonic() + _SECONDS
    while time.monotonic() < until and while_():
        if holds():
            return True
        time.sleep(_STEP)
    return bool(holds())


def descendants(pid: int) -> list[int]:
    """What a process started, and what that started, and so on."""
    parents = dict(_parents())
    found, waiting = list[int](), [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, of in parents.items() if of == parent]
        found += children
        waiting += children
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        yield int(path.parent.name), int(words[1])


def command_of(pid: int) -> str:
    """The command of a process; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
