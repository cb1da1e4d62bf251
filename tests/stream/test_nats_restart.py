"""A NATS that is killed and comes back has its events, and they are read on from the position."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.conftest import missing
from tests.stream.brokers import JetStream, events

from holdfast.stream.sources.source import Record, Source, Unavailable

pytestmark = pytest.mark.slow


@contextmanager
def nats_server(port: int, folder: Path) -> Iterator[None]:
    """A server of its own, killed at the end."""
    program = shutil.which("nats-server")
    if program is None:
        missing("there is no nats-server")
    command = [str(program), "-a", "127.0.0.1", "-p", f"{port}", "-js", "-sd", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until_listening(port)
            yield
        finally:
            server.kill()


def wait_until_listening(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the server has not come up"
            time.sleep(0.05)


def read(source: Source, after: int, n: int) -> list[Record]:
    records: list[Record] = []
    end = time.monotonic() + 30
    while len(records) < n and time.monotonic() < end:
        records += source.read(0, after, most=n - len(records), wait_seconds=0.2)
        after = records[-1].position if records else after
    return records


def test_events_are_read_on_after_the_broker_was_killed(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with nats_server(port, tmp_path):
        broker = JetStream(1, f"nats://127.0.0.1:{port}")
        broker.publish(0, events(6))
        source = broker.open()
        first = read(source, 0, 2)
    with closing(source), pytest.raises(Unavailable):
        read(source, first[-1].position, 1)
    with nats_server(port, tmp_path):
        broker.publish(0, events(2, start=6))
        with closing(broker.open()) as again:
            rest = read(again, first[-1].position, 6)
    assert [each.body for each in [*first, *rest]] == events(8)
