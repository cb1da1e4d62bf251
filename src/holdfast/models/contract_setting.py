"""Does this business renew contracts by the clock, or do its customers come when they like?

A contract shows as gaps that agree: every month, every quarter, every year, until the end. A habit,
however regular, does not: people skip, forget and return.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from holdfast.arrays import Rows

RegimeName = Literal["contractual", "non-contractual", "mixed", "unknown"]

CLOCK_TOLERANCE = 0.15
"""How far a gap may be from a customer's usual gap, as a share of it, and still be on the clock."""
CLOCK_MIN_DAYS = 6
"""Shorter gaps agree by rounding; nobody renews a contract more often than once a week."""
ENOUGH_GAPS = 3
"""Gaps from which on a customer is judged by its own rhythm."""
SHARE_ON_CLOCK = 0.7
"""Gaps that must agree, one left out because it agrees by being the median: a payment fails now and
then.
"""
MIXED_FROM, CONTRACTUAL_FROM = 0.15, 0.7
"""Share of customers by the clock. By chance, it stays below 0.15 among equal buyers as regular as
Erlang(10).
"""
MIN_JUDGED = 20


@dataclass(frozen=True, kw_only=True)
class Regime:
    """What kind of business the log is of.

    Attributes
    ----------
    name
        "unknown" where fewer than MIN_JUDGED customers bought twice.
    judged_customers, clock_customers, clock_share
        Customers with a gap; of them, those by the clock; the same as a share, 0..1.
    period_days
        The usual gap of those by the clock; None where the regime is non-contractual or unknown.
    """

    name: RegimeName
    judged_customers: int
    clock_customers: int
    clock_share: float
    period_days: int | None


def find_regime(silences: pl.DataFrame) -> Regime:
    """Tell the regime from the gaps: the silences that have ended.

    A customer of three gaps or more is by the clock when seven in ten lie within 15 % of its median
    gap. Fewer gaps cannot speak for themselves: they count when they lie in the one range, from m
    to 1.15 m days, that holds most of such gaps, as those of annual contracts in a log of two years
    do.
    """
    gaps = silences.filter("returned").select(
        "customer_id",
        "days",
        usual=pl.col("days").median().over("customer_id"),
        n=pl.len().over("customer_id"),
    )
    few = pl.col("n") < ENOUGH_GAPS
    shortest = _fullest_range(gaps.filter(few)["days"].to_numpy())
    # A day's jitter is a seventh of a week.
    near = (pl.col("days") - pl.col("usual")).abs() <= pl.max_horizontal(
        CLOCK_TOLERANCE * pl.col("usual"), pl.lit(1.0)
    )
    customers = gaps.group_by("customer_id").agg(
        pl.col("usual", "n").first(),
        in_range=pl.col("days").is_between(shortest, (1 + CLOCK_TOLERANCE) * shortest).all(),
        near_usual=near.sum().cast(pl.Int64),
    )
    regular = pl.col("near_usual") - 1 >= SHARE_ON_CLOCK * (pl.col("n") - 1)
    by_clock = pl.when(few).then("in_range").otherwise(regular) & (
        pl.col("usual") >= CLOCK_MIN_DAYS
    )
    clock = customers.filter(by_clock)
    share = clock.height / max(customers.height, 1)
    name = _name(share, judged=customers.height)
    usual = clock["usual"].median() if name in ("contractual", "mixed") else None
    return Regime(
        name=name,
        judged_customers=customers.height,
        clock_customers=clock.height,
        clock_share=share,
        period_days=round(usual) if isinstance(usual, float) else None,
    )


def _name(share: float, *, judged: int) -> RegimeName:
    if judged < MIN_JUDGED:
        return "unknown"
    if share >= CONTRACTUAL_FROM:
        return "contractual"
    return "mixed" if share >= MIXED_FROM else "non-contractual"


def _fullest_range(gaps: Rows) -> int:
    """The m >= CLOCK_MIN_DAYS for which most gaps lie in m .. 1.15 m."""
    if not len(gaps):
        return CLOCK_MIN_DAYS
    up_to = np.bincount(gaps).cumsum()
    m = np.arange(CLOCK_MIN_DAYS, max(len(up_to), CLOCK_MIN_DAYS + 1))
    upper = np.minimum(np.floor((1 + CLOCK_TOLERANCE) * m).astype(int), len(up_to) - 1)
    return int(m[np.argmax(up_to[upper] - up_to[np.minimum(m, len(up_to)) - 1])])
