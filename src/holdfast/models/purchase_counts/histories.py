"""Purchase histories at a cutoff, from purchase days: what the count models read, and what they are
held against.
"""

import numpy as np
import polars as pl

from holdfast.arrays import Vector

READ = ("cutoff_day", "n_purchases", "days_since_last_purchase", "tenure_days")
"""Columns of a history; the features of those names are the same numbers."""

_DAY = pl.col("day")


def histories_at(days: pl.DataFrame, cutoff_day: int) -> pl.DataFrame:
    """One row per customer who bought before the cutoff, sorted by customer.

    Parameters
    ----------
    days
        customer_id and day, one row per purchase; later days are ignored.

    Returns
    -------
    pl.DataFrame
        customer_id, the columns READ and gap_log_sum, the sum of log(days since the purchase
        before).

    >>> days = pl.DataFrame({"customer_id": ["a", "a"], "day": [10, 14]})
    >>> histories_at(days, 20).select("n_purchases", "days_since_last_purchase",
    ...     "tenure_days").row(0)
    (2, 6, 10)
    """
    seen = days.filter(cutoff_day > _DAY).sort("customer_id", "day")
    return seen.group_by("customer_id", maintain_order=True).agg(
        cutoff_day=pl.lit(cutoff_day, pl.Int32),
        n_purchases=pl.len().cast(pl.Int64),
        days_since_last_purchase=(cutoff_day - _DAY.max()).cast(pl.Int64),
        tenure_days=(cutoff_day - _DAY.min()).cast(pl.Int64),
        gap_log_sum=_DAY.diff().cast(pl.Float64).log().sum(),
    )


def purchases_in(days: pl.DataFrame, histories: pl.DataFrame, horizon_days: int) -> Vector:
    """Count the purchases of each row's customer in cutoff_day <= day < cutoff_day + horizon_days,
    (n_customers,).
    """
    ahead = histories.select("customer_id", "cutoff_day").join(days, on="customer_id", how="inner")
    inside = ahead.filter(
        (pl.col("cutoff_day") <= _DAY) & (pl.col("cutoff_day") + horizon_days > _DAY)
    )
    counted = inside.group_by("customer_id").agg(n=pl.len())
    per_row = histories.join(counted, on="customer_id", how="left", maintain_order="left")["n"]
    return np.asarray(per_row.fill_null(0).cast(pl.Float64).to_numpy(), dtype=np.float64)


def some_customers(days: pl.DataFrame, *, at_most: int, seed: int) -> pl.DataFrame:
    """The purchase days of a random sample of customers; all of them where there are no more."""
    names = days["customer_id"].unique().sort()
    if len(names) <= at_most:
        return days
    chosen = np.random.default_rng(seed).choice(len(names), at_most, replace=False)
    return days.join(
        names.gather(np.sort(chosen)).to_frame(),
        on="customer_id",
        how="semi",
        maintain_order="left",
    )
