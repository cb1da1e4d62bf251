"""Log days: do the days in the log mean what they say?

A return that carries the day of its order lowers a past that had not changed yet. A log whose last
days are not all there calls customers gone who have bought. An event from beyond the log, or a
cutoff whose window has not ended, proves nothing.
"""

from collections.abc import Sequence

import polars as pl

from holdfast.findings import Finding
from holdfast.windows import date_of, windows_overlap

_SAME_DAY = 0.9
_LEAST_RETURNS = 30
_WEEK, _WEEKS = 7, 8
_FADED = 0.35
_LEAST_A_WEEK = 20


def backdated_returns(returned: pl.DataFrame) -> tuple[Finding, ...]:
    """Suspect returns that carry the day of the purchase that they undo.

    Parameters
    ----------
    returned
        One row per returned line whose purchase is known: customer_id, day, bought_day.
    """
    same = returned.filter(pl.col("day") == pl.col("bought_day"))
    if returned.height < _LEAST_RETURNS or same.height < _SAME_DAY * returned.height:
        return ()
    return (
        Finding.warning(
            "backdated-returns",
            evidence=f"{same.height:,} of {returned.height:,} returns carry the very day on which "
            f"the goods were bought, as that of customer {same['customer_id'][0]} on "
            f"{date_of(int(same['day'][0]))}",
            meaning="Goods come back days or weeks later. Written on the day of the purchase, a "
            "return after the cutoff lowers what was spent before it: the past knows the future.",
            fix="Give returns the day on which they came back.",
        ),
    )


def fading_log(purchases: pl.DataFrame, *, end_day: int) -> tuple[Finding, ...]:
    """Suspect that the last days of the log have not all arrived.

    Parameters
    ----------
    purchases
        day, n: purchases per day; days without one may be missing.
    """
    weeks = [
        _count(purchases, end_day - _WEEK * (k + 1), end_day - _WEEK * k) for k in range(_WEEKS + 1)
    ]
    usual = sorted(weeks[1:])[_WEEKS // 2]
    if usual < _LEAST_A_WEEK or weeks[0] >= _FADED * usual:
        return ()
    return (
        Finding.warning(
            "log-fades-out",
            evidence=f"the last seven days, to {date_of(end_day - 1)}, have {weeks[0]:,} "
            f"purchases; the eight weeks before had {usual:,} in the median",
            meaning="Orders of the last days seem not to have arrived. Windows that reach into "
            "them are not over: customers count as gone who have bought.",
            fix="Export again when all orders are in, or end the log before the first day that is "
            "not complete.",
        ),
    )


def _count(purchases: pl.DataFrame, start: int, end: int) -> int:
    return int(purchases.filter(pl.col("day") >= start, pl.col("day") < end)["n"].sum())


def beyond_the_log(late: pl.DataFrame, *, end_day: int) -> tuple[Finding, ...]:
    """Say which other sources reach beyond the order log.

    Parameters
    ----------
    late
        source, n (rows on or after end_day), last_day; one row a source.
    """
    rows = late.filter(pl.col("n") > 0)
    if rows.is_empty():
        return ()
    told = [
        f"{n:,} rows of {source}, up to {date_of(int(last))}"
        for source, n, last in rows.iter_rows()
    ]
    return (
        Finding.warning(
            "beyond-the-log",
            evidence=f"the order log ends on {date_of(end_day - 1)}; later are " + "; ".join(told),
            meaning="The sources were not exported on the same day, or days are wrong. What lies "
            "beyond the log is not used, and customers who are active there may count as gone.",
            fix="Export all sources on the same day, and check dates that lie in the future.",
        ),
    )


def proving_windows(
    cutoffs: Sequence[int], *, horizon_days: int, end_day: int, task: str
) -> tuple[Finding, ...]:
    """Judge the test cutoffs that a study asks for.

    >>> found = proving_windows([0, 50, 90], horizon_days=90, end_day=150, task="churn")
    >>> [(finding.name, finding.severity) for finding in found]
    [('immature-cutoffs', 'warning'), ('overlapping-tests', 'warning')]
    """
    early = [day for day in cutoffs if day + horizon_days > end_day]
    found = []
    if early:
        found.append(
            Finding.warning(
                "immature-cutoffs",
                evidence=f"{task}: the windows of {_dates(early)} need {horizon_days} days, and "
                f"the log ends on {date_of(end_day - 1)}",
                meaning="Their outcomes have not all come, so nothing is proved at them; they are "
                "left out.",
                fix=f"Ask for cutoffs up to {date_of(end_day - horizon_days)}.",
            )
        )
    if windows_overlap(cutoffs, horizon_days=horizon_days):
        found.append(
            Finding.warning(
                "overlapping-tests",
                evidence=f"{task}: windows of {horizon_days} days after {_dates(cutoffs)} share "
                "days",
                meaning="The same outcomes are counted more than once: several tests agree because "
                "they are one test.",
                fix=f"Keep test cutoffs {horizon_days} days apart.",
            )
        )
    return tuple(found)


def _dates(days: Sequence[int]) -> str:
    return ", ".join(date_of(day).isoformat() for day in days)
