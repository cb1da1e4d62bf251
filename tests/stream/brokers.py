"""Brokers to read from: the mock of Kafka in its own library, and this machine's NATS and Redis.

Each can publish, remove the first events of a partition, one in the middle, or begin anew.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

from holdfast.stream.sources.source import Source
from holdfast.study.stream import Stream

T = TypeVar("T")
NATS_URL = "nats://127.0.0.1:4222"
REDIS_URL = "redis://127.0.0.1:6379/0"


def events(n: int, *, start: int = 0) -> list[bytes]:
    """Purchases, as JSON."""
    return [json.dumps({"id": f"e{k}"}).encode() for k in range(start, start + n)]


class Kafka:
    """Its mock drops what is beyond 5 MB of a partition, and removes nothing on demand."""

    def __init__(self, partitions: int) -> None:
        from confluent_kafka import Producer

        self._cluster = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 2}
        )
        # Whoever asks for a topic makes it.
        brokers = self._cluster.list_topics("shop", timeout=10).brokers.values()
        self.servers = ",".join(f"{each.host}:{each.port}" for each in brokers)
        self.settings = Stream(source="kafka", url=self.servers, topic="shop")

    def open(self) -> Source:
        from holdfast.stream.sources.kafka import KafkaSource

        return KafkaSource(self.settings)

    def publish(self, partition: int, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self._cluster.produce("shop", body, partition=partition)
        assert self._cluster.flush(20) == 0

    def publish_transactions(self, *batches: Sequence[bytes]) -> None:
        """Each batch is one transaction; a marker follows it in the log."""
        from confluent_kafka import Producer

        producer = Producer(
            {"bootstrap.servers": self.servers, "transactional.id": "t", "log_level": 2}
        )
        producer.init_transactions(10)
        for bodies in batches:
            producer.begin_transaction()
            for body in bodies:
                producer.produce("shop", body, partition=0)
            producer.commit_transaction(10)

    def drop(self) -> None:
        pass


class JetStream:
    """A stream of its own with a subject for each partition."""

    def __init__(self, partitions: int, url: str = NATS_URL) -> None:
        name = f"shop-{uuid4().hex[:12]}"
        self.name, self._url = name, url
        self.settings = Stream(source="jetstream", url=url, topic=name, partitions=partitions)
        self._do(self._make)

    def open(self) -> Source:
        from holdfast.stream.sources.jetstream import JetStreamSource

        return JetStreamSource(self.settings)

    def publish(self, partition: int, bodies: Sequence[bytes]) -> None:
        async def publish(broker: Any) -> None:
            for body in bodies:
                await broker.publish(f"{self.name}.{partition}", body)

        self._do(publish)

    def remove_before(self, partition: int, position: int) -> None:
        self._do(lambda broker: broker.purge_stream(self.name, seq=position))

    def remove(self, partition: int, position: int) -> None:
        self._do(lambda broker: broker.delete_msg(self.name, position))

    def begin_anew(self, **settings: Any) -> None:
        self.drop()
        self._do(lambda broker: self._make(broker, **settings))

    def drop(self) -> None:
        async def drop(broker: Any) -> None:
            from nats.js.errors import NotFoundError

            with suppress(NotFoundError):
                await broker.delete_stream(self.name)

        self._do(drop)

    def consumer_seconds(self) -> float:
        """How long the server keeps the consumers that nobody asks, the shortest of them."""

        async def look(broker: Any) -> float:
            found = await broker.consumers_info(self.name)
            return float(min(each.config.inactive_threshold for each in found))

        return self._do(look)

    def drop_consumers(self) -> int:
        """Make all cursors vanish, as a restart of the server would; how many there were."""

        async def drop(broker: Any) -> int:
            consumers = await broker.consumers_info(self.name)
            for each in consumers:
                await broker.delete_consumer(self.name, each.name)
            return len(consumers)

        return self._do(drop)

    def _make(self, broker: Any, **settings: Any) -> Awaitable[Any]:
        return broker.add_stream(name=self.name, subjects=[f"{self.name}.*"], **settings)

    def _do(self, work: Callable[[Any], Awaitable[T]]) -> T:
        import nats

        async def run() -> T:
            client = await nats.connect(self._url)
            try:
                return await work(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(run())


class Redis:
    """Streams of its own."""

    def __init__(self, partitions: int) -> None:
        from redis import Redis as Server

        self._topic = f"shop-{uuid4().hex[:12]}"
        self._server = Server.from_url(REDIS_URL)
        self._server.ping()
        self.settings = Stream(
            source="redis", url=REDIS_URL, topic=self._topic, partitions=partitions
        )

    def open(self) -> Source:
        from holdfast.stream.sources.redis_streams import RedisSource

        return RedisSource(self.settings)

    def publish(self, partition: int, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self._server.xadd(self._key(partition), {"body": body})

    def remove_before(self, partition: int, position: int) -> None:
        self._server.xtrim(self._key(partition), minid=_id(position), approximate=False)

    def remove(self, partition: int, position: int) -> None:
        self._server.xdel(self._key(partition), _id(position))

    def begin_anew(self) -> None:
        for partition in range(self.settings.partitions):
            self._server.delete(self._key(partition))

    def drop(self) -> None:
        self.begin_anew()
        self._server.close()

    def _key(self, partition: int) -> str:
        return f"{self._topic}:{partition}"


def _id(position: int) -> str:
    milliseconds, number = divmod(position, 2**20)
    return f"{milliseconds}-{number}"
