"""Folding: the lines of a customer and day become a row of the days, by the batch's own roll-up.

Only days with new lines are rolled up, however old they are, so that neither a late line nor a long
history costs more than its own day. What happened beside purchases is only summed up, and so new
lines are rolled up alone and added: a busy day costs no more the longer it lasts. Orders and
products are counted once however many lines they have, so that a day with a new purchase is rolled
up again as a whole. A product is new on the first day that has it: a line that comes late may take
that from another day, which is rolled up as well.
"""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.ingest.daily_activity import (
    COUNTED,
    DAYS,
    count_days,
    purchase_gap,
    too_much_to_count,
)
from holdfast.stream.state.postgres import read_numbers, write_numbers
from holdfast.study import Study
from holdfast.tables import ACTIVITY

if TYPE_CHECKING:
    from holdfast.stream.state.postgres import Connection

STORED = {
    name: "i8" if dtype == pl.Int64 else "i4"
    for name, dtype in COUNTED.items()
    if name != "purchase_gap"
}
"""What customer_days has of a customer and day."""
_DAYS = {"customer": "i4", "day": "i4", **STORED}
_AFFECTED = """
    INSERT INTO affected
    SELECT customer, day FROM inserted WHERE source = 1
    UNION
    SELECT new.customer, later.day
    FROM (SELECT DISTINCT customer, product_id, day FROM inserted
        WHERE product_id IS NOT NULL AND NOT is_return) AS new
    CROSS JOIN LATERAL (
        SELECT day FROM lines AS old
        WHERE old.customer = new.customer AND old.product_id = new.product_id
            AND NOT old.is_return AND old.day > new.day
        ORDER BY day LIMIT 1) AS later
"""
_OF_DIRTY = """
    INSERT INTO affected
    SELECT DISTINCT customer, day FROM lines
    JOIN (SELECT number AS customer FROM wanted JOIN customers USING (number) WHERE dirty) AS of
        USING (customer)
    ON CONFLICT DO NOTHING
"""
# A hash of PostgreSQL's own stands for a name; 0 for none, and for what came back.
_LINES = """
    SELECT customer, day, source, coalesce(is_return, false)::integer AS is_return,
        coalesce(amount_minor, 0) AS amount_minor,
        CASE WHEN NOT is_return THEN coalesce(hashtextextended(order_id, 0), 0) ELSE 0 END,
        CASE WHEN NOT is_return THEN coalesce(hashtextextended(product_id, 0), 0) ELSE 0 END,
        coalesce(kind, 0::smallint) AS kind, coalesce(n, 0) AS n,
        coalesce(treated, false)::integer AS treated
    FROM affected JOIN lines USING (customer, day)
"""
_LINE = {
    "customer": "i4", "day": "i4", "source": "i2", "is_return": "i4", "amount_minor": "i8",
    "order": "i8", "product": "i8", "kind": "i2", "n": "i8", "treated": "i4",
}  # fmt: skip
_NO_PURCHASES = pl.DataFrame(
    schema={"key": pl.Int64, "is_return": pl.Boolean, "amount_minor": pl.Int64}
)
_FIRST_BOUGHT = """
    SELECT bought.customer, earlier.day, hashtextextended(product_id, 0) AS product
    FROM (SELECT DISTINCT customer, product_id FROM affected JOIN lines USING (customer, day)
        WHERE product_id IS NOT NULL AND NOT is_return) AS bought
    CROSS JOIN LATERAL (
        SELECT day FROM lines AS old
        WHERE old.customer = bought.customer AND old.product_id = bought.product_id
            AND NOT old.is_return
        ORDER BY day LIMIT 1) AS earlier
"""
_ADDED = """
    SELECT customer, day, source, coalesce(kind, 0::smallint) AS kind, coalesce(n, 0) AS n,
        coalesce(treated, false)::integer AS treated
    FROM inserted WHERE (customer, day) NOT IN (SELECT customer, day FROM affected)
"""
_ADDED_LINE = {name: _LINE[name] for name in ("customer", "day", "source", "kind", "n", "treated")}
_UPSERT = """
    INSERT INTO customer_days SELECT * FROM folded ON CONFLICT (customer, day) DO UPDATE SET
"""
_REPLACE = _UPSERT + ", ".join(f"{name} = EXCLUDED.{name}" for name in STORED)
_ADD = _UPSERT + ", ".join(f"{name} = customer_days.{name} + EXCLUDED.{name}" for name in STORED)


def fold(connection: "Connection", study: Study) -> None:
    """Roll up the days of the `inserted` lines, and all days of those `wanted` who are dirty."""
    connection.execute(_AFFECTED)
    connection.execute(_OF_DIRTY)
    _write(connection, _roll_up(connection, study), _REPLACE)
    added = read_numbers(connection, _ADDED, _ADDED_LINE).with_columns(_key())
    _write(connection, _select_stored(count_days(_beside_purchases(added))), _ADD)
    connection.execute(
        "UPDATE customers SET dirty = false WHERE number IN (SELECT number FROM wanted) AND dirty"
    )


def read_activity(connection: "Connection", customers: pl.DataFrame) -> pl.DataFrame:
    """ACTIVITY of the customers who are `wanted`, given as number and customer_id."""
    query = f"SELECT {', '.join(_DAYS)} FROM wanted JOIN customer_days ON customer = number"
    days = read_numbers(connection, query, _DAYS)
    keyed = days.with_columns(key=pl.col("customer").cast(pl.Int64) * DAYS + pl.col("day"))
    return (
        keyed.sort("key")
        .with_columns(purchase_gap=purchase_gap())
        .join(customers, left_on="customer", right_on="number", maintain_order="left")
        .select(pl.col(name).cast(dtype) for name, dtype in ACTIVITY.schema.items())
    )


def _roll_up(connection: "Connection", study: Study) -> pl.DataFrame:
    lines = read_numbers(connection, _LINES, _LINE)
    log = study.transactions
    assert log is not None
    keyed = lines.with_columns(_key(), pl.col("order", "product").replace(0, None))
    bought = keyed.filter(pl.col("source") == 1).select(
        "key", "amount_minor", "order", "product", is_return=pl.col("is_return") == 1
    )
    if log.columns.product_id is None:
        bought = bought.drop("product")
    else:
        first = _bought_first(connection).join(keyed, on="key", how="anti")
        bought = pl.concat([bought, first], how="diagonal")
    if log.columns.order_id is None:
        bought = bought.drop("order")
    days = _select_stored(count_days({**_beside_purchases(keyed), "transactions": bought}))
    # Of the first days of products, nothing but that they are earlier is known here.
    return days.join(lines.select("customer", "day").unique(), on=["customer", "day"], how="semi")


def _beside_purchases(keyed: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of `count_days` that lines other than purchases are of."""
    return {
        "transactions": _NO_PURCHASES,
        "events": keyed.filter(pl.col("source") == 2).select("key", "kind", "n"),
        "treatments": keyed.filter((pl.col("source") >= 3) & (pl.col("treated") == 1)),
    }


def _select_stored(counted: pl.DataFrame) -> pl.DataFrame:
    absent = [pl.lit(0).alias(name) for name in STORED if name not in counted.columns]
    return counted.rename({"number": "customer"}).with_columns(absent)


def _write(connection: "Connection", days: pl.DataFrame, statement: str) -> None:
    """Write customer days by a statement that takes them from `folded`."""
    from psycopg.errors import NumericValueOutOfRange

    if days.is_empty():
        return
    write_numbers(connection, "folded", days, _DAYS)
    try:
        connection.execute(statement)
    except NumericValueOutOfRange as error:
        raise too_much_to_count(error) from None
    connection.execute("TRUNCATE folded")


def _bought_first(connection: "Connection") -> pl.DataFrame:
    """A line for each product of the affected days on its first day ever."""
    first = read_numbers(
        connection, _FIRST_BOUGHT, {"customer": "i4", "day": "i4", "product": "i8"}
    )
    return first.select(_key(), "product", amount_minor=pl.lit(0, pl.Int64), is_return=False)


def _key() -> pl.Expr:
    return (pl.col("customer").cast(pl.Int64) * DAYS + pl.col("day")).alias("key")
