"""From a table of transactions to the history of each customer."""

from datetime import date
from typing import Any

import polars as pl

from holdfast.errors import DataError


def summarise_transactions(
    transactions: Any,
    *,
    customer: str,
    day: str,
    amount: str | None = None,
    until: date | None = None,
    unit_days: float = 1.0,
) -> pl.DataFrame:
    """Sum up each customer's purchases as the models take them, one row per customer.

    Purchases of one day count as one.

    Parameters
    ----------
    transactions
        One row per order or line: a frame of polars or pandas, or an Arrow table.
    customer, day, amount
        Its columns; `day` is a date or a time, `amount` what was paid.
    until
        The last day that was observed; the last day of the table when left out.
    unit_days
        Days in a unit of time: 7 gives weeks.

    Returns
    -------
    polars.DataFrame
        `customer`, sorted; `frequency`, repeat purchase days; `recency`, from first to last
        purchase; `T`, from first purchase to `until`; `sum_log_gaps`, for the models of customers
        with a rhythm; and with an amount `monetary_value`, the mean of a repeat purchase day, 0
        without one.

    Raises
    ------
    DataError
        A column is missing, or is no date.

    Examples
    --------
    >>> orders = pl.DataFrame({
    ...     "who": ["a", "a", "a", "b"],
    ...     "when": [date(2024, 1, 1), date(2024, 1, 11), date(2024, 1, 31), date(2024, 1, 21)],
    ...     "paid": [10.0, 20.0, 40.0, 5.0],
    ... })
    >>> table = summarise_transactions(orders, customer="who", day="when", amount="paid")
    >>> table.select("who", "frequency", "recency", "T", "monetary_value").rows()
    [('a', 2.0, 30.0, 30.0, 30.0), ('b', 0.0, 0.0, 10.0, 0.0)]
    """
    days = _purchase_days(pl.DataFrame(transactions), customer, day, amount)
    end = pl.lit(until) if until else days["_day"].max()
    first, last = pl.col("_day").min(), pl.col("_day").max()

    def units(span: pl.Expr) -> pl.Expr:
        return span.dt.total_days() / unit_days

    table = (
        days.filter(pl.col("_day") <= end)
        .group_by(customer, maintain_order=True)
        .agg(
            frequency=pl.len().cast(pl.Float64) - 1,
            recency=units(last - first),
            T=units(end - first),
            sum_log_gaps=units(pl.col("_day").diff().drop_nulls()).log().sum(),
            monetary_value=pl.col("_spent").slice(1).mean().fill_null(0.0),
        )
    )
    return table if amount else table.drop("monetary_value")


def _purchase_days(
    frame: pl.DataFrame, customer: str, day: str, amount: str | None
) -> pl.DataFrame:
    """Each customer's days of purchase in their order, and what was spent on each."""
    for name in (customer, day, amount):
        if name is not None and name not in frame.columns:
            raise DataError(f"there is no column '{name}'", fix="name a column of the table")
    if not frame.schema[day].is_temporal():
        kind = frame.schema[day]
        raise DataError(f"'{day}' is {kind}, not a date", fix="parse it as a date first")
    spent = pl.col(amount).cast(pl.Float64) if amount else pl.lit(0.0)
    return (
        frame.select(pl.col(customer), pl.col(day).cast(pl.Date).alias("_day"), _spent=spent)
        .drop_nulls()
        .group_by(customer, "_day")
        .agg(pl.col("_spent").sum())
        .sort(customer, "_day")
    )
