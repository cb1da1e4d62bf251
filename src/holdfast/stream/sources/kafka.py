"""Kafka: a partition is read from an offset, without a consumer group and without a commit.

Holes between offsets are no gaps: transactions leave markers there, and compaction removes what a
later record replaces. A gap is where the log begins behind what was read last.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from holdfast.errors import StudyError
from holdfast.io.files import fill_variables
from holdfast.stream.sources.source import Gap, Record, Rewound, Unavailable
from holdfast.study.stream import Stream

_SECURITY = ("security.", "sasl.", "ssl.")
_SECONDS = 10.0
_CRITICAL = 2
"""Of syslog: what librdkafka has to say is an error of ours, not a line on somebody's terminal."""
_READ_AHEAD_KB = 8192
_LONGEST_FETCH_MS = 100
"""An offset asked for anew waits until the fetch under way has come back."""
_REMOVED = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


class KafkaSource:
    """One topic."""

    def __init__(self, settings: Stream) -> None:
        self._topic, self._trouble = settings.topic, ""
        self._config: dict[str, Any] = _read_security(settings.options) | {
            "bootstrap.servers": fill_variables(settings.url, where="stream.url"),
            "group.id": "holdfast",  # The library asks for one; nothing joins it.
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": _LONGEST_FETCH_MS,
            "queued.max.messages.kbytes": _READ_AHEAD_KB,
            "log_level": _CRITICAL,
            "error_cb": self._keep_trouble,
        }
        self._consumers: dict[int, Consumer] = {}
        self._next: dict[int, int] = {}
        self._end: dict[int, int] = {}
        """Up to where there is nothing more to read: markers of transactions count here."""

    def partitions(self) -> Sequence[int]:
        """Those that the topic has."""
        try:
            topic = self._consumer(-1).list_topics(self._topic, timeout=_SECONDS)
        except KafkaException as error:
            raise self._unavailable(error.args[0]) from None
        described = topic.topics[self._topic]
        if described.error is not None:
            raise self._unavailable(described.error)
        return sorted(described.partitions)

    def first(self, partition: int) -> int:
        """Where the log begins."""
        return self._watermarks(partition)[0]

    def lag(self, partition: int, after: int) -> int:
        """What is committed behind a position."""
        end = self._watermarks(partition)[1]
        return max(0, end - max(after + 1, self._end.get(partition, 0)))

    def read(
        self, partition: int, after: int, *, most: int, wait_seconds: float
    ) -> Sequence[Record]:
        """What follows an offset."""
        consumer = self._consumer(partition)
        if self._next.get(partition) != after + 1:
            consumer.assign([TopicPartition(self._topic, partition, after + 1)])
            self._next[partition] = after + 1
        messages = consumer.consume(most, wait_seconds)
        records = list(self._records(messages, partition, after))
        if records:
            self._next[partition] = records[-1].position + 1
        return records

    def close(self) -> None:
        """Hang up."""
        for consumer in self._consumers.values():
            consumer.close()
        self._consumers.clear()

    def _records(self, messages: Iterable[Message], partition: int, after: int) -> Iterable[Record]:
        for message in messages:
            error = message.error()
            if error is None:
                yield _record(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._end[partition] = int(message.offset() or 0)
            else:
                del self._next[partition]
                self._raise(error, partition, after)

    def _raise(self, error: KafkaError, partition: int, after: int) -> None:
        if error.code() not in _REMOVED:
            raise self._unavailable(error)
        first, end = self._watermarks(partition)
        name = f"{self._topic}, partition {partition}"
        if after + 1 > end:
            raise Rewound(name, partition=partition, after=after, last=end - 1)
        raise Gap(name, partition=partition, after=after, first=first)

    def _watermarks(self, partition: int) -> tuple[int, int]:
        """Where the log begins, and where what is committed ends."""
        place = TopicPartition(self._topic, partition)
        try:
            marks = self._consumer(partition).get_watermark_offsets(place, timeout=_SECONDS)
        except KafkaException as error:
            raise self._unavailable(error.args[0]) from None
        if marks is None:
            raise self._unavailable(None)
        return marks

    def _consumer(self, partition: int) -> Consumer:
        """A consumer for each partition: one alone would read ahead of all and hand them mixed."""
        if partition not in self._consumers:
            try:
                self._consumers[partition] = Consumer(self._config)
            except KafkaException as error:
                raise StudyError(
                    f"Kafka's client refuses its settings: {error.args[0].str()}",
                    fix="see [stream.options]",
                ) from None
        return self._consumers[partition]

    def _keep_trouble(self, error: KafkaError) -> None:
        self._trouble = error.str()

    def _unavailable(self, error: KafkaError | None) -> Unavailable:
        words = (error.str() if error is not None else "") or self._trouble or "nobody answers"
        return Unavailable(
            f"Kafka does not let the topic {self._topic} be read: {words}",
            fix="check that the brokers run, that the topic is there, and who may read it",
        )


def _record(message: Message) -> Record:
    _, milliseconds = message.timestamp()
    return Record(int(message.offset() or 0), message.value() or b"", milliseconds / 1000)


def _read_security(options: Mapping[str, str]) -> dict[str, str]:
    for key in options:
        if not key.startswith(_SECURITY):
            raise StudyError(
                f"stream.options has {key!r}, which does not secure the connection",
                fix="drop it: security.protocol, sasl.... and ssl.... are read",
            )
    return {
        key: fill_variables(value, where=f"stream.options {key!r}")
        for key, value in options.items()
    }
