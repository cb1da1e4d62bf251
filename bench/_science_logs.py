"""The three public logs as purchase days: one row per customer and day with an order, as the
protocols define it.
"""

from pathlib import Path

import polars as pl

_RETAIL_SOLD = (
    pl.col("Customer ID").is_not_null()
    & ~pl.col("Invoice").str.starts_with("C")
    & (pl.col("Quantity") > 0)
)


def _days(rows: pl.DataFrame, *, customer: str, moment: str, amount: pl.Expr) -> pl.DataFrame:
    day = pl.col(moment).dt.date().cast(pl.Int32)
    named = rows.select(customer_id=pl.col(customer).cast(pl.String), day=day, amount=amount)
    return (
        named.group_by("customer_id", "day").agg(pl.col("amount").sum()).sort("customer_id", "day")
    )


def cdnow(folder: Path, *, sample: bool) -> pl.DataFrame:
    """customer_id, day, amount (dollars) of the 2,357 customers of the sample or all 23,570."""
    rows = pl.read_parquet(folder / f"cdnow_{'sample' if sample else 'master'}.parquet")
    return _days(rows, customer="customer_id", moment="date", amount=pl.col("dollar_value"))


def grocery(folder: Path) -> pl.DataFrame:
    """customer_id, day, amount (unknown: 0)."""
    rows = pl.read_parquet(folder / "groceryElog.parquet")
    return _days(rows, customer="cust", moment="date", amount=pl.lit(0.0))


def retail(folder: Path) -> pl.DataFrame:
    """customer_id, day, amount (pounds) of Online Retail II; neither prices nor product codes are
    filtered.
    """
    rows = pl.read_parquet(folder / "online_retail_ii.parquet").filter(_RETAIL_SOLD)
    return _days(
        rows,
        customer="Customer ID",
        moment="InvoiceDate",
        amount=pl.col("Quantity") * pl.col("Price"),
    )
