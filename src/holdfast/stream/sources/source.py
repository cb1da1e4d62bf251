"""Where events come from: a partition of a broker is read in order from a position that we keep.

A position is an integer that rises. Nothing is acknowledged to a broker: where a stream was read up
to is part of the transaction that holds what was read.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from holdfast.errors import HoldfastError, MissingExtra
from holdfast.study import Study
from holdfast.study.stream import Stream

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Record:
    """One message.

    Attributes
    ----------
    body
        One JSON object.
    sent_at
        When the broker took it, in seconds since 1970; None where it does not say.
    """

    position: int
    body: bytes
    sent_at: float | None = None


class Source(Protocol):
    """What every broker can do. A source belongs to one thread."""

    def partitions(self) -> Sequence[int]:
        """The partitions there are."""

    def first(self, partition: int) -> int:
        """The first position still there; where there is none, the next that will be."""

    def read(
        self, partition: int, after: int, *, most: int, wait_seconds: float
    ) -> Sequence[Record]:
        """What follows a position, in order: as soon as there are `most`, or the wait is over.

        Raises
        ------
        Gap
            What follows is no longer there.
        Rewound
            The partition ends before that position.
        Unavailable
            Nobody answers, or not as a broker does.
        """

    def lag(self, partition: int, after: int) -> int:
        """How many wait behind a position, roughly; 0 only where none does."""

    def close(self) -> None:
        """Hang up."""


class Unavailable(HoldfastError):
    """The broker does not answer, or refuses; it may later."""


class Gap(HoldfastError):
    """Events that nobody has read were removed by the broker."""

    def __init__(self, name: str, *, partition: int, after: int, first: int) -> None:
        super().__init__(
            f"events of {name} are lost: {after} was read last, and what is still there begins at "
            f"{first}",
            fix="send those events again and add --accept-gap to go on without them; let the "
            "broker keep its events longer than the monitor may be down",
            partition=partition,
            after=after,
            first=first,
        )


class Rewound(HoldfastError):
    """A partition ends before the position that was read last: it is not the same one."""

    def __init__(self, name: str, *, partition: int, after: int, last: int) -> None:
        super().__init__(
            f"{name} ends at {last}, but was read up to {after}: it was made anew, or restored "
            "from a copy",
            fix="check that it is the right broker; to read a new one, run "
            "`holdfast stream init` with another schema",
            partition=partition,
            after=after,
            last=last,
        )


def poll(read: Callable[[], Sequence[Record]], *, wait_seconds: float) -> Sequence[Record]:
    """Read until there is something, or the wait is over: for what cannot say that it has grown."""
    end = time.monotonic() + wait_seconds
    while not (records := read()) and time.monotonic() < end:
        time.sleep(min(_POLL_SECONDS, wait_seconds))
    return records


def open_source(study: Study) -> Source:
    """Open the source that [stream] names.

    Raises
    ------
    Unavailable, DataError, StudyError
        It cannot be reached, or a variable of its address is not set.
    MissingExtra
        Its client is not installed.
    """
    settings = study.stream
    assert settings is not None
    if settings.source == "file":
        from holdfast.stream.sources.file_source import FileSource

        return FileSource.of(study)
    if settings.source == "outbox":
        from holdfast.stream.sources.outbox_source import OutboxSource

        return OutboxSource(settings)
    try:
        return _open_broker(settings)
    except ImportError:
        raise MissingExtra("stream", needed_for=f"a stream from {settings.source}") from None


def _open_broker(settings: Stream) -> Source:
    if settings.source == "kafka":
        from holdfast.stream.sources.kafka import KafkaSource

        return KafkaSource(settings)
    if settings.source == "jetstream":
        from holdfast.stream.sources.jetstream import JetStreamSource

        return JetStreamSource(settings)
    from holdfast.stream.sources.redis_streams import RedisSource

    return RedisSource(settings)
