"""NATS JetStream: a partition is one subject, read through a consumer that we can do without.

A consumer is a cursor at the broker. It may vanish (its server restarts, its client was busy), and
what it sends may be lost on the way; so its own count of messages is checked, and where it is gone
or behind, a new one begins after the position. A position is the stream's sequence.

Subjects share their stream's sequences, and JetStream passes over what it removed without a word: a
gap is where the stream begins behind what was read last, unless its end had been seen by then.
"""

import asyncio
import ssl
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy
from nats.js.client import JetStreamContext
from nats.js.errors import APIError, NotFoundError

from holdfast.errors import StudyError, first_line
from holdfast.io.files import fill_variables
from holdfast.stream.sources.source import Gap, Record, Rewound, Unavailable
from holdfast.study.sections import require_known
from holdfast.study.stream import Stream

T = TypeVar("T")
INACTIVE_SECONDS = 900.0
"""How long a broker keeps a consumer that nobody asks. Its own five seconds are less than a busy
worker may need."""
_SECONDS = 10.0
_SHORTEST_WAIT = 0.01
_TRIES = 3
_CERTIFICATES = ("ca", "certificate", "key")


@dataclass
class _Cursor:
    """A consumer at the broker, the position it has sent, and how many messages that took."""

    subscription: JetStreamContext.PullSubscription
    position: int
    n_sent: int = 0


class JetStreamSource:
    """The subjects topic.0, topic.1 and so on, of one stream or of several."""

    def __init__(self, settings: Stream) -> None:
        self._subjects = [f"{settings.topic}.{number}" for number in range(settings.partitions)]
        self._streams: dict[int, str] = {}
        self._cursors: dict[int, _Cursor] = {}
        self._last: dict[int, int] = {}
        self._quiet: dict[int, tuple[int, int]] = {}
        """Between which sequences there is nothing for a partition, only for others."""
        self._loop = asyncio.new_event_loop()
        # Of its own: the broker's pings are answered while the worker computes.
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._client: Client = self._await(_connect(settings))
            self._broker = self._client.jetstream(timeout=_SECONDS)
        except BaseException:
            self._stop()
            raise

    def partitions(self) -> Sequence[int]:
        """One for each subject."""
        return range(len(self._subjects))

    def first(self, partition: int) -> int:
        """Where the stream begins, or what follows the last event where that is all there was."""
        first, _ = self._await(self._bounds(partition))
        start, end = self._quiet.get(partition, (0, 0))
        return start + 1 if start < first <= end + 1 else first

    def lag(self, partition: int, after: int) -> int:
        """What the broker has of the subject behind a position."""
        return self._await(self._count_waiting(partition, after))

    def read(
        self, partition: int, after: int, *, most: int, wait_seconds: float
    ) -> Sequence[Record]:
        """What follows a sequence on the subject."""
        return self._await(self._read(partition, after, most, wait_seconds))

    def close(self) -> None:
        """Hang up; the broker forgets our consumers by itself."""
        # Whoever closes may do so because nobody answers.
        with suppress(Unavailable):
            self._await(self._client.close())
        self._stop()

    async def _read(self, partition: int, after: int, most: int, seconds: float) -> list[Record]:
        cursor = await self._cursor(partition, after)
        try:
            messages = await _fetch(cursor, most, max(seconds, _SHORTEST_WAIT))
        except APIError:
            # The consumer is gone.
            messages = []
        records = _records(messages, cursor)
        if len(records) < len(messages) or (not records and not await self._waits(partition)):
            await self._drop_cursor(partition)
        # Asked afterwards: what was removed while we read shows as well.
        await self._require_whole(partition, after)
        return records

    async def _require_whole(self, partition: int, after: int) -> None:
        first, last = await self._bounds(partition)
        self._last[partition] = last
        name = f"the stream {self._streams[partition]}"
        if last < after:
            raise Rewound(name, partition=partition, after=after, last=last)
        start, end = self._quiet.get(partition, (0, 0))
        if first > (max(after, end) if after >= start else after) + 1:
            raise Gap(name, partition=partition, after=after, first=first)

    async def _waits(self, partition: int) -> bool:
        """Whether a cursor that brought nothing is well: it is there, and there was nothing."""
        cursor = self._cursors[partition]
        try:
            info = await cursor.subscription.consumer_info()
        except APIError:
            return False
        sent = info.delivered.consumer_seq if info.delivered else 0
        if info.num_pending or sent != cursor.n_sent:
            return False
        self._quiet[partition] = cursor.position, self._last.get(partition, 0)
        return True

    async def _count_waiting(self, partition: int, after: int) -> int:
        cursor = await self._cursor(partition, after)
        try:
            info = await cursor.subscription.consumer_info()
        except APIError:
            await self._drop_cursor(partition)
            cursor = await self._cursor(partition, after)
            info = await cursor.subscription.consumer_info()
        sent = info.delivered.consumer_seq if info.delivered else 0
        return int(info.num_pending or 0) + int(sent or 0) - cursor.n_sent

    async def _cursor(self, partition: int, after: int) -> _Cursor:
        cursor = self._cursors.get(partition)
        if cursor is not None and cursor.position != after:
            await self._drop_cursor(partition)
        if partition not in self._cursors:
            subscription = await self._subscribe(partition, after)
            self._cursors[partition] = _Cursor(subscription, after)
        return self._cursors[partition]

    async def _drop_cursor(self, partition: int) -> None:
        await self._cursors.pop(partition).subscription.unsubscribe()

    async def _subscribe(self, partition: int, after: int) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=max(after + 1, 1),
            ack_policy=AckPolicy.NONE,
            inactive_threshold=INACTIVE_SECONDS,
            mem_storage=True,
        )
        stream = await self._stream(partition)
        return await self._broker.pull_subscribe(
            self._subjects[partition], stream=stream, config=config
        )

    async def _bounds(self, partition: int) -> tuple[int, int]:
        state = (await self._broker.stream_info(await self._stream(partition))).state
        # A stream that never had a message begins at 0, and its first message is 1.
        return max(state.first_seq, 1), state.last_seq

    async def _stream(self, partition: int) -> str:
        """The stream of a partition's subject, which keeps all until its limits."""
        if partition not in self._streams:
            name = await self._find_stream(self._subjects[partition])
            config = (await self._broker.stream_info(name)).config
            if config.retention not in (None, RetentionPolicy.LIMITS) or (
                (config.max_msgs_per_subject or 0) > 0
            ):
                raise StudyError(
                    f"the stream {name} removes events that were not read",
                    fix='give it retention "limits" and no max_msgs_per_subject',
                )
            self._streams[partition] = name
        return self._streams[partition]

    async def _find_stream(self, subject: str) -> str:
        try:
            return await self._broker.find_stream_name_by_subject(subject)
        except NotFoundError:
            raise Unavailable(
                f"no stream of NATS has the subject {subject}",
                fix="make one: nats stream add, with that subject",
            ) from None

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except (NatsError, OSError, ssl.SSLError) as error:
            raise Unavailable(
                f"NATS does not let {self._subjects[0]} be read: {first_line(error)}",
                fix="check that the server runs, with JetStream, and who may read it",
            ) from None

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _connect(settings: Stream) -> Client:
    async def ignore(_: Exception) -> None:
        """What fails is said by the call that fails."""

    url = fill_variables(settings.url, where="stream.url")
    return await nats.connect(
        url.split(","),
        name="holdfast",
        error_cb=ignore,
        max_reconnect_attempts=_TRIES,
        reconnect_time_wait=1,
        tls=_read_certificates(settings.options),
    )


def _read_certificates(options: Mapping[str, str]) -> ssl.SSLContext | None:
    """Whose certificates are believed, and our own, where the study says so."""
    for name in options:
        require_known(name, _CERTIFICATES, f"stream.options has {name!r}, which NATS has not")
    authority, certificate, key = (
        fill_variables(options[each], where="stream.options") if each in options else None
        for each in _CERTIFICATES
    )
    if authority is None and certificate is None:
        return None
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
    except OSError as error:
        raise StudyError(
            f"a certificate of stream.options cannot be read: {first_line(error)}",
            fix="give the paths of PEM files",
        ) from None
    return context


async def _fetch(cursor: _Cursor, most: int, seconds: float) -> list[Msg]:
    """Messages until there are enough or the time is over."""
    messages: list[Msg] = []
    end = time.monotonic() + seconds
    while len(messages) < most and (rest := end - time.monotonic()) > 0:
        try:
            messages += await cursor.subscription.fetch(
                most - len(messages), timeout=max(rest, _SHORTEST_WAIT)
            )
        except TimeoutError:
            break
    return messages


def _records(messages: Sequence[Msg], cursor: _Cursor) -> list[Record]:
    """Messages up to the first that the broker counts otherwise: before it, some were lost."""
    records = []
    for message in messages:
        about = message.metadata
        if about.sequence.consumer != cursor.n_sent + 1:
            break
        cursor.n_sent, cursor.position = about.sequence.consumer, about.sequence.stream
        records.append(Record(cursor.position, message.data, about.timestamp.timestamp()))
    return records
