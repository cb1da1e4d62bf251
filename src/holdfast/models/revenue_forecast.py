"""Portfolio: what all customers together will bring, week by week, for the company and for each of
its parts.

Each customer's expected revenue over the horizons is a staircase of increments. Within an increment
business time gives the shape. Every group's week is a sum over the same customers'
increments, so parts add up to the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.tables import FORECAST

WEEK_DAYS = 7
COMPANY = "company"
_Z_80 = 1.281552
_Z_SPAN = 2 * _Z_80
_GRAIN = ("group_kind", "group", "horizon_days")


@dataclass(frozen=True)
class Noise:
    """How wrong totals prove, in logarithms.

    Attributes
    ----------
    level
        Horizon -> half the width of the 80 % interval of a total over it.
    week
        Standard deviation of one week around the shape of its season.
    """

    level: Mapping[int, float]
    week: float

    @classmethod
    def learn(cls, level: Mapping[int, float], days: pl.DataFrame) -> "Noise":
        """Take the weeks from the log's days.

        Parameters
        ----------
        days
            DAYS: revenue of every day of the log.
        """
        return cls(level, _weekly_noise(days["revenue"].to_numpy()))


def _weekly_noise(revenue: Vector) -> float:
    weeks = revenue[: len(revenue) // WEEK_DAYS * WEEK_DAYS].reshape(-1, WEEK_DAYS).sum(axis=1)
    if len(weeks) < 8 or (weeks <= 0).all():
        return 0.3
    smooth = np.convolve(np.pad(weeks, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    positive = (weeks > 0) & (smooth > 0)
    return float(np.std(np.log(weeks[positive] / smooth[positive])))


def sum_up(horizons: pl.DataFrame, groups: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Sum customers up, the company's and each group's.

    Parameters
    ----------
    horizons
        HORIZONS; expected_revenue known over each.
    groups
        Kind ("cohort", "segment") -> customer_id and group.

    Returns
    -------
    pl.DataFrame
        One row per group_kind, group and horizon_days: revenue and its variance (currency, and its
        square), purchases, and whether any were counted.
    """
    spread = (pl.col("high_80") - pl.col("low_80")) / _Z_SPAN
    everyone = horizons.with_columns(group=pl.lit("all"))
    grouped = {
        COMPANY: everyone,
        **{kind: horizons.join(members, on="customer_id") for kind, members in groups.items()},
    }
    sums = [
        rows.group_by("group", "horizon_days")
        .agg(
            revenue=pl.col("expected_revenue").sum(),
            purchases=pl.col("expected_purchases").sum(),
            counted=pl.col("expected_purchases").is_not_null().any(),
            variance=(spread**2).sum(),
        )
        .select(
            pl.lit(kind).alias("group_kind"), pl.col("group").cast(pl.String), pl.exclude("group")
        )
        for kind, rows in grouped.items()
    ]
    return pl.concat(sums).sort(_GRAIN)


def add_up(sums: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add up the sums of different customers, in the order given."""
    by_group = pl.concat(sums).group_by(_GRAIN, maintain_order=True)
    added = by_group.agg(
        pl.col("revenue", "purchases").sum(), pl.col("counted").any(), pl.col("variance").sum()
    )
    return added.sort(_GRAIN)


def forecast(sums: pl.DataFrame, *, now: int, shape: Vector, noise: Noise) -> pl.DataFrame:
    """Spread the sums of `sum_up` over the weeks to come.

    Parameters
    ----------
    now
        First day of the forecast.
    shape
        How busy each of the coming days should be, as many as the longest horizon: (n_days,).

    Returns
    -------
    pl.DataFrame
        FORECAST.
    """
    knots = [0, *sums["horizon_days"].unique().sort().to_list()]
    weights = _week_weights(knots, shape)
    parts = [
        _group_weeks(rows, weights, knots, now=now, noise=noise)
        for _, rows in sums.sort(_GRAIN).group_by("group_kind", "group", maintain_order=True)
    ]
    return FORECAST.check(pl.concat(parts).sort("group_kind", "group", "week_start_day"))


def totals(sums: pl.DataFrame, noise: Noise) -> pl.DataFrame:
    """What the company makes over each horizon, by the sums of `sum_up`.

    Returns
    -------
    pl.DataFrame
        horizon_days, expected_revenue, low_80 and high_80, currency, in order of the horizons.
    """
    company = sums.filter(group_kind=COMPANY).sort("horizon_days")
    revenue = company["revenue"].to_numpy()
    level = np.array([noise.level[days] for days in company["horizon_days"].to_list()])
    customers = _Z_80 * _own(company["variance"].to_numpy(), revenue)
    low, high = _interval(revenue, np.hypot(level, customers))
    return company.select("horizon_days", expected_revenue="revenue").with_columns(
        low_80=pl.Series(low, dtype=pl.Float64), high_80=pl.Series(high, dtype=pl.Float64)
    )


def _own(variance: Vector, revenue: Vector) -> Vector:
    """Standard deviation of a sum of customers over its mean."""
    return np.asarray(
        np.where(revenue > 0, np.sqrt(variance) / np.where(revenue > 0, revenue, 1.0), 0.0)
    )


def _interval(revenue: Vector, width: Vector) -> tuple[Vector, Vector]:
    """So far to both sides, in logarithms."""
    ends = np.sort([revenue * np.exp(-width), revenue * np.exp(width)], axis=0)
    return ends[0], ends[1]


def _week_weights(knots: Sequence[int], shape: Vector) -> Matrix:
    """Which share of each increment falls into each week, (n_increments, n_weeks); rows add up to
    1.
    """
    n_weeks = -(-knots[-1] // WEEK_DAYS)
    weights = np.zeros((len(knots) - 1, n_weeks))
    for place, (start, end) in enumerate(pairwise(knots)):
        days = np.arange(start, end)
        weights[place] = np.bincount(days // WEEK_DAYS, weights=shape[start:end], minlength=n_weeks)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _group_weeks(
    group: pl.DataFrame, weights: Matrix, knots: Sequence[int], *, now: int, noise: Noise
) -> pl.DataFrame:
    """The weeks of one group, by its sums in order of the horizons."""
    revenue = np.diff(group["revenue"].to_numpy(), prepend=0.0) @ weights
    purchases = np.diff(group["purchases"].to_numpy(), prepend=0.0) @ weights
    customers = _own(
        group["variance"].to_numpy().max(keepdims=True), group["revenue"].to_numpy()[-1:]
    )
    starts = now + WEEK_DAYS * np.arange(len(revenue))
    lengths = np.searchsorted(knots, starts - now, side="right")
    level = np.array([noise.level[knots[place]] for place in lengths])
    low, high = _interval(revenue, np.hypot(level, _Z_80 * np.hypot(noise.week, customers)))
    length = np.minimum(WEEK_DAYS, now + knots[-1] - starts)
    columns = {
        "group_kind": [group["group_kind"][0]] * len(revenue),
        "group": [group["group"][0]] * len(revenue),
        "week_start_day": starts,
        "days": length,
        "expected_revenue": revenue,
        "low_80": low,
        "high_80": high,
        "expected_purchases": purchases if group["counted"].any() else [None] * len(revenue),
    }
    return pl.DataFrame(columns, schema=FORECAST.schema, strict=False)
