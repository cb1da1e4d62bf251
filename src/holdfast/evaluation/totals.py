"""Totals: how far a predicted sum has been off on time that the model had not seen.

Intervals of single customers do not add up to the interval of their sum: what a sum misses is the
level, for everyone at once. The past cutoffs show by how much.
"""

from typing import NamedTuple

import polars as pl


class Range(NamedTuple):
    """Between what an amount may come out, in its own unit."""

    low: float
    high: float


def range_of(amount: float, evidence: pl.DataFrame) -> Range | None:
    """Divide a predicted sum by the ratios of predicted to actual that past cutoffs showed, their
    intervals included.

    Parameters
    ----------
    evidence
        EVIDENCE; read are the champion's `total_ratio` for value.

    Returns
    -------
    Range or None
        None where no cutoff has such a ratio.

    Examples
    --------
    >>> row = {"task": "value", "model": "champion", "metric": "total_ratio", "value": 1.0,
    ...     "low": 0.8, "high": 1.25}
    >>> range_of(100.0, pl.DataFrame([row]))
    Range(low=80.0, high=125.0)
    """
    of_value = (
        (pl.col("task") == "value")
        & (pl.col("model") == "champion")
        & (pl.col("metric") == "total_ratio")
    )
    ends = evidence.filter(of_value).select(
        low=pl.coalesce(pl.col("low").fill_nan(None), "value"),
        high=pl.coalesce(pl.col("high").fill_nan(None), "value"),
    )
    usable = ends.filter((pl.col("low") > 0) & pl.col("high").is_finite())
    if usable.is_empty():
        return None
    # A total that came out at 0.8 of what happened promises 1 / 0.8 of what it says.
    sides = sorted(
        amount / float(end)
        for end in (usable["low"].to_numpy().min(), usable["high"].to_numpy().max())
    )
    return Range(*sides)
