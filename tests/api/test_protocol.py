"""A client that dawdles over its headers loses its connection; one that does not keeps it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from holdfast.api import protocol


async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    """Answer nothing, slowly."""
    await asyncio.sleep(10)


class Transport(asyncio.Transport):
    """A connection that only remembers whether it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def closed_after(*, headers: bytes) -> bool:
    """Whether the connection is closed once twice the deadline has passed."""

    async def connect() -> bool:
        config = Config(app, http=protocol.Protocol, log_config=None)
        config.load()
        connection = protocol.Protocol(config, ServerState(), {})
        transport = Transport()
        connection.connection_made(transport)
        connection.data_received(headers)
        await asyncio.sleep(0.1)
        closed = transport.closed
        connection.connection_lost(None)
        return closed

    # A thread of its own: a browser's test may have left an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, connect()).result()


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_HEADER_SECONDS", 0.05)


def test_headers_that_never_end_close_the_connection() -> None:
    assert closed_after(headers=b"GET / HTTP/1.1\r\nHost: here\r\n")
    assert closed_after(headers=b"")


def test_headers_in_time_stop_the_clock() -> None:
    assert not closed_after(headers=b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
