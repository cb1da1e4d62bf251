"""Competing risks: customers who decide to leave, and customers whose payment fails before they
could decide.

Aalen and Johansen (1978): the cause-specific incidence of day t is the sum, over the days up to t,
of the share still there times the share of those who leave for that cause on the day. The curves of
all causes and the share still there add up to 1 on every day; one minus a Kaplan-Meier curve of one
cause alone would exceed it, since it counts as if who left for another cause could still leave for
this one.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

VOLUNTARY, INVOLUNTARY, UNKNOWN = "voluntary", "involuntary", "no reason given"
CAUSES = (VOLUNTARY, INVOLUNTARY, UNKNOWN)
_Z = 1.959964
_Floats = npt.NDArray[np.float64]
_SCHEMA = {
    "cause": pl.String,
    "day": pl.Int64,
    "at_risk": pl.Int64,
    "left": pl.Int64,
    "incidence": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "still_there": pl.Float64,
}


def cause_of(reason: str, *, involuntary: Sequence[str]) -> pl.Expr:
    """The cause that stands behind a column of reasons: one of CAUSES.

    >>> given = pl.DataFrame({"why": ["Card expired", "too dear", None]})
    >>> given.select(cause_of("why", involuntary=["card expired"])).to_series().to_list()
    ['involuntary', 'voluntary', 'no reason given']
    """
    said = pl.col(reason).str.strip_chars().str.to_lowercase()
    unwilling = said.is_in([word.strip().lower() for word in involuntary])
    return (
        pl.when(said.is_null() | (said == ""))
        .then(pl.lit(UNKNOWN))
        .when(unwilling)
        .then(pl.lit(INVOLUNTARY))
        .otherwise(pl.lit(VOLUNTARY))
        .alias("cause")
    )


def incidence(lifetimes: pl.DataFrame, *, step_days: int = 30) -> pl.DataFrame:
    """Estimate how many have left by when, cause by cause.

    Parameters
    ----------
    lifetimes
        One row per customer: days (from the start to the end, or to the last day seen), cause
        (null: still there).
    step_days
        The curves are told once in so many days, and on the last day.

    Returns
    -------
    pl.DataFrame
        One row per cause that occurs and day: at_risk, left (for the cause, up to the day),
        incidence, its 95 % limits (delta method, Marubini and Valsecchi 1995, on the log-log
        scale), still_there (share, the same for all causes).

    Examples
    --------
    Of four, one leaves on day 1, one's payment fails on day 2, one has been seen for 2 days only,
    one leaves on day 3.

    >>> seen = pl.DataFrame({"days": [1, 2, 2, 3], "cause": ["voluntary", "involuntary", None,
    ...     "voluntary"]})
    >>> incidence(seen, step_days=3).select("cause", "day", "incidence", "still_there").rows()[1::2]
    [('voluntary', 3, 0.75, 0.0), ('involuntary', 3, 0.25, 0.0)]
    """
    if lifetimes.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    days = lifetimes["days"].to_numpy()
    size = int(days.max()) + 1
    at_risk = np.bincount(days, minlength=size)[::-1].cumsum()[::-1].astype(np.float64)
    left = {
        cause: np.bincount(
            days[(lifetimes["cause"] == cause).fill_null(False).to_numpy()], minlength=size
        )
        for cause in CAUSES
    }
    gone = np.sum(list(left.values()), axis=0)
    there = np.cumprod(1 - gone / at_risk)
    shown = np.unique([*range(0, size, step_days), size - 1])
    parts = [
        _curve(cause, lost.astype(np.float64), gone.astype(np.float64), at_risk, there)[shown]
        for cause, lost in left.items()
        if lost.any()
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


def _curve(
    cause: str, left: _Floats, gone: _Floats, at_risk: _Floats, there: _Floats
) -> pl.DataFrame:
    before = np.concatenate([[1.0], there[:-1]])
    share = np.cumsum(before * left / at_risk)
    low, high = _limits(share, _variance(share, left, gone, at_risk, before))
    columns = {
        "day": np.arange(len(there)),
        "at_risk": at_risk.astype(np.int64),
        "left": left.cumsum().astype(np.int64),
        "incidence": share,
        "low": low,
        "high": high,
        "still_there": there,
    }
    return pl.DataFrame(columns).select(pl.lit(cause).alias("cause"), pl.all()).cast(_SCHEMA)  # type: ignore[arg-type]


def _variance(
    share: _Floats, left: _Floats, gone: _Floats, at_risk: _Floats, before: _Floats
) -> _Floats:
    """Sum over the days up to t; each of the three terms is a polynomial in share(t), so running
    sums do.
    """
    stayed = at_risk - gone
    spread = np.divide(gone, at_risk * stayed, out=np.zeros_like(gone), where=stayed > 0)
    own = before**2 * left * (at_risk - left) / at_risk**3
    both = before * left / at_risk**2
    squares = (
        share**2 * spread.cumsum()
        - 2 * share * (share * spread).cumsum()
        + (share**2 * spread).cumsum()
    )
    total = squares + own.cumsum() - 2 * (share * both.cumsum() - (share * both).cumsum())
    return np.asarray(np.maximum(total, 0), dtype=np.float64)


def _limits(share: _Floats, variance: _Floats) -> tuple[_Floats, _Floats]:
    inside = (share > 0) & (share < 1)
    safe = np.where(inside, share, 0.5)
    half = _Z * np.sqrt(variance) / (safe * np.abs(np.log(safe)))
    return np.where(inside, safe ** np.exp(half), share), np.where(
        inside, safe ** np.exp(-half), share
    )
