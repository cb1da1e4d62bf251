"""Survival: how long customers go on buying, when many of them have not been seen for long enough
to say.

Kaplan and Meier (1958). A customer who has been silent for a horizon at the end of the log left on
the day of the last purchase; everyone else was still buying when last seen.
"""

import numpy as np
import polars as pl

from holdfast import tables

ALL = "all"
_Z = 1.959964


def survival(lifetimes: pl.DataFrame, *, step_days: int = 7) -> pl.DataFrame:
    """Estimate the survival curve of everyone and of each cohort.

    Parameters
    ----------
    lifetimes
        One row per customer: cohort, days (from the first purchase to the last), left (bool).
    step_days
        The curve is told once in so many days.

    Returns
    -------
    polars.DataFrame
        By the contract `tables.SURVIVAL`; a curve ends where nobody has been seen for longer.

    Examples
    --------
    >>> seen = pl.DataFrame({"cohort": ["2010"] * 4, "days": [0, 7, 7, 14], "left": [True, True,
    ...     False, False]})
    >>> survival(seen).filter(pl.col("cohort") == "all").select("day", "at_risk", "survival").rows()
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
    days, left = lifetimes["days"].to_numpy(), lifetimes["left"].to_numpy()
    size = int(days.max()) + 1
    seen, gone = np.bincount(days, minlength=size), np.bincount(days[left], minlength=size)
    at_risk = seen[::-1].cumsum()[::-1]
    alive = np.cumprod(1 - gone / at_risk)
    # Greenwood's variance of log survival; where everyone has left there is none.
    stayed = at_risk - gone
    variance = np.cumsum(np.divide(gone, at_risk * stayed, out=np.zeros(size), where=stayed > 0))
    low, high = _interval(alive, variance)
    shown = np.arange(0, size, step_days)
    told = {"day": shown.astype(np.int32), "at_risk": at_risk[shown], "survival": alive[shown]}
    frame = pl.DataFrame({**told, "low": low[shown], "high": high[shown]})
    return frame.select(pl.lit(cohort).alias("cohort"), pl.all()).cast(tables.SURVIVAL.schema)


def _interval(alive: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % on the log-log scale, which stays within 0..1."""
    inside = (alive > 0) & (alive < 1)
    log = np.log(np.where(inside, alive, 0.5))
    half = _Z * np.sqrt(variance) / log
    ends = np.stack([np.exp(log * np.exp(-half)), np.exp(log * np.exp(half))])
    low, high = np.where(inside, ends, alive)
    return np.minimum(low, high), np.maximum(low, high)
