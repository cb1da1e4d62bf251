"""The customer-day roll-up: what every feature and label is later summed from, computed once.

One row per customer and day on which anything happened. Nothing in a row depends on a later day, so
that any cutoff may use the rows before it as they are. Customers are numbered in the order of their
names and rolled up in ranges of numbers, so that memory depends on the size of a range and not of
the log.

Rows are named by a key, the customer's number and the day packed into one integer, because one
integer is sorted and grouped several times faster than a name and a day. What a customer did first
or for the first time is found by sorting and comparing neighbours: no distinct counts, and no
window over groups.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

import polars as pl

from holdfast.errors import DataError
from holdfast.io.warehouse import Warehouse
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

DAYS = 2**16
"""key = number * DAYS + day, for 0 <= day < DAYS."""
COUNTED = {
    column.name: column.dtype for column in ACTIVITY.columns if column.name not in ACTIVITY.grain
}
"""What ACTIVITY has of a customer and day: name -> type."""
_ROWS_PER_RANGE = 500_000
_SQL_TYPES: Mapping[pl.DataType, str] = {pl.Int32(): "INTEGER", pl.Int64(): "BIGINT"}
_KEY = pl.col("key")

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
    lines = f"SELECT customer_id, day, is_return, amount_minor{bought} FROM transactions"
    beside = {name: query for name, query in _BESIDE.items() if warehouse.has(name)}
    rows = {"transactions": lines, **beside}
    _number_customers(rows, warehouse)
    for name, query in rows.items():
        warehouse.execute(f"""
            CREATE OR REPLACE TEMP TABLE keyed_{name} AS
            SELECT CAST(number AS BIGINT) * {DAYS} + day AS key,
                * EXCLUDE (customer_id, number, day)
            FROM ({query}) JOIN customer_numbers USING (customer_id)
        """)
    warehouse.execute("DROP TABLE IF EXISTS customer_days")
    for days in _ranges(list(rows), warehouse):
        warehouse.con.register("days_of_range", days.to_arrow())
        warehouse.execute("""
            CREATE TABLE IF NOT EXISTS customer_days AS FROM days_of_range LIMIT 0;
            INSERT INTO customer_days FROM days_of_range
        """)
        warehouse.con.unregister("days_of_range")
    for name in rows:
        warehouse.execute(f"DROP TABLE keyed_{name}")
    _create_views(days.columns, warehouse)


def restore_activity(warehouse: Warehouse, activity: pl.DataFrame) -> None:
    """Create what `roll_up` creates, from days that were rolled up before.

    Parameters
    ----------
    activity
        ACTIVITY of all that the customers did.
    """
    numbers = activity.select(pl.col("customer_id").unique().sort()).with_columns(
        number=pl.int_range(1, pl.len() + 1, dtype=pl.Int32)
    )
    days = activity.join(numbers, on="customer_id").sort("number", "day")
    tables = {"customer_numbers": numbers, "customer_days": days.drop("customer_id")}
    for name, table in tables.items():
        warehouse.con.register("restored", table.to_arrow())
        warehouse.execute(f"CREATE OR REPLACE TABLE {name} AS FROM restored")
        warehouse.con.unregister("restored")
    _create_views(days.columns, warehouse)


def _number_customers(rows: Mapping[str, str], warehouse: Warehouse) -> None:
    ids = " UNION ".join(f"SELECT customer_id FROM ({query})" for query in rows.values())
    warehouse.execute(f"""
        CREATE OR REPLACE TABLE customer_numbers AS
        SELECT customer_id, CAST(row_number() OVER (ORDER BY customer_id) AS INTEGER) AS number
        FROM (SELECT DISTINCT customer_id FROM ({ids}))
    """)


def _create_views(stored: Sequence[str], warehouse: Warehouse) -> None:
    # What no source has is 0 and not stored.
    counts = ", ".join(
        name if name in stored else f"CAST(0 AS {_SQL_TYPES[dtype]}) AS {name}"
        for name, dtype in COUNTED.items()
    )
    warehouse.execute(f"""
        CREATE OR REPLACE VIEW numbered_activity AS
        SELECT number AS customer_id, day, {counts} FROM customer_days;
        CREATE OR REPLACE VIEW activity AS
        SELECT customer_id, day, {counts} FROM customer_days JOIN customer_numbers USING (number);
    """)


def _ranges(tables: list[str], warehouse: Warehouse) -> Iterator[pl.DataFrame]:
    """Roll the keyed tables up, a range of customers after the other."""
    last = warehouse.row("SELECT max(number) FROM customer_numbers")[0]
    n_rows = sum(warehouse.row(f"SELECT count(*) FROM keyed_{name}")[0] for name in tables)
    size = ceil(last / ceil(n_rows / _ROWS_PER_RANGE))
    for first in range(1, last + 1, size):
        where = f"WHERE key >= {first * DAYS} AND key < {(first + size) * DAYS}"
        yield count_days({name: warehouse.query(f"FROM keyed_{name} {where}") for name in tables})


def count_days(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Roll rows up to customer days.

    Parameters
    ----------
    tables
        "transactions": key, is_return, amount_minor and, where lines name them, `order` and
        `product` (any integer that stands for the name; null for none). Perhaps "events": key, kind
        (1-based position in ENGAGEMENT_KINDS), n. Perhaps "treatments": key, one row a treatment
        received. In any order.

    Returns
    -------
    pl.DataFrame
        number, day, then those columns of ACTIVITY that the tables have; sorted by number and
        day.

    Raises
    ------
    DataError
        What one customer did on one day does not fit the types of ACTIVITY.
    """
    parts = [_lines(tables["transactions"])]
    if "product" in tables["transactions"].columns:
        parts.append(_products(tables["transactions"]))
    if "events" in tables:
        parts.append(_events(tables["events"]))
    if "treatments" in tables:
        parts.append(tables["treatments"].group_by("key").agg(n_treatments=pl.len()))
    days = parts[0]
    if len(parts) > 1:
        days = pl.concat(parts, how="diagonal_relaxed").group_by("key").sum().sort("key")
    stored = [name for name in COUNTED if name in days.columns]
    try:
        return days.select(
            number=(_KEY // DAYS).cast(pl.Int32),
            day=(_KEY % DAYS).cast(pl.Int32),
            **{name: pl.col(name).cast(COUNTED[name]) for name in stored},
            purchase_gap=purchase_gap(),
        )
    except pl.exceptions.InvalidOperationError as error:
        raise too_much_to_count(error) from None


def too_much_to_count(error: Exception) -> DataError:
    """The error where a count or a sum of one day does not fit the types of ACTIVITY."""
    return DataError(
        f"what a customer did on one day is too much to count: {error}",
        fix="set the rows aside, or correct them",
    )


def _lines(lines: pl.DataFrame) -> pl.DataFrame:
    bought, amount = (
        ~pl.col("is_return"),
        pl.col("amount_minor").cast(_sum_type(lines["amount_minor"])),
    )
    named = ["order"] if "order" in lines.columns else []
    counted = lines.sort("key", *named).with_columns(
        bought=bought, **{name: _first_of("key", name) for name in named}
    )
    days = counted.group_by("key", maintain_order=True).agg(
        pl.col("bought", *named).sum(),
        gross_minor=pl.when("bought").then(amount).otherwise(0).sum(),
        returns_minor=pl.when("bought").then(0).otherwise(amount).sum(),
    )
    # Lines that name no order are one order together, unless the day has orders with names.
    n_orders = pl.max_horizontal(pl.col("bought").clip(upper_bound=1), *named)
    return days.select("key", "gross_minor", "returns_minor", n_orders=n_orders, n_lines="bought")


def _sum_type(amounts: pl.Series) -> type[pl.Int64 | pl.Int128]:
    """The type that any sum of these fits: the wide one takes twice as long."""
    least, most = amounts.min(), amounts.max()
    largest = max(abs(least), abs(most)) if isinstance(least, int) and isinstance(most, int) else 0
    return pl.Int64 if largest * len(amounts) < 2**63 else pl.Int128


def _products(lines: pl.DataFrame) -> pl.DataFrame:
    bought = lines.lazy().filter(pl.col("product").is_not_null())
    sorted_ = bought.select("key", "product", number=_KEY // DAYS).sort("number", "product", "key")
    firsts = sorted_.select(
        "key", n_products=_first_of("key", "product"), n_new_products=_first_of("number", "product")
    )
    return firsts.group_by("key").sum().collect()


def _events(events: pl.DataFrame) -> pl.DataFrame:
    kinds = enumerate(ENGAGEMENT_KINDS, 1)
    n = {
        f"n_{kind}s": pl.when(pl.col("kind") == number).then("n").otherwise(0).sum()
        for number, kind in kinds
    }
    return events.sort("key").group_by("key", maintain_order=True).agg(**n)


def _first_of(*names: str) -> pl.Expr:
    """Whether a row of a table sorted by these columns is the first of its kind; never where the
    last is null.
    """
    changes = [pl.col(name).ne_missing(pl.col(name).shift()) for name in names]
    first = pl.int_range(pl.len()) == 0
    return pl.any_horizontal(first, *changes) & pl.col(names[-1]).is_not_null()


def purchase_gap() -> pl.Expr:
    """Days since the purchase day before, of a table sorted by its `key`."""
    bought = pl.col("n_lines") > 0
    before = pl.when(bought).then(_KEY).forward_fill().shift()
    return pl.when(bought & (before // DAYS == _KEY // DAYS)).then(_KEY - before).cast(pl.Int32)
