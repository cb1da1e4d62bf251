"""Survival: how long customers go on buying, when many of them have not been seen for long enough
to say; and for which cause they leave, of those whose contract is known.

Kaplan and Meier (1958). A customer who has been silent for a horizon at the end of the log left on
the day of the last purchase; everyone else was still buying when last seen. Causes compete:
customers decide to leave, or their payment fails before they could decide.
"""

from collections.abc import Sequence

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
        cohort, days (from the first purchase to the last), left (bool), and how many `customers`
        a row stands for.
    step_days
        The curve is given once in so many days.

    Returns
    -------
    polars.DataFrame
        By the contract `tables.SURVIVAL`; a curve ends where nobody has been seen for longer.

    Examples
    --------
    >>> seen = pl.DataFrame({"cohort": ["2010"] * 4, "days": [0, 7, 7, 14], "left": [True, True,
    ...     False, False], "customers": [1] * 4})
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
    days, left, customers = (lifetimes[name].to_numpy() for name in ("days", "left", "customers"))
    times = EventTimes.count(days, left, times=customers)
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


VOLUNTARY, INVOLUNTARY, UNKNOWN = "voluntary", "involuntary", "no reason given"
CAUSES = (VOLUNTARY, INVOLUNTARY, UNKNOWN)
_SCHEMA = {
    "cause": pl.String, "day": pl.Int64, "at_risk": pl.Int64, "left": pl.Int64,
    "incidence": pl.Float64, "low": pl.Float64, "high": pl.Float64, "still_there": pl.Float64,
}  # fmt: skip


def classify_cause(reason: str, *, involuntary: Sequence[str]) -> pl.Expr:
    """The cause that stands behind a column of reasons: one of CAUSES.

    >>> given = pl.DataFrame({"why": ["Card expired", "too dear", None]})
    >>> given.select(classify_cause("why", involuntary=["card expired"])).to_series().to_list()
    ['involuntary', 'voluntary', 'no reason given']
    """
    word = pl.col(reason).str.strip_chars().str.to_lowercase()
    is_involuntary = word.is_in([each.strip().lower() for each in involuntary])
    return (
        pl.when(word.is_null() | (word == ""))
        .then(pl.lit(UNKNOWN))
        .when(is_involuntary)
        .then(pl.lit(INVOLUNTARY))
        .otherwise(pl.lit(VOLUNTARY))
        .alias("cause")
    )


def estimate_incidence(lifetimes: pl.DataFrame, *, step_days: int = 30) -> pl.DataFrame:
    """Estimate how many have left by when, cause by cause.

    Parameters
    ----------
    lifetimes
        One row per customer: days (from the start to the end, or to the last day seen), cause
        (null: still there).
    step_days
        The curves are given once in so many days, and on the last day.

    Returns
    -------
    pl.DataFrame
        One row per cause that occurs and day: at_risk, left (for the cause, up to the day),
        incidence, its 95 % limits (on the log-log scale), still_there (share, the same for all
        causes).

    Examples
    --------
    Of four, one leaves on day 1, one's payment fails on day 2, one has been seen for 2 days only,
    one leaves on day 3.

    >>> seen = pl.DataFrame({"days": [1, 2, 2, 3], "cause": ["voluntary", "involuntary", None,
    ...     "voluntary"]})
    >>> curves = estimate_incidence(seen, step_days=3)
    >>> curves.select("cause", "day", "incidence", "still_there").rows()[1::2]
    [('voluntary', 3, 0.75, 0.0), ('involuntary', 3, 0.25, 0.0)]
    """
    masks = [
        (lifetimes["cause"] == cause).fill_null(False).cast(pl.Boolean).to_numpy()
        for cause in CAUSES
    ]
    times = EventTimes.count(lifetimes["days"].cast(pl.Int64).to_numpy(), *masks)
    size = len(times.at_risk)
    shown = np.unique([*range(0, size, step_days), size - 1])
    curves = [_incidence_curve(i, times)[shown] for i in range(len(CAUSES)) if times.left[i].any()]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *curves])


def _incidence_curve(cause: int, times: EventTimes) -> pl.DataFrame:
    share, variance = times.estimate_incidence(cause)
    low, high = log_log_limits(share, variance / np.where(share > 0, share, 1) ** 2)
    columns = {
        "day": np.arange(len(share)), "at_risk": times.at_risk, "left": times.left[cause].cumsum(),
        "incidence": share, "low": low, "high": high, "still_there": times.still_there,
    }  # fmt: skip
    frame = pl.DataFrame(columns).select(pl.lit(CAUSES[cause]).alias("cause"), pl.all())
    return frame.cast(_SCHEMA)  # type: ignore[arg-type]
