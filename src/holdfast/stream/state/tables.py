"""The state of a stream: which events were taken in, of whom, and how far each partition was read.

Customers are locked before anything of them is read or written, in one order, so that partitions
which share a customer wait for each other and never lock each other up.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from holdfast.errors import HoldfastError
from holdfast.stream.judging import LINES
from holdfast.stream.messages import Dead
from holdfast.stream.sources.source import Record
from holdfast.stream.state.postgres import read_row, write_rows

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

OTHER_CONTENT = "same id, other content"
TEMPORARY = """
    CREATE TEMP TABLE IF NOT EXISTS arrived (
        place integer, source smallint, event_id text, customer_id text, day integer,
        occurred_at timestamp, order_id text, product_id text, amount_minor bigint,
        is_return boolean, kind smallint, n bigint, campaign text, treated boolean
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS inserted (
        customer integer, day integer, source smallint, product_id text, is_return boolean,
        kind smallint, n bigint, treated boolean
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS affected (
        customer integer, day integer, PRIMARY KEY (customer, day)
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS folded (LIKE customer_days) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS wanted (
        number integer PRIMARY KEY, customer_id text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS scored (
        LIKE scores INCLUDING DEFAULTS
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS opening (
        rule text, customer_id text, anchor_day integer, severity text, owner text,
        opened_day integer, value_opened double precision, value_now double precision, reasons json,
        action text, evaluated_day integer, days_below_before integer, days_below integer,
        run_id text
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS changing (
        id bigint, value_now double precision, evaluated_day integer, days_below_before integer,
        days_below integer, closed_day integer, close_reason text
    ) ON COMMIT DELETE ROWS;
"""
"""What a step works with; each connection has its own."""
_FACTS = (
    "day, occurred_at, order_id, product_id, amount_minor, is_return, kind, n, campaign, treated"
)
_LOCK = """
    INSERT INTO wanted
    SELECT number, customer_id FROM customers WHERE {where} ORDER BY number FOR UPDATE
"""


class Zombie(HoldfastError):
    """Another worker has read the partition on: this one must not write."""


class Position:
    """How far one partition was read, as this worker knows it."""

    def __init__(self, connection: "Connection", partition: int) -> None:
        row = read_row(
            connection,
            "SELECT position, catching_up FROM positions WHERE partition = %s",
            [partition],
        )
        self.partition, self.value, self.is_catching_up = partition, int(row[0]), bool(row[1])

    def move(
        self, connection: "Connection", records: Sequence[Record], *, lag: int, behind: bool
    ) -> None:
        """Write that these records were read, if nobody else has.

        Raises
        ------
        Zombie
            Somebody has.
        """
        last = records[-1] if records else Record(self.value, b"")
        self._write(
            connection,
            "position = %s, lag = %s, catching_up = %s, events = events + %s, "
            "batches = batches + 1, sent_at = coalesce(to_timestamp(%s), sent_at)",
            [last.position, lag, behind, len(records), last.sent_at],
        )

    def jump(self, connection: "Connection", to: int) -> None:
        """Write another position, if nobody has read on.

        Raises
        ------
        Zombie
            Somebody has.
        """
        self._write(connection, "position = %s", [to])

    def _write(self, connection: "Connection", changes: str, values: Sequence[object]) -> None:
        moved = connection.execute(
            f"UPDATE positions SET {changes}, updated_at = now() "
            "WHERE partition = %s AND position = %s",
            [*values, self.partition, self.value],
        )
        if moved.rowcount != 1:
            raise Zombie(
                f"another worker reads partition {self.partition}, and has read it on",
                fix="this one stops and has written nothing; run one worker for each partition",
            )


def lock_customers(connection: "Connection", customer_ids: pl.Series) -> None:
    """Give each customer a number, lock them all, and leave them in the table `wanted`."""
    ids = customer_ids.unique().sort().to_list()
    connection.execute(
        "INSERT INTO customers (customer_id, due_minute) "
        "SELECT id, abs(hashtext(id) %% 1440) FROM unnest(%s::text[]) AS id "
        "ON CONFLICT DO NOTHING",
        [ids],
    )
    connection.execute(_LOCK.format(where="customer_id = ANY(%s)"), [ids])


def lock_numbers(connection: "Connection", where: str, values: Sequence[object]) -> int:
    """Lock the customers of a condition, and leave them in the table `wanted`; returns how many."""
    return connection.execute(_LOCK.format(where=where), values).rowcount


def insert_lines(connection: "Connection", lines: pl.DataFrame) -> tuple[int, list[int]]:
    """Insert the lines whose ids are new, the customers being `wanted`, and leave them in the table
    `inserted`.

    Returns
    -------
    tuple
        How many; and the places of those that have an id of a line with other content.
    """
    write_rows(connection, "arrived", lines.select(LINES.names()))
    counted = connection.execute(
        f"""
        WITH new AS (
            INSERT INTO lines (source, event_id, customer, {_FACTS})
            SELECT source, event_id, number, {_FACTS}
            FROM arrived JOIN wanted USING (customer_id) ORDER BY place
            ON CONFLICT DO NOTHING
            RETURNING customer, day, source, product_id, is_return, kind, n, treated)
        INSERT INTO inserted SELECT * FROM new
        """
    ).rowcount
    if counted == lines.height:
        return counted, []
    names = _FACTS.split(", ")
    differ = " OR ".join(f"l.{name} IS DISTINCT FROM a.{name}" for name in names)
    rows = connection.execute(
        f"""
        SELECT place FROM arrived AS a
        JOIN lines AS l ON l.source = a.source AND l.event_id = a.event_id
        JOIN wanted AS w ON w.customer_id = a.customer_id
        WHERE l.customer <> w.number OR {differ} ORDER BY place
        """
    ).fetchall()
    return counted, [place for (place,) in rows]


def keep_dead(
    connection: "Connection", partition: int, dead: Sequence[Dead], *, with_body: bool
) -> None:
    """Keep messages that cannot be understood, for a person to look at."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO dead (partition, position, body, reason) VALUES (%s, %s, %s, %s)",
            [
                (partition, d.record.position, d.record.body if with_body else None, d.reason)
                for d in dead
            ],
        )


def count_messages(
    connection: "Connection", partition: int, counts: "Counter[tuple[str, str, str]]"
) -> None:
    """Add to the ledger."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (partition, source, outcome, reason) "
            "DO UPDATE SET messages = ledger.messages + EXCLUDED.messages",
            [(partition, *what, n) for what, n in sorted(counts.items()) if n],
        )


def mark_dirty(connection: "Connection") -> None:
    """The customers of the inserted lines are to be rolled up and evaluated later."""
    connection.execute(
        "UPDATE customers SET dirty = true "
        "WHERE number IN (SELECT customer FROM inserted) AND NOT dirty"
    )


def keep_checkpoint(connection: "Connection", position: Position, *, day: int) -> None:
    """Remember where a partition was before the first step of a day."""
    connection.execute(
        "INSERT INTO checkpoints VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [position.partition, day, position.value],
    )


def read_wanted(connection: "Connection") -> pl.DataFrame:
    """Which customers are locked: number and customer_id."""
    rows = connection.execute("SELECT number, customer_id FROM wanted ORDER BY number").fetchall()
    return pl.DataFrame(rows, schema={"number": pl.Int32, "customer_id": pl.String}, orient="row")


def is_anybody_behind(connection: "Connection") -> bool:
    """Whether a partition is only taking events in."""
    sql = "SELECT coalesce(bool_or(catching_up), false) FROM positions"
    return read_row(connection, sql)[0] is True


def log_for_operator(connection: "Connection", kind: str, text: str) -> None:
    """Note what the operator should know afterwards; not what was noted last of its kind."""
    connection.execute(
        "INSERT INTO operator_log (kind, text) SELECT %(kind)s, %(text)s "
        "WHERE %(text)s IS DISTINCT FROM (SELECT text FROM operator_log WHERE kind = %(kind)s "
        "ORDER BY at DESC LIMIT 1)",
        {"kind": kind, "text": text},
    )
