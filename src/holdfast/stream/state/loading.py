"""Loading: the batch's history of the study becomes the state that a stream begins with, so that
the first customer it evaluates has a past.

Whatever the source brings again of it is recognised by its event_id, so that the source is read
from its beginning.
"""

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.stream.judging import FACTS, LINES, SOURCE_CODES, require_streamable
from holdfast.stream.sources.source import open_source
from holdfast.stream.state.folding import STORED
from holdfast.stream.state.postgres import (
    connect,
    create_schema,
    explain_refusal,
    read_row,
    write_numbers,
    write_rows,
)
from holdfast.stream.state.tables import TEMPORARY
from holdfast.study import Study

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

_AT_ONCE = 200_000
_CUSTOMERS_AT_ONCE = 50_000
_EXPORT_ID = "concat_ws(' ', 'export', campaign, customer_id, day)"


@dataclass(frozen=True)
class Loaded:
    """What a stream begins with."""

    customers: int
    lines: int
    partitions: int


def initialise(study: Study) -> Loaded:
    """Create the state and load the study's history into it, all of it or nothing.

    Raises
    ------
    StudyError, DataError, MissingExtra
        The study cannot be streamed, there is a state already, or something cannot be read.
    """
    require_streamable(study)
    assert study.stream is not None
    beginnings = _find_beginnings(study)
    with connect(study.stream) as connection, Warehouse.temporary() as warehouse:
        with explain_refusal("load the history"), connection.transaction():
            create_schema(connection, study.stream)
            connection.execute(TEMPORARY)
            read_order_log(study, warehouse)
            loaded = _load(connection, study, warehouse)
            for partition, first in beginnings.items():
                connection.execute(
                    "INSERT INTO positions (partition, position) VALUES (%s, %s)",
                    [partition, first - 1],
                )
        connection.execute("ANALYZE")
    return Loaded(*loaded, len(beginnings))


def _find_beginnings(study: Study) -> dict[int, int]:
    """Partition -> the first position that is there; the outbox, which is part of the state, is
    not there yet.
    """
    assert study.stream is not None
    if study.stream.source == "outbox":
        return dict.fromkeys(range(study.stream.partitions), 0)
    with closing(open_source(study)) as source:
        return {partition: source.first(partition) for partition in source.partitions()}


def _load(connection: "Connection", study: Study, warehouse: Warehouse) -> tuple[int, int]:
    write_rows(
        connection, "wanted", warehouse.query("SELECT number, customer_id FROM customer_numbers")
    )
    n_customers = connection.execute(
        "INSERT INTO customers (customer_id, number, due_minute) "
        "SELECT customer_id, number, abs(hashtext(customer_id) % 1440) FROM wanted ORDER BY number"
    ).rowcount
    read_row(
        connection,
        "SELECT setval(pg_get_serial_sequence('customers', 'number'), max(number)) FROM customers",
    )
    n_lines = sum(
        _load_lines(connection, warehouse, name)
        for name in SOURCE_CODES
        if warehouse.has(f"validated_{name}")
    )
    _load_days(connection, warehouse, n_customers)
    return n_customers, n_lines


def _load_lines(connection: "Connection", warehouse: Warehouse, name: str) -> int:
    event_id = _EXPORT_ID if name == "exports" else "event_id"
    facts = FACTS["treatments" if name == "exports" else name]
    rows = warehouse.con.sql(f"""
        SELECT CAST({SOURCE_CODES[name]} AS SMALLINT) AS source, {event_id} AS event_id,
            number AS customer, day, occurred_at, {facts}
        FROM validated_{name} JOIN customer_numbers USING (customer_id) WHERE verdict = 0
        ORDER BY number, day
    """)
    columns = [c for c in LINES.names() if c in rows.columns]
    count = 0
    for batch in rows.to_arrow_reader(_AT_ONCE):
        frame = pl.DataFrame(pl.from_arrow(batch)).with_columns(
            pl.col(c).cast(LINES[c]) for c in columns
        )
        write_rows(connection, "lines", frame)
        count += frame.height
    return count


def _load_days(connection: "Connection", warehouse: Warehouse, n_customers: int) -> None:
    columns = {"customer": "i4", "day": "i4", **STORED}
    for first in range(0, n_customers, _CUSTOMERS_AT_ONCE):
        days = warehouse.query(
            f"SELECT customer_id AS customer, day, {', '.join(STORED)} FROM numbered_activity "
            f"WHERE customer_id > {first} AND customer_id <= {first + _CUSTOMERS_AT_ONCE}"
        )
        write_numbers(connection, "customer_days", days, columns)
