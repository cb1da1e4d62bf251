"""The customer-day rollup: what every feature and label is later summed from, computed once.

One row per customer and day on which anything happened. Nothing in a row depends on a later day, so
that any cutoff may use the rows before it as they are. Customers are numbered in the order of their
names and rolled up in ranges of numbers, so that memory depends on the size of a range and not of
the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

import polars as pl

from holdfast.ingest.customer_days import COUNTED, DAYS, customer_days
from holdfast.io.warehouse import Warehouse
from holdfast.tables import ENGAGEMENT_KINDS

_ROWS_PER_RANGE = 500_000
_SQL_TYPES: Mapping[pl.DataType, str] = {pl.Int32(): "INTEGER", pl.Int64(): "BIGINT"}

_BOUGHT = ", CASE WHEN NOT is_return AND {name}_id IS NOT NULL THEN hash({name}_id) END AS {name}"
_BESIDE = {
    "events": f"SELECT customer_id, day, n, list_position({list(ENGAGEMENT_KINDS)}, kind) AS kind "
    "FROM events",
    "treatments": "SELECT customer_id, day FROM treatments WHERE treated",
}


def roll_up(warehouse: Warehouse, *, with_products: bool, with_orders: bool = True) -> None:
    """Create ACTIVITY from transactions, events and treatments (as far as there are any).

    Beside it, `customer_numbers` has the number of each customer, in the order of their names, and
    `numbered_activity` is ACTIVITY with the number for a `customer_id`, sorted by it and the day:
    all customers are worked on through it.

    Parameters
    ----------
    with_orders
        Whether lines name orders. Without, a day of purchases is one order.
    with_products
        Whether lines name products. Without, n_products and n_new_products are 0.

    Raises
    ------
    DataError
        What one customer did on one day is too much to count.
    """
    named = [name for name, there in (("order", with_orders), ("product", with_products)) if there]
    bought = "".join(_BOUGHT.format(name=name) for name in named)
    rows = {
        "transactions": f"SELECT customer_id, day, is_return, amount_minor{bought} FROM "
        "transactions"
    }
    rows |= {name: sql for name, sql in _BESIDE.items() if warehouse.has(name)}
    _number_customers(rows, warehouse)
    for name, sql in rows.items():
        warehouse.con.execute(f"""
            CREATE OR REPLACE TEMP TABLE keyed_{name} AS
            SELECT CAST(number AS BIGINT) * {DAYS} + day AS key, * EXCLUDE (customer_id, number,
                day)
            FROM ({sql}) JOIN customer_numbers USING (customer_id)
        """)
    warehouse.con.execute("DROP TABLE IF EXISTS customer_days")
    for days in _ranges(list(rows), warehouse):
        warehouse.con.register("days_of_range", days.to_arrow())
        warehouse.con.execute(
            "CREATE TABLE IF NOT EXISTS customer_days AS FROM days_of_range LIMIT 0"
        )
        warehouse.con.execute("INSERT INTO customer_days FROM days_of_range")
        warehouse.con.unregister("days_of_range")
    for name in rows:
        warehouse.con.execute(f"DROP TABLE keyed_{name}")
    _create_views(told=days.columns, warehouse=warehouse)


def _number_customers(rows: Mapping[str, str], warehouse: Warehouse) -> None:
    ids = " UNION ".join(f"SELECT customer_id FROM ({sql})" for sql in rows.values())
    warehouse.con.execute(f"""
        CREATE OR REPLACE TABLE customer_numbers AS
        SELECT customer_id, CAST(row_number() OVER (ORDER BY customer_id) AS INTEGER) AS number
        FROM (SELECT DISTINCT customer_id FROM ({ids}))
    """)


def _create_views(*, told: Sequence[str], warehouse: Warehouse) -> None:
    # What no source tells is 0 and not stored.
    counts = ", ".join(
        name if name in told else f"CAST(0 AS {_SQL_TYPES[dtype]}) AS {name}"
        for name, dtype in COUNTED.items()
    )
    warehouse.con.execute(f"""
        CREATE OR REPLACE VIEW numbered_activity AS SELECT number AS customer_id, day, {counts} FROM
            customer_days;
        CREATE OR REPLACE VIEW activity AS
        SELECT customer_id, day, {counts} FROM customer_days JOIN customer_numbers USING (number);
    """)


def _ranges(tables: list[str], warehouse: Warehouse) -> Iterator[pl.DataFrame]:
    """Roll the keyed tables up, a range of customers after the other."""
    last = warehouse.row("SELECT max(number) FROM customer_numbers")[0]
    n_rows = sum(warehouse.row(f"SELECT count(*) FROM keyed_{name}")[0] for name in tables)
    size = ceil(last / ceil(n_rows / _ROWS_PER_RANGE))
    for first in range(1, last + 1, size):
        theirs = f"key >= {first * DAYS} AND key < {(first + size) * DAYS}"
        yield customer_days(
            {name: warehouse.con.sql(f"FROM keyed_{name} WHERE {theirs}").pl() for name in tables}
        )
