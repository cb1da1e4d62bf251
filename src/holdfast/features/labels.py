"""Labels: what happened in the target window, cutoff_day <= day < cutoff_day + horizon_days."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from holdfast.errors import NotEnoughData
from holdfast.windows import date_of

_POPULATION = ("customer_id", "cutoff_day")
_KEYS = (*_POPULATION, "horizon_days")


def build_labels(
    activity: nw.LazyFrame[Any],
    population: nw.LazyFrame[Any],
    cutoff_days: Sequence[int],
    horizons_days: Sequence[int],
    *,
    end_day: int,
) -> nw.LazyFrame[Any]:
    """Observe the outcome of each customer and cutoff over each horizon whose window is complete.

    Parameters
    ----------
    activity
        The ACTIVITY table: one row per customer and day.
    population
        customer_id and cutoff_day, one row each: whose outcome is asked for. Each cutoff is one of
        `cutoff_days`.
    end_day
        First day after the log. A window that reaches beyond it is not complete and has no label.

    Returns
    -------
    nw.LazyFrame
        The LABELS table, in no particular order.

    Raises
    ------
    NotEnoughData
        No window is complete.
    """
    windows = [
        (cutoff, horizon)
        for cutoff in cutoff_days
        for horizon in horizons_days
        if cutoff + horizon <= end_day
    ]
    if not windows:
        raise NotEnoughData(
            f"no target window of {min(horizons_days)} days is complete: the first cutoff is "
            f"{date_of(min(cutoff_days))} and the log ends before {date_of(end_day)}",
            fix="use an earlier cutoff or a shorter horizon",
        )
    outcomes = (
        nw.concat(
            [_inside(activity, cutoff_day, horizon_days) for cutoff_day, horizon_days in windows]
        )
        .group_by(*_KEYS)
        .agg(
            bought=nw.when(nw.col("n_orders") > 0).then(nw.lit(1)).otherwise(nw.lit(0)).sum(),
            revenue=(nw.col("gross_minor") + nw.col("returns_minor")).sum(),
        )
    )
    rows = nw.concat(
        [
            _population_over(population, days, end_day=end_day)
            for days in sorted({days for _, days in windows})
        ]
    )
    # Who did nothing at all has no rows to aggregate, and a label all the same.
    n_purchases = nw.col("bought").fill_null(0).cast(nw.Int32)
    return rows.join(outcomes, on=list(_KEYS), how="left").select(
        *_KEYS,
        churned=n_purchases == 0,
        n_future_purchases=n_purchases,
        future_revenue_minor=nw.col("revenue").fill_null(0).cast(nw.Int64),
    )


def _inside(activity: nw.LazyFrame[Any], cutoff_day: int, horizon_days: int) -> nw.LazyFrame[Any]:
    inside = activity.filter(nw.col("day") >= cutoff_day, nw.col("day") < cutoff_day + horizon_days)
    return inside.select(
        "customer_id",
        "n_orders",
        "gross_minor",
        "returns_minor",
        cutoff_day=nw.lit(cutoff_day, dtype=nw.Int32),
        horizon_days=nw.lit(horizon_days, dtype=nw.Int32),
    )


def _population_over(
    population: nw.LazyFrame[Any], horizon_days: int, *, end_day: int
) -> nw.LazyFrame[Any]:
    complete = population.filter(nw.col("cutoff_day") <= end_day - horizon_days)
    return complete.select(*_POPULATION, horizon_days=nw.lit(horizon_days, dtype=nw.Int32))
