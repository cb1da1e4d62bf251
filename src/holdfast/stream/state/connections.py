"""Connections for surfaces, which ask the state many small questions: a few, lent one at a time.

Whoever asks reads one state of it, cannot change it by mistake, and is not kept waiting: neither by
a query, nor by a server that is gone, which is asked again only after a moment.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING

from holdfast.errors import HoldfastError, InputError
from holdfast.stream.state.postgres import connect, explain_refusal
from holdfast.study.stream import Stream

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_MOST = 4
_WAIT_SECONDS = 5.0
_RETRY_SECONDS = 3.0
_BOUNDS = "SET statement_timeout = '10s'; SET lock_timeout = '5s'"
_READ = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class Unreachable(HoldfastError):
    """The state cannot be asked now; it may be later."""

    def __init__(self, why: str, *, fix: str) -> None:
        super().__init__(f"live alerts cannot be read: {why}", fix=fix)


class Connections:
    """Of one process. Threads may share them."""

    def __init__(self, settings: Stream) -> None:
        self._settings = settings
        self._idle: list[Connection] = []
        self._places, self._lock = BoundedSemaphore(_MOST), Lock()
        self._trouble: tuple[float, Unreachable] | None = None

    @contextmanager
    def read(self) -> "Iterator[Connection]":
        """A transaction that sees one state, and changes nothing.

        Raises
        ------
        Unreachable
            PostgreSQL does not answer, or the environment does not say where it is.
        NoState
            It holds no state.
        """
        with self._begin(_READ) as connection, explain_refusal("answer"):
            yield connection

    @contextmanager
    def write(self) -> "Iterator[Connection]":
        """A transaction; raises as `read` does."""
        with self._begin("SET TRANSACTION READ WRITE") as connection, explain_refusal("take it in"):
            yield connection

    def close(self) -> None:
        """Hang up those that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _begin(self, first: str) -> "Iterator[Connection]":
        import psycopg

        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise Unreachable(f"{_MOST} queries are running already", fix="ask again in a moment")
        try:
            with self._lend(first) as connection, connection.transaction():
                connection.execute(first.encode())
                yield connection
        except psycopg.OperationalError as error:
            raise Unreachable(_first_line(error), fix="check PostgreSQL") from None
        finally:
            self._places.release()

    @contextmanager
    def _lend(self, first: str) -> "Iterator[Connection]":
        """A connection that answers, which is kept unless it breaks."""
        connection = self._answering() or self._open()
        try:
            yield connection
        finally:
            if connection.broken or connection.closed:
                connection.close()
            else:
                with self._lock:
                    self._idle.append(connection)

    def _answering(self) -> "Connection | None":
        """An idle connection; those that a restart of the server has cut are dropped."""
        import psycopg

        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            with suppress(psycopg.Error):
                connection.execute("SELECT")
                return connection
            connection.close()

    def _open(self) -> "Connection":
        if self._trouble is not None and time.monotonic() < self._trouble[0]:
            raise self._trouble[1]
        try:
            connection = connect(self._settings)
        except InputError as error:
            trouble = Unreachable(error.problem, fix=error.fix)
            self._trouble = time.monotonic() + _RETRY_SECONDS, trouble
            raise trouble from None
        connection.execute(_BOUNDS)
        self._trouble = None
        return connection


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
