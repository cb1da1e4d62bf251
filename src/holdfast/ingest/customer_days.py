"""Customer days: order lines, events and treatments of some customers, rolled up to one row per
customer and day.

Rows are named by a key, the customer's number and the day packed into one integer, because one
integer is sorted and grouped several times faster than a name and a day. What a customer did first
or for the first time is told by sorting and comparing neighbours: no distinct counts, and no window
over groups.
"""

from collections.abc import Mapping

import polars as pl

from holdfast.errors import DataError
from holdfast.tables import ACTIVITY, ENGAGEMENT_KINDS

DAYS = 2**16
"""key = number * DAYS + day, for 0 <= day < DAYS."""
COUNTED = {
    column.name: column.dtype for column in ACTIVITY.columns if column.name not in ACTIVITY.grain
}
"""What ACTIVITY tells of a customer and day: name -> type."""

_KEY = pl.col("key")


def customer_days(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
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
        number, day, then those columns of ACTIVITY that the tables tell of; sorted by number and
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
    told = [name for name in COUNTED if name in days.columns]
    try:
        return days.select(
            number=(_KEY // DAYS).cast(pl.Int32),
            day=(_KEY % DAYS).cast(pl.Int32),
            **{name: pl.col(name).cast(COUNTED[name]) for name in told},
            purchase_gap=_purchase_gap(),
        )
    except pl.exceptions.InvalidOperationError as error:
        raise DataError(
            f"what a customer did on one day is too much to count: {error}",
            fix="set the rows aside, or correct them",
        ) from None


def _lines(lines: pl.DataFrame) -> pl.DataFrame:
    bought, amount = (
        ~pl.col("is_return"),
        pl.col("amount_minor").cast(_summed_as(lines["amount_minor"])),
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


def _summed_as(amounts: pl.Series) -> type[pl.Int64 | pl.Int128]:
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


def _purchase_gap() -> pl.Expr:
    """Days since the purchase day before, of a table sorted by key."""
    bought = pl.col("n_lines") > 0
    before = pl.when(bought).then(_KEY).forward_fill().shift()
    return pl.when(bought & (before // DAYS == _KEY // DAYS)).then(_KEY - before).cast(pl.Int32)
