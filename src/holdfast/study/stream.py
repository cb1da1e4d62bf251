"""The stream: from where events arrive, and where their state lies."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from holdfast.errors import StudyError
from holdfast.study.sections import Section

_BROKERS = ("kafka", "jetstream", "redis")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SECRET = re.compile(r"//[^/\s]*@|^(?!.*\$\{\w+\})[^,\s]*password", re.IGNORECASE)


def _schema(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise StudyError(
            f"stream.postgres_schema {name!r:.80} is no plain name",
            fix="write it in small letters, digits and _, as in holdfast_stream",
        )
    return name


class Stream(Section):
    """Events as they happen: each is one JSON object, a row of [transactions], [events] or
    [treatments] with the study's own column names, and `source` says of which; without it, of
    [transactions].
    """

    source: Literal["file", "outbox", "kafka", "jetstream", "redis"]
    """A file of JSON lines, the table `outbox` of the state itself, or a broker."""
    path: str | None = None
    """Of a file. May hold ${VARIABLES}."""
    url: str = ""
    """Of a broker; "${NAME}" is filled in from the environment. Kafka: host:9092,host:9092."""
    topic: str = ""
    """Kafka: the topic. JetStream: the subjects are topic.0, topic.1, ... Redis: the streams are
    topic:0, topic:1, ...
    """
    options: dict[str, str] = {}
    """Further settings of the broker's client, as in "sasl.password" = "${NAME}"."""
    partitions: int = Field(1, ge=1, le=1024)
    """Of JetStream, Redis and the outbox; Kafka and a file say themselves how many there are. All
    events of a customer belong into one.
    """
    dsn_env: str = "HOLDFAST_POSTGRES_DSN"
    """Name of the environment variable with the connection string of the PostgreSQL that holds the
    state.
    """
    postgres_schema: Annotated[str, AfterValidator(_schema)] = "holdfast_stream"
    """Its schema, which belongs to this stream alone."""
    batch_events: int = Field(4000, ge=1, le=100_000)
    """At most so many events are one step, which is one transaction."""
    batch_ms: int = Field(200, ge=1, le=60_000)
    """A step waits at most so long for them."""
    catch_up_events: int = Field(20_000, ge=1)
    """When more than so many wait, they are only taken in; their customers are evaluated once, when
    no more wait.
    """
    max_dead_share: float = Field(0.05, gt=0, le=1)
    """Of the last 1,000 messages, when more than this share cannot be understood, the stream stops.
    """
    keep_days: int = Field(90, ge=1)
    """Events of the outbox that were read, messages that were sent and dead ones that were tried
    again are removed after so many days.
    """

    def _check(self) -> None:
        if self.source == "file" and not self.path:
            raise StudyError('[stream] source = "file" names no path', fix="add path")
        if self.source in _BROKERS and not (self.url and self.topic):
            raise StudyError(
                f"[stream] source = {self.source!r} needs url and topic",
                fix='write url = "${NAME}", export NAME, and name the topic',
            )
        for key, value in {"url": self.url, **self.options}.items():
            if _SECRET.search(value) or ("password" in key.lower() and "${" not in value):
                raise StudyError(
                    f"[stream] {key} has a password written out",
                    fix='write "${NAME}" and export NAME',
                )
