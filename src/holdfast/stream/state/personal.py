"""What a stream holds of certain customers: all of it, to be shown or removed.

Whoever removes them waits for the steps at work, and the next ones know the list of those who were
erased: so nothing of them comes back.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.stream.state.postgres import connect, explain_refusal, has_state
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

STEP_LOCK = "SELECT pg_advisory_xact_lock_shared(hashtext(current_schema()), -1)"
"""Held by each step."""
_ERASE_LOCK = "SELECT pg_advisory_xact_lock(hashtext(current_schema()), -1)"
_NUMBERS = "(SELECT number FROM customers WHERE customer_id = ANY(%(names)s))"
_EPISODES = "(SELECT id FROM episodes WHERE customer_id = ANY(%(names)s))"
_WHERE = {
    "lines": f"customer IN {_NUMBERS}",
    "customer_days": f"customer IN {_NUMBERS}",
    "scores": "customer_id = ANY(%(names)s)",
    "deliveries": f"episode_id IN {_EPISODES} "
    "OR body -> 'facts' ->> 'customer_id' = ANY(%(names)s)",
    "episodes": "customer_id = ANY(%(names)s)",
    "outbox": "EXISTS (SELECT FROM unnest(%(columns)s::text[]) AS name "
    "WHERE trim(body ->> name) = ANY(%(names)s))",
    "dead": "id = ANY(%(dead)s)",
    "customers": "customer_id = ANY(%(names)s)",
}
"""Table -> which rows are about them; in an order in which they can be removed."""


class Named(Protocol):
    """Customers by all their names, and the columns of the sources that hold such."""

    @property
    def names(self) -> frozenset[str]:
        """The names."""

    @property
    def columns(self) -> frozenset[str]:
        """The columns."""

    def is_in_raw(self, raw: str | None) -> bool:
        """Whether a row as it came names them."""


@contextmanager
def stream_of(study: Study) -> "Iterator[Connection | None]":
    """A connection to the study's stream; None where there is none."""
    if study.stream is None:
        yield None
        return
    with connect(study.stream) as connection:
        yield connection if has_state(connection) else None


def count_rows(connection: "Connection", people: Named) -> dict[str, int]:
    """Table -> rows about them, where there are any."""
    values = _values(connection, people)
    counts = {}
    for table, where in _WHERE.items():
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()
        counts[table] = row[0] if row else 0
    return {table: count for table, count in counts.items() if count}


def read_all(connection: "Connection", people: Named) -> dict[str, list[dict[str, Any]]]:
    """Table -> rows about them, as plain values."""
    from psycopg.rows import dict_row

    held, values = {}, _values(connection, people)
    with connection.cursor(row_factory=dict_row) as cursor:
        for table, where in _WHERE.items():
            rows = cursor.execute(f"SELECT * FROM {table} WHERE {where}", values).fetchall()
            held[table] = [{name: _plain(cell) for name, cell in row.items()} for row in rows]
    return {table: rows for table, rows in held.items() if rows}


def remove_all(connection: "Connection", people: Named) -> int:
    """Remove every row about them, in one transaction; returns how many there were."""
    with explain_refusal("erase customers"), connection.transaction():
        connection.execute(_ERASE_LOCK)
        values = _values(connection, people)
        return sum(
            connection.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount
            for table, where in _WHERE.items()
        )


def _values(connection: "Connection", people: Named) -> dict[str, Sequence[Any]]:
    rows = connection.execute("SELECT id, body FROM dead WHERE body IS NOT NULL")
    dead = [
        number for number, body in rows if people.is_in_raw(bytes(body).decode("utf-8", "replace"))
    ]
    return {"names": list(people.names), "columns": list(people.columns), "dead": dead}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return value
