"""A server as a process, wrk beside it, and clients that mean harm."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

HOST = "127.0.0.1"


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    seconds_to_ready: float

    @property
    def pids(self) -> list[int]:
        """The process and all that it started."""
        return [self.process.pid, *_children(self.process.pid)]

    @property
    def workers(self) -> list[int]:
        """Those that answer: they listen to the port."""
        return [pid for pid in self.pids if _imports_polars(pid)]

    def megabytes(self, what: str = "Pss") -> float:
        """Memory of all processes: Pss shares what several map, Rss does not."""
        return sum(_smaps(pid, what) for pid in self.pids) / 1024


@contextmanager
def served(
    command: Sequence[str], port: int, *, cwd: Path, path: str = "/ready"
) -> Iterator[Server]:
    """Start a server, wait until it answers, and stop it in the end."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while _status(port, path) != 200:
            if process.poll() is not None or time.perf_counter() - started > 120:
                raise RuntimeError(f"{command} does not answer")
            time.sleep(0.02)
        yield Server(process, port, time.perf_counter() - started)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()


def holdfast(folder: Path, port: int, *, workers: int = 1) -> list[str]:
    """The command line of a server whose rate limit is out of the way."""
    head = [sys.executable, "-m", "holdfast.cli", "serve", "-c", str(folder / "holdfast.toml")]
    return [*head, "--port", str(port), "--workers", str(workers), "--rate", "1000000000/second"]


def bare(port: int) -> list[str]:
    """The command line of a bare Starlette."""
    options = [
        "--http",
        "httptools",
        "--loop",
        "uvloop",
        "--no-access-log",
        "--log-level",
        "warning",
    ]
    return [sys.executable, "-m", "uvicorn", "bench._bare:app", "--port", str(port), *options]


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(
    port: int, path: str, *, connections: int, seconds: int, body: Any = None, repeats: int = 3
) -> Load:
    """The median of some runs of wrk."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if body is not None:
            text = json.dumps(body).replace("\\", "\\\\").replace("'", "\\'")
            script.write(
                f"wrk.method='POST'; wrk.body='{text}'; "
                "wrk.headers['Content-Type']='application/json'"
            )
            script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        command += ["-s", script.name] if body is not None else []
        found = [_measured([*command, f"http://{HOST}:{port}{path}"]) for _ in range(repeats)]
    return Load(
        median(load.per_second for load in found),
        median(load.p50_ms for load in found),
        median(load.p99_ms for load in found),
        sum(load.errors for load in found),
    )


def _measured(command: list[str]) -> Load:
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rates, bad = (
        re.search(r"Requests/sec:\s+([\d.]+)", text),
        re.search(r"Non-2xx or 3xx responses: (\d+)", text),
    )
    torn = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    errors = (int(bad[1]) if bad else 0) + (sum(map(int, torn.groups())) if torn else 0)
    assert rates is not None, text
    return Load(float(rates[1]), _latency(text, "50%"), _latency(text, "99%"), errors)


def _latency(text: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", text)
    assert found is not None, text
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


def timed_posts(port: int, path: str, body: Any, *, number: int) -> list[float]:
    """Milliseconds of requests one after the other."""
    connection, content = (
        http.client.HTTPConnection(HOST, port, timeout=60),
        json.dumps(body).encode(),
    )
    found = []
    for _ in range(number):
        started = time.perf_counter()
        connection.request("POST", path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        found.append((time.perf_counter() - started) * 1000)
        assert response.status == 200, text[:500]
    return found


@dataclass
class Askers:
    """Clients that ask for one customer again and again, and look whether an answer is of one run
    only.
    """

    port: int
    path: str
    expected: dict[str, float]
    n: int = 4
    asked: int = 0
    failed: int = 0
    mixed: int = 0
    torn: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the end of the block."""
        threads = [threading.Thread(target=self._ask) for _ in range(self.n)]
        for thread in threads:
            thread.start()
        yield
        self._stop.set()
        for thread in threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        while not self._stop.is_set():
            for attempt in range(2):
                try:
                    connection.request("GET", self.path)
                    response = connection.getresponse()
                    self._look(
                        response.status, response.getheader("holdfast-run-id"), response.read()
                    )
                    break
                except (OSError, http.client.HTTPException):
                    # The killed worker's own connections are torn; what is asked again must be
                    # answered.
                    self.torn += attempt == 0
                    self.failed += attempt
                    connection.close()

    def _look(self, status: int, header: str | None, body: bytes) -> None:
        self.asked += 1
        if status != 200:
            self.failed += 1
            return
        told = json.loads(body)
        right = (
            self.expected.get(told["run_id"]) == told["churn_probability"]
            and header == told["run_id"]
        )
        self.mixed += not right


def send_endless(port: int, *, megabytes: int) -> str:
    """Send a body of so many MB, declared by chunks only; returns the status line, or that the
    server hung up.
    """
    with socket.create_connection((HOST, port), timeout=30) as sock:
        sock.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n" % 2**20 + b" " * 2**20 + b"\r\n"
        with suppress(OSError):
            for _ in range(megabytes):
                sock.sendall(chunk)
        with suppress(OSError):
            return sock.recv(200).split(b"\r\n")[0].decode()
    return "hung up"


def dawdle(port: int, *, clients: int, stop: threading.Event) -> list[socket.socket]:
    """Open connections that send a header's letter a second."""
    found = [socket.create_connection((HOST, port), timeout=5) for _ in range(clients)]
    for sock in found:
        sock.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")

    def drip() -> None:
        while not stop.wait(1):
            for sock in found:
                with suppress(OSError):
                    sock.sendall(b"a")

    threading.Thread(target=drip, daemon=True).start()
    return found


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _children(pid: int) -> list[int]:
    try:
        own = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*own, *(inner for child in own for inner in _children(child))]


def _imports_polars(pid: int) -> bool:
    with suppress(OSError):
        return "scores.arrow" in Path(f"/proc/{pid}/maps").read_text()
    return False


def _smaps(pid: int, what: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1])
    return 0


def kill(pid: int) -> None:
    """As the kernel would, out of memory."""
    os.kill(pid, signal.SIGKILL)
