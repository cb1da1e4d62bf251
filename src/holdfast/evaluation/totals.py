"""Totals: between what a predicted sum may come out.

Intervals of single customers do not add up to the interval of their sum: what a sum misses is the
level, for everyone at once. How far levels miss differs from log to log, so a log's own past
cutoffs are taken together with what other logs showed: logarithms of realised over predicted totals
are normal around 0 with a variance that is drawn for each log (scaled inverse chi-square), and the
next one follows Student's t (Gelman et al. 2013, "Bayesian Data Analysis", section 2.6).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

PRIOR_SPREAD, PRIOR_WINDOWS = 0.08, 2.0  # decision 34
"""How far totals missed on other logs, in logarithms, and how many past windows that counts for."""
COVERAGE = 0.8
_NEVER_TRIED = 4.0  # decision 34
_LEAST_RATIO, _MOST_RATIO = 1e-3, 1e3


class Range(NamedTuple):
    """Between what an amount may come out, in its own unit."""

    low: float
    high: float


class LevelError(NamedTuple):
    """How far the level of predicted totals may be off.

    Attributes
    ----------
    spread, windows
        Scale of Student's t, in logarithms, and its degrees of freedom.
    """

    spread: float
    windows: float

    def log_width(self, coverage: float = COVERAGE) -> float:
        """Half the width of the interval, in logarithms."""
        from scipy.stats import t

        return float(t.ppf((1 + coverage) / 2, self.windows)) * self.spread

    def range_of(self, amount: float, coverage: float = COVERAGE) -> Range:
        """Between what an amount may come out."""
        factor = float(np.exp(self.log_width(coverage)))
        return Range(*sorted((amount / factor, amount * factor)))


def level_error(total_ratios: Sequence[float], *, stretch: float = 1.0) -> LevelError:
    """Learn from predicted over realised totals of past cutoffs, if there are any.

    Parameters
    ----------
    stretch
        The horizon over the longest one that could be tried, at least 1: what is off by one window
        is off by the root of that over more. Where none could be tried it counts as four.

    Examples
    --------
    >>> never_tried = level_error([])
    >>> off_by_a_tenth = level_error([1.1, 0.9, 1.1, 0.9])
    >>> never_tried.range_of(100.0).high > off_by_a_tenth.range_of(100.0).high > 110
    True
    """
    ratios = np.array([ratio for ratio in total_ratios if ratio > 0 and np.isfinite(ratio)])
    off = np.log(np.clip(ratios, _LEAST_RATIO, _MOST_RATIO))
    windows = PRIOR_WINDOWS + len(off)
    stretch = max(stretch, 1.0) if len(off) else max(stretch, _NEVER_TRIED)
    variance = (PRIOR_WINDOWS * PRIOR_SPREAD**2 + float((off**2).sum())) / windows
    return LevelError(float(np.sqrt(variance * stretch)), windows)


def range_of(amount: float, evidence: pl.DataFrame) -> Range:
    """The 80 % interval of a predicted sum over the value task's horizon.

    Parameters
    ----------
    evidence
        EVIDENCE; read are the champion's `total_ratio` for value.
    """
    return level_error(total_ratios(evidence)).range_of(amount)


def total_ratios(evidence: pl.DataFrame) -> list[float]:
    """The champion's predicted over realised totals at the test cutoffs.

    Parameters
    ----------
    evidence
        EVIDENCE, or HORIZON_EVIDENCE of one horizon.
    """
    rows = evidence.filter(task="value", model="champion", metric="total_ratio")
    return rows["value"].drop_nulls().drop_nans().to_list()


def explain_reach(days: int, horizon_evidence: pl.DataFrame) -> str:
    """What to add to a forecast of so many days that reaches beyond what past windows could test;
    empty where it does not.

    Parameters
    ----------
    horizon_evidence
        HORIZON_EVIDENCE.

    Examples
    --------
    >>> from holdfast.tables import HORIZON_EVIDENCE
    >>> explain_reach(365, HORIZON_EVIDENCE.empty())
    '; nothing of it could be tested'
    """
    rows = horizon_evidence.filter(task="value", model="champion", metric="total_ratio")
    longest = rows.drop_nulls("value").drop_nans("value")["horizon_days"].max()
    if not isinstance(longest, int):
        return "; nothing of it could be tested"
    return f"; beyond {longest} days nothing could be tested" if longest < days else ""


def level_errors(
    horizon_evidence: pl.DataFrame, horizons_days: Sequence[int]
) -> dict[int, LevelError]:
    """The same for each horizon: by its own past totals, or by those of the longest that could be
    tried.
    """
    errors: dict[int, LevelError] = {}
    ratios: list[float] = []
    tried = 0
    for days in sorted(horizons_days):
        of_horizon = total_ratios(horizon_evidence.filter(horizon_days=days))
        if of_horizon:
            ratios, tried = of_horizon, days
        errors[days] = level_error(ratios, stretch=days / tried if tried else 1.0)
    return errors


def past_error(predictions: pl.DataFrame) -> dict[str, float] | None:
    """How far the mean probability of churn was from the share who left, where it was tried.

    Parameters
    ----------
    predictions
        PREDICTIONS, of the test cutoffs or of the customers set aside.

    Returns
    -------
    dict or None
        The least and the most of the distances, shares; None where nothing was tried.

    Examples
    --------
    >>> tried = {"cutoff_day": [1, 1, 2], "churned": [True, False, True],
    ...     "churn_probability": [0.5, 0.75, 0.75]}
    >>> past_error(pl.DataFrame(tried))
    {'least': 0.125, 'most': 0.25}
    """
    tried = predictions.drop_nulls(["churned", "churn_probability"])
    off = tried.group_by("cutoff_day").agg(
        off=(pl.col("churn_probability").mean() - pl.col("churned").mean()).abs()
    )["off"]
    if off.is_empty():
        return None
    each = off.to_list()
    return {"least": min(each), "most": max(each)}
