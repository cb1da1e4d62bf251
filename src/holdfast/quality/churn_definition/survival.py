"""Survival: how long customers go on buying, when many of them have not been seen for long enough
to say.

Kaplan and Meier (1958). A customer who has been silent for a horizon at the end of the log left on
the day of the last purchase; everyone else was still buying when last seen.
"""

import numpy as np
import polars as pl

from holdfast import tables
from holdfast.quality.churn_definition.event_times import EventTimes, log_log_limits

ALL = "all"


def estimate_survival(lifetimes: pl.DataFrame, *, step_days: int = 7) -> pl.DataFrame:
    """Estimate the survival curve of everyone and of each cohort.

    Parameters
    ----------
    lifetimes
        One row per customer: cohort, days (from the first purchase to the last), left (bool).
    step_days
        The curve is given once in so many days.

    Returns
    -------
    polars.DataFrame
        By the contract `tables.SURVIVAL`; a curve ends where nobody has been seen for longer.

    Examples
    --------
    >>> seen = pl.DataFrame({"cohort": ["2010"] * 4, "days": [0, 7, 7, 14], "left": [True, True,
    ...     False, False]})
    >>> everyone = estimate_survival(seen).filter(cohort="all")
    >>> everyone.select("day", "at_risk", "survival").rows()
    [(0, 4, 0.75), (7, 3, 0.5), (14, 1, 0.5)]
    """
    cohorts = sorted(lifetimes["cohort"].unique().to_list())
    groups = {
        ALL: lifetimes,
        **{name: lifetimes.filter(pl.col("cohort") == name) for name in cohorts},
    }
    parts = [_curve(group, name, step_days) for name, group in groups.items() if group.height]
    return tables.SURVIVAL.check(pl.concat(parts) if parts else tables.SURVIVAL.empty())


def _curve(lifetimes: pl.DataFrame, cohort: str, step_days: int) -> pl.DataFrame:
    times = EventTimes.count(lifetimes["days"].to_numpy(), lifetimes["left"].to_numpy())
    low, high = log_log_limits(times.still_there, times.hazard_variance.cumsum())
    shown = slice(None, None, step_days)
    columns = {
        "day": np.arange(len(low)),
        "at_risk": times.at_risk,
        "survival": times.still_there,
        "low": low,
        "high": high,
    }
    frame = pl.DataFrame({name: values[shown] for name, values in columns.items()})
    return frame.select(pl.lit(cohort).alias("cohort"), pl.all()).cast(tables.SURVIVAL.schema)
