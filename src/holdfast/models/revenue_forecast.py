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


def forecast(
    horizons: pl.DataFrame,
    groups: Mapping[str, pl.DataFrame],
    *,
    now: int,
    shape: Vector,
    noise: Noise,
) -> pl.DataFrame:
    """Sum customers up, week by week.

    Parameters
    ----------
    horizons
        HORIZONS; expected_revenue known over each.
    groups
        Kind ("cohort", "segment") -> customer_id and group.
    now
        First day of the forecast.
    shape
        How busy each of the coming days should be, as many as the longest horizon: (n_days,).

    Returns
    -------
    pl.DataFrame
        FORECAST.
    """
    knots = [0, *horizons["horizon_days"].unique().sort().to_list()]
    weights = _week_weights(knots, shape)
    everyone = horizons.select("customer_id").unique().with_columns(group=pl.lit("all"))
    parts = [
        _group_weeks(
            horizons.join(members, on="customer_id"), kind, weights, knots, now=now, noise=noise
        )
        for kind, members in {COMPANY: everyone, **groups}.items()
    ]
    return FORECAST.check(pl.concat(parts).sort("group_kind", "group", "week_start_day"))


def totals(horizons: pl.DataFrame, noise: Noise) -> pl.DataFrame:
    """Sum everyone up over each horizon.

    Returns
    -------
    pl.DataFrame
        horizon_days, expected_revenue, low_80 and high_80, currency, in order of the horizons.
    """
    sums = _sums(horizons, "horizon_days").sort("horizon_days")
    revenue = sums["revenue"].to_numpy()
    level = np.array([noise.level[days] for days in sums["horizon_days"].to_list()])
    customers = _Z_80 * _own(sums["variance"].to_numpy(), revenue)
    low, high = _interval(revenue, np.hypot(level, customers))
    return sums.select("horizon_days", expected_revenue="revenue").with_columns(
        low_80=pl.Series(low, dtype=pl.Float64), high_80=pl.Series(high, dtype=pl.Float64)
    )


def _sums(rows: pl.DataFrame, *keys: str) -> pl.DataFrame:
    spread = (pl.col("high_80") - pl.col("low_80")) / _Z_SPAN
    return rows.group_by(keys).agg(
        revenue=pl.col("expected_revenue").sum(),
        purchases=pl.col("expected_purchases").sum(),
        counted=pl.col("expected_purchases").is_not_null().any(),
        variance=(spread**2).sum(),
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
    rows: pl.DataFrame, kind: str, weights: Matrix, knots: Sequence[int], *, now: int, noise: Noise
) -> pl.DataFrame:
    parts = []
    for (name,), group in (
        _sums(rows, "group", "horizon_days")
        .sort("horizon_days")
        .group_by("group", maintain_order=True)
    ):
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
            "group_kind": [kind] * len(revenue),
            "group": [str(name)] * len(revenue),
            "week_start_day": starts,
            "days": length,
            "expected_revenue": revenue,
            "low_80": low,
            "high_80": high,
            "expected_purchases": purchases if group["counted"].any() else [None] * len(revenue),
        }
        parts.append(pl.DataFrame(columns, schema=FORECAST.schema, strict=False))
    return pl.concat(parts) if parts else FORECAST.empty()
