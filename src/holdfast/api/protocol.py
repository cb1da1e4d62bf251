"""HTTP over a connection that neither dawdles nor swells: a request's headers have a deadline and a
size, whoever sends them, or anybody could hold sockets and memory before a key is looked at.
"""

from asyncio import BaseTransport, TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.api.problems import MEDIA_TYPE, Refused, encode, problem

_HEADER_SECONDS = 10.0
_HEADER_BYTES = 64 * 1024
_HEADERS = 100


class _TooLarge(Exception):
    """Ends the parser's work in the middle of the headers."""


class Protocol(HttpToolsProtocol):
    """uvicorn's own, refusing headers that are not complete in ten seconds, above 64 KiB or more
    than a hundred; fields after a body are no headers.
    """

    _deadline: TimerHandle | None = None
    _in_headers = True
    _read = 0
    """Bytes of this request's fields that the parser has handed out."""
    _held = 0
    """Bytes that it may hold, because it has handed out nothing since: a field that never ends."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Start the clock."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_clock()

    def shutdown(self) -> None:
        """End what would last for ever."""
        super().shutdown()
        if self.cycle is not None and "ending" in self.cycle.scope:
            self.cycle.scope["ending"].set()  # type: ignore[typeddict-item]

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the headers have grown too large."""
        self._held += len(data)
        super().data_received(data)
        if self._held > _HEADER_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_message_begin(self) -> None:
        """A further request on the same connection."""
        if self._deadline is None:
            self._start_clock()
        self._in_headers, self._read = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count it with the headers."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body in chunks is none, and is left out."""
        self._count(len(name) + len(value))
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """From here on the middleware keeps the time."""
        self._stop_clock()
        self._in_headers, self._held = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The middleware counts it."""
        self._held = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; headers that are too large have a word of their own."""
        if self._are_too_large():
            self._refuse()
        else:
            super().send_400_response(msg)

    def _count(self, n: int) -> None:
        self._read, self._held = self._read + n, 0
        if self._are_too_large():
            raise _TooLarge

    def _are_too_large(self) -> bool:
        return self._read > _HEADER_BYTES or len(self.headers or ()) > _HEADERS

    def _refuse(self) -> None:
        if not self._in_headers:
            self.transport.close()
            return
        what = f"the headers are larger than {_HEADER_BYTES // 1024} KiB or more than {_HEADERS}"
        body = encode(problem(Refused(431, what, fix="send fewer or shorter headers")))
        head = (
            "HTTP/1.1 431 Request Header Fields Too Large\r\n"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _start_clock(self) -> None:
        self._deadline = self.loop.call_later(_HEADER_SECONDS, self._give_up)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        transport: Any = self.transport
        if not transport.is_closing():
            transport.close()
