"""HTTP over a connection that must not dawdle: a request's headers have a deadline, or a slow
client holds a socket.
"""

from asyncio import BaseTransport, TimerHandle
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEADER_SECONDS = 10.0


class Protocol(HttpToolsProtocol):
    """uvicorn's own, closing a connection whose headers are not complete in ten seconds."""

    _deadline: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Start the clock."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop it."""
        self._stop_clock()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A further request on the same connection."""
        if self._deadline is None:
            self._start_clock()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """From here on the middleware keeps the time."""
        self._stop_clock()
        super().on_headers_complete()

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
