"""Redis Streams: a partition is one stream, read after an entry's id.

An id is a time and a number within it, and so is a position. Ids tell no distance: where the first
entry that is there lies behind the last that was read, others may have been trimmed in between, and
that is a gap unless the stream's count of all its entries says that there were none.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from holdfast.errors import DataError, StudyError, first_line
from holdfast.io.files import fill_variables
from holdfast.stream.sources.source import Gap, Record, Rewound, Unavailable
from holdfast.study.stream import Stream

FIELD = b"body"
"""Of an entry: the JSON object."""
_BITS = 20
_PER_MILLISECOND = 1 << _BITS
_SECONDS = 10.0
_PAUSE_SECONDS = 0.02


def position_of(name: bytes) -> int:
    """The position of an entry by its id.

    >>> position_of(b"5-3") == 5 * 2**20 + 3
    True

    Raises
    ------
    DataError
        Its number within a millisecond is a million or more, as no server gives it.
    """
    milliseconds, number = map(int, name.split(b"-"))
    if number >= _PER_MILLISECOND:
        raise DataError(
            f"the entry {name.decode()} has too large a number",
            fix="let Redis number the entries: XADD with *",
        )
    return milliseconds << _BITS | number


def entry_id(position: int) -> str:
    """The id at a position.

    >>> entry_id(5 * 2**20 + 3)
    '5-3'
    """
    return f"{position >> _BITS}-{position & (_PER_MILLISECOND - 1)}"


@dataclass(frozen=True)
class _State:
    """Where a stream begins and ends, how many entries it has, and how many it ever had."""

    first: int
    last: int
    n: int
    n_ever: int

    @classmethod
    def of(cls, about: Mapping[str, Any] | None) -> Self:
        if about is None:
            return cls(first=1, last=0, n=0, n_ever=0)
        if "entries-added" not in about:
            raise Unavailable("this Redis does not count entries", fix="use Redis 7 or newer")
        last, entry = position_of(about["last-generated-id"]), about["first-entry"]
        first = position_of(entry[0]) if entry else last + 1
        return cls(first, last, n=about["length"], n_ever=about["entries-added"])


class RedisSource:
    """The streams topic:0, topic:1 and so on of one server."""

    def __init__(self, settings: Stream) -> None:
        self._streams = [f"{settings.topic}:{number}" for number in range(settings.partitions)]
        self._counts: dict[int, tuple[int, int]] = {}
        """Of a partition: a position, and how many entries there ever were up to it."""
        url = fill_variables(settings.url, where="stream.url")
        try:
            self._server = Redis.from_url(
                url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS
            )
        except ValueError:
            # It is not shown: the password is in it.
            raise StudyError(
                "stream.url is no address of Redis",
                fix="write it as redis://user:password@host:6379/0, with TLS as rediss://",
            ) from None

    def partitions(self) -> Sequence[int]:
        """One for each stream."""
        return range(len(self._streams))

    def first(self, partition: int) -> int:
        """Where the first entry lies; or, if none behind the last that was read is lost, what
        follows that; 1 where none was ever removed.
        """
        state = self._ask(partition)
        position, n = self._counts.get(partition, (0, 0))
        is_complete = state.n_ever - n == state.n
        return position + 1 if position < state.first and is_complete else state.first

    def lag(self, partition: int, after: int) -> int:
        """How many entries follow; as if they had come evenly, where none was read before."""
        state = self._ask(partition)
        n_before = self._count_before(partition, after)
        if n_before is not None:
            return state.n_ever - n_before
        if after >= state.last or not state.n:
            return 0
        share = (state.last - after) / max(1, state.last - state.first)
        return max(1, round(state.n * min(1.0, share)))

    def read(
        self, partition: int, after: int, *, most: int, wait_seconds: float
    ) -> Sequence[Record]:
        """What follows an entry."""
        end = time.monotonic() + wait_seconds
        records = self._read_now(partition, after, most)
        while len(records) < most and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)
            last = records[-1].position if records else after
            records += self._read_now(partition, last, most - len(records))
        return records

    def close(self) -> None:
        """Hang up."""
        self._server.close()

    def _read_now(self, partition: int, after: int, most: int) -> list[Record]:
        key = self._streams[partition]
        # Both of one moment: nothing is trimmed in between.
        with self._server.pipeline(transaction=True) as both:
            both.xrange(key, min=f"({entry_id(max(after, 0))}", count=most)
            both.xinfo_stream(key)
            entries, about = self._try(partition, lambda: both.execute(raise_on_error=False))
        if isinstance(entries, ResponseError):
            raise self._unavailable(partition, entries)
        state = _State.of(None if isinstance(about, ResponseError) else about)
        self._require_whole(partition, after, state)
        records = [_record(name, fields) for name, fields in entries]
        self._count(partition, after, records, n_ever=state.n_ever if len(records) < most else None)
        return records

    def _require_whole(self, partition: int, after: int, state: _State) -> None:
        name = f"the stream {self._streams[partition]}"
        if after > state.last:
            raise Rewound(name, partition=partition, after=after, last=state.last)
        n_before = self._count_before(partition, after)
        is_complete = n_before is not None and state.n_ever - n_before == state.n
        if state.first > after + 1 and not is_complete:
            raise Gap(name, partition=partition, after=after, first=state.first)

    def _count_before(self, partition: int, after: int) -> int | None:
        """How many entries there ever were up to a position; None where that is not known."""
        if after <= 0:
            return 0
        position, n = self._counts.get(partition, (0, 0))
        return n if position == after else None

    def _count(
        self, partition: int, after: int, records: Sequence[Record], *, n_ever: int | None
    ) -> None:
        """Count up to where we are now; at the stream's end that is all there ever were."""
        n_before = self._count_before(partition, after)
        n = n_ever if n_ever is not None or n_before is None else n_before + len(records)
        if n is not None:
            self._counts[partition] = (records[-1].position if records else after), n

    def _ask(self, partition: int) -> _State:
        def describe() -> Mapping[str, Any] | None:
            key = self._streams[partition]
            return self._server.xinfo_stream(key) if self._server.exists(key) else None

        return _State.of(self._try(partition, describe))

    def _try(self, partition: int, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except RedisError as error:
            raise self._unavailable(partition, error) from None

    def _unavailable(self, partition: int, error: RedisError) -> Unavailable:
        return Unavailable(
            f"Redis does not let the stream {self._streams[partition]} be read: "
            f"{first_line(error)}",
            fix="check that the server runs, what the key is, and who may read it",
        )


def _record(name: bytes, fields: Mapping[bytes, bytes]) -> Record:
    position = position_of(name)
    return Record(position, fields.get(FIELD, b""), (position >> _BITS) / 1000)
