"""A client whose headers dawdle or swell loses its connection; another one keeps it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from holdfast.api import protocol


async def app(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    """Answer nothing, slowly."""
    await asyncio.sleep(10)


class Transport(asyncio.Transport):
    """A connection that remembers what it was sent and whether it was closed."""

    closed = False
    written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """Nobody writes."""

    def resume_reading(self) -> None:
        """Nobody writes."""

    def is_closing(self) -> bool:
        return self.closed


class Talk(NamedTuple):
    """What became of a connection: whether it was closed, what it was sent, which headers it
    read.
    """

    closed: bool
    written: bytes
    headers: list[tuple[bytes, bytes]]


def talk(*parts: bytes, waiting: float = 0.0) -> Talk:
    """Send these bytes, one part after the other, until the connection is closed."""

    async def connect() -> Talk:
        config = Config(app, http=protocol.Protocol, log_config=None)
        config.load()
        connection = protocol.Protocol(config, ServerState(), {})
        transport = Transport()
        connection.connection_made(transport)
        for part in parts:
            if not transport.closed:
                connection.data_received(part)
        await asyncio.sleep(waiting)
        end = Talk(transport.closed, transport.written, list(connection.headers or ()))
        connection.connection_lost(None)
        return end

    # A thread of its own: a browser's test may have left an event loop in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, connect()).result()


def closed_after(*, headers: bytes) -> bool:
    """Whether the connection is closed once twice the deadline has passed."""
    return talk(headers, waiting=0.1).closed


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_HEADER_SECONDS", 0.05)


def test_headers_that_never_end_close_the_connection() -> None:
    assert closed_after(headers=b"GET / HTTP/1.1\r\nHost: here\r\n")
    assert closed_after(headers=b"")


def test_headers_in_time_stop_the_clock() -> None:
    assert not closed_after(headers=b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")


GET = b"GET / HTTP/1.1\r\nHost: here\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [GET + b"X: " + b"a" * 70_000 + b"\r\n\r\n"],
        [GET, *[b"X: " + b"a" * 7_000 + b"\r\n"] * 11],
        [GET + b"X: ", *[b"a" * 10_000] * 10],
        [GET, *[b"X" * 10_000] * 10],
        [b"GET /", *[b"a" * 10_000] * 10],
        [GET + b"X: a\r\n" * 101 + b"\r\n"],
    ],
    ids=["one long", "ten", "a value without end", "a name without end", "a path", "a hundred"],
)
def test_headers_that_swell_are_refused_and_said_so(parts: list[bytes]) -> None:
    refused = talk(*parts)
    assert refused.closed
    assert refused.written.startswith(b"HTTP/1.1 431 ")
    assert b"the headers are larger than 64 KiB or more than 100" in refused.written


def test_large_headers_within_the_bounds_and_a_large_body_are_taken() -> None:
    post = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2000000\r\n"
    headers = b"".join(b"X%d: %s\r\n" % (k, b"a" * 600) for k in range(98))
    taken = talk(post + headers + b"\r\n", *[b"b" * 200_000] * 10)
    assert not taken.closed
    assert len(taken.headers) == 100


def test_a_second_request_on_a_connection_starts_its_count_anew() -> None:
    one = GET + b"X: " + b"a" * 40_000 + b"\r\n\r\n"
    assert not talk(one, one).closed


CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_field_after_the_body_is_no_header() -> None:
    taken = talk(CHUNKED + b"2\r\n{}\r\n0\r\nX-API-Key: hf_1_2\r\n\r\n")
    assert [name for name, _ in taken.headers] == [b"host", b"transfer-encoding"]


def test_fields_after_the_body_that_never_end_close_the_connection() -> None:
    assert talk(CHUNKED + b"2\r\n{}\r\n0\r\nX: ", *[b"a" * 10_000] * 10).closed
