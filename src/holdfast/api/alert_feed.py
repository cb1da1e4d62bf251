"""Alerts as they open and close, to everybody who follows them: server-sent events.

However many follow, the database is asked once a second for each place at which somebody is, and
those who have read everything are at the same one. Nobody holds a thread.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

from holdfast.api.live import Live
from holdfast.api.problems import Refused, encode
from holdfast.errors import HoldfastError
from holdfast.stream.alerts.alert_feed import Place, find_end, read_transitions

_EVERY_SECONDS = 1.0
_HEARTBEAT_TICKS = 15
_AT_ONCE = 500
_MOST_FOLLOWERS = 200

Events = list[tuple[Place, bytes]]


class AlertFeed:
    """The feed of one worker."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._followers = 0
        self._tick, self._pages = 0, dict[Place, asyncio.Task[Events]]()

    async def find_end(self) -> Place:
        """Where somebody begins who wants what comes.

        Raises
        ------
        Refused
            409, 503: as `Live.read` does.
        """
        return await asyncio.to_thread(self._find_end)

    async def follow(self, after: Place, *, ending: asyncio.Event) -> AsyncIterator[bytes]:
        """What follows a place, as it comes, until the server ends; while PostgreSQL is away, a
        comment now and then.
        """
        self._followers += 1
        try:
            yield b"retry: 3000\n\n"
            for tick in count(1):
                while events := await self._next(after):
                    for place, event in events:
                        yield event
                        after = place
                if ending.is_set():
                    return
                if tick % _HEARTBEAT_TICKS == 0:
                    yield b": still here\n\n"
                await _wait(ending)
        finally:
            self._followers -= 1

    def require_room(self) -> None:
        """Refuse a follower too many.

        Raises
        ------
        Refused
            503.
        """
        if self._followers >= _MOST_FOLLOWERS:
            what = f"{_MOST_FOLLOWERS} clients follow alerts here already"
            raise Refused(
                503,
                what,
                fix="try again later, or start the server with more --workers",
                headers={"retry-after": "60"},
            )

    async def _next(self, after: Place) -> Events:
        """What follows a place now; nothing where it cannot be read."""
        tick = _tick()
        if tick != self._tick:
            self._tick, self._pages = tick, {}
        if after not in self._pages:
            reading = asyncio.to_thread(self._read, after)
            self._pages[after] = asyncio.create_task(reading)
        # Who leaves must not take the answer away from the others.
        return await asyncio.shield(self._pages[after])

    def _read(self, after: Place) -> Events:
        try:
            with self._live.read() as connection:
                rows = read_transitions(connection, after, most=_AT_ONCE)
        except HoldfastError:
            return []
        return [(place := row.pop("place"), write_event(place, row)) for row in rows]

    def _find_end(self) -> Place:
        with self._live.read() as connection:
            return find_end(connection)


def write_event(place: Place, transition: dict[str, Any]) -> bytes:
    """One transition in the form of the standard's event streams."""
    head = f"id: {place}\nevent: {transition['transition']}\ndata: ".encode()
    return head + encode(transition) + b"\n\n"


def _tick() -> int:
    return int(asyncio.get_running_loop().time() / _EVERY_SECONDS)


async def _wait(ending: asyncio.Event) -> None:
    """Until the next second begins, or the server ends."""
    now = asyncio.get_running_loop().time()
    try:
        await asyncio.wait_for(ending.wait(), (_tick() + 1) * _EVERY_SECONDS - now + 0.001)
    except TimeoutError:
        return
