"""The server as a process: where it listens, how it starts and ends, and that a promotion tears
nothing.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.stream.live_state import VARIABLE, live_state, name_schema

from holdfast.storage.keys import KeyFile
from holdfast.storage.runs import Registry

FIRST, SECOND = "20260101T000000Z-00000001", "20260102T000000Z-00000002"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def ask(
    port: int, path: str, *, method: str = "GET", key: str = ""
) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {key}"} if key else {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@contextmanager
def serving(project: Path, *arguments: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    (project / "holdfast.toml").touch()
    command = [
        sys.executable,
        "-m",
        "holdfast.cli",
        "serve",
        "-c",
        str(project / "holdfast.toml"),
        "--port",
        str(port),
    ]
    with (project / "said.txt").open("w") as said:
        server = subprocess.Popen([*command, *arguments], stdout=said, stderr=said, text=True)
        try:
            for _ in range(600):
                with suppress(OSError, http.client.HTTPException):
                    if ask(port, "/ready")[0] == 200:
                        break
                assert server.poll() is None, (project / "said.txt").read_text()
                time.sleep(0.1)
            yield port, server
        finally:
            server.terminate()
            server.wait(30)


@pytest.mark.slow
def test_without_keys_it_listens_here_only_says_so_and_ends_in_order(project: Path) -> None:
    with serving(project, "--host", "0.0.0.0") as (port, server):
        assert ask(port, "/predict/C0001")[0] == 200
    said = (project / "said.txt").read_text()
    assert server.returncode == 0
    assert "no keys: listening on 127.0.0.1 instead of 0.0.0.0" in said
    assert "Traceback" not in said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert any(line.get("route") == "/predict/{customer_id}" for line in lines)


@pytest.mark.slow
def test_with_keys_it_listens_everywhere_and_lets_only_them_in(project: Path) -> None:
    key, _ = KeyFile(project).create(role="reader", name="test")
    with serving(project, "--host", "0.0.0.0") as (port, _):
        assert ask(port, "/predict/C0001")[0] == 401
        assert ask(port, "/predict/C0001", key=key)[0] == 200


@pytest.mark.slow
def test_promotions_and_a_killed_worker_give_no_failed_and_no_mixed_answer(project: Path) -> None:
    registry = Registry(project / "runs")
    expected = {
        run_id: registry.open(run_id).scores.row(1, named=True) for run_id in (FIRST, SECOND)
    }
    answers: list[tuple[int, dict[str, object]]] = []
    failures: list[str] = []
    stop = threading.Event()

    def keep_asking(port: int, name: str) -> None:
        while not stop.is_set():
            try:
                answers.append(ask(port, f"/predict/{name}"))
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))

    with serving(project, "--workers", "2", "--rate", "100000/second") as (port, server):
        name = expected[FIRST]["customer_id"]
        asking = [threading.Thread(target=keep_asking, args=(port, name)) for _ in range(3)]
        for thread in asking:
            thread.start()
        for turn in range(10):
            with suppress(OSError, http.client.HTTPException):
                ask(port, f"/runs/{(FIRST, SECOND)[turn % 2]}/promote", method="POST")
            time.sleep(0.3)
            if turn == 4:
                _kill_a_worker(server.pid)
        stop.set()
        for thread in asking:
            thread.join()
    assert len(failures) <= 3, failures  # one for each client that the killed worker was answering
    assert {status for status, _ in answers} == {200}
    assert {str(told["run_id"]) for _, told in answers} == {FIRST, SECOND}
    for _, told in answers:
        assert told["churn_probability"] == expected[str(told["run_id"])]["churn_probability"]


def _kill_a_worker(parent: int) -> None:
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if "scores.arrow" in Path(f"/proc/{child}/maps").read_text():
            os.kill(int(child), signal.SIGKILL)
            return
    raise AssertionError("no worker was found")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_said_and_nothing_is_claimed_to_serve(project: Path, workers: str) -> None:
    (project / "holdfast.toml").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        command = [sys.executable, "-m", "holdfast.cli", "serve", "--port", port]
        done = subprocess.run(
            [*command, "--workers", workers],
            cwd=project, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: port {port} on 127.0.0.1 is in use by another program")
    assert "serving" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_says_that_it_serves_once_it_does_and_nothing_of_leaks_when_it_ends(
    project: Path, workers: str
) -> None:
    with serving(project, "--workers", workers) as (port, server):
        for _ in range(100):
            if f"http://127.0.0.1:{port}" in (project / "said.txt").read_text():
                break
            time.sleep(0.05)
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    said = (project / "said.txt").read_text()
    assert said.count(f"serving {project} on http://127.0.0.1:{port}") == 1
    assert said.index("Application startup complete") < said.index("serving")
    assert "leak" not in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_follower_of_alerts_does_not_keep_the_server_from_ending(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = '[stream]\nsource = "outbox"\ndsn_env = "{}"\npostgres_schema = "{}"\n'
    orders = '[transactions]\npath = "x.csv"\ncolumns = { customer_id = "c", occurred_at = "t" }\n'
    schema = name_schema("live_server")
    (project / "holdfast.toml").write_text(
        f'[study]\nname = "live"\n{orders}{stream.format(VARIABLE, schema)}', encoding="utf-8"
    )
    with live_state(monkeypatch, schema), serving(project) as (port, server):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/stream/alerts")
        response = connection.getresponse()
        assert response.readline() == b"retry: 3000\n"
        begun = time.monotonic()
        server.terminate()
        response.read()
        assert server.wait(30) == 0
        # Of the ten seconds that a server gives its answers, next to none are used.
        assert time.monotonic() - begun < 5
        connection.close()
