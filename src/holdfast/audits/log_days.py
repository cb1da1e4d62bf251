"""Log days: do the days in the log mean what they say?

A return that carries the day of its order lowers a past that had not changed yet. A log whose last
days are not all there calls customers gone who have bought. An event from beyond the log, or a
cutoff whose window has not ended, proves nothing.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from holdfast.audits.question import Audit
from holdfast.audits.subjects import Log
from holdfast.findings import Finding
from holdfast.training.fit import tasks_of
from holdfast.training.training_data import horizon_of
from holdfast.windows import date_of, parse_day, windows_overlap

_SAME_DAY = 0.9
_LEAST_RETURNS = 30
_SAMPLED_CUSTOMERS = 20_000
_WEEKS = 8
_FADED = 0.35
_LEAST_A_WEEK = 20
_LAST_PURCHASES = """
    WITH few AS (
        SELECT customer_id, product_id, day, is_return FROM transactions WHERE {sample})
    SELECT back.customer_id, back.day, max(bought.day) AS bought_day
    FROM few AS back JOIN few AS bought ON back.customer_id = bought.customer_id
        AND back.product_id = bought.product_id AND bought.day <= back.day
    WHERE back.is_return AND NOT bought.is_return
    GROUP BY ALL ORDER BY ALL
"""


def find_fading_log(log: Log) -> Iterator[Finding]:
    """Suspect that the last days of the log have not all arrived."""
    purchases = log.orders.query(
        f"SELECT ({log.orders.end_day} - 1 - day) // 7 AS weeks_ago, count(*) AS n FROM activity "
        "WHERE n_orders > 0 GROUP BY ALL"
    )
    by_week = dict(purchases.iter_rows())
    last, *before = (by_week.get(week, 0) for week in range(_WEEKS + 1))
    usual = sorted(before)[_WEEKS // 2]
    if usual >= _LEAST_A_WEEK and last < _FADED * usual:
        yield Finding.of(
            "log-fades-out", end=date_of(log.orders.end_day - 1), last=last, usual=usual
        )


def find_rows_beyond_the_log(log: Log) -> Iterator[Finding]:
    """Say which other sources reach beyond the order log; an export is always newer than it."""
    end = log.orders.end_day
    later = []
    for source in ("events", "treatments"):
        if log.orders.warehouse.has(f"validated_{source}"):
            n, last = log.orders.warehouse.row(
                f"SELECT count(*) FILTER (day >= {end}), max(day) FROM validated_{source} "
                "WHERE verdict = 0"
            )
            later += [f"{n:,} rows of {source}, up to {date_of(last)}"] if n else []
    if later:
        yield Finding.of("beyond-the-log", end=date_of(end - 1), later="; ".join(later))


def find_bad_test_windows(log: Log) -> Iterator[Finding]:
    """Judge the test cutoffs that the study asks for, task by task."""
    cutoffs = sorted({parse_day(text) for text in log.orders.study.backtest.cutoffs})
    for task in tasks_of(log.orders.study):
        horizon_days = horizon_of(log.orders.study, task)
        yield from check_test_windows(
            cutoffs, horizon_days=horizon_days, end_day=log.orders.end_day, task=task
        )


def check_test_windows(
    cutoffs: Sequence[int], *, horizon_days: int, end_day: int, task: str
) -> Iterator[Finding]:
    """Find windows that end after the log, or overlap.

    >>> bad = check_test_windows([0, 50, 90], horizon_days=90, end_day=150, task="churn")
    >>> [(finding.name, finding.severity) for finding in bad]
    [('immature-cutoffs', 'warning'), ('overlapping-tests', 'warning')]
    """
    early = [day for day in cutoffs if day + horizon_days > end_day]
    if early:
        yield Finding.of(
            "immature-cutoffs",
            task=task,
            cutoffs=_dates(early),
            horizon_days=horizon_days,
            end=date_of(end_day - 1),
            latest=date_of(end_day - horizon_days),
        )
    if windows_overlap(cutoffs, horizon_days=horizon_days):
        yield Finding.of(
            "overlapping-tests", task=task, horizon_days=horizon_days, cutoffs=_dates(cutoffs)
        )


def _dates(days: Sequence[int]) -> str:
    return ", ".join(date_of(day).isoformat() for day in days)


def find_backdated_returns(log: Log) -> Iterator[Finding]:
    """Suspect returns that carry the day of the purchase that they undo."""
    returned = log.orders.query(
        _LAST_PURCHASES.format(sample=log.orders.sample(_SAMPLED_CUSTOMERS))
    )
    same = returned.filter(pl.col("day") == pl.col("bought_day"))
    if returned.height >= _LEAST_RETURNS and same.height >= _SAME_DAY * returned.height:
        yield Finding.of(
            "backdated-returns",
            same=same,
            returned=returned,
            customer=same["customer_id"][0],
            day=date_of(int(same["day"][0])),
        )


AUDITS = (
    Audit("fading log", "Are last days of the log missing?", find_fading_log),
    Audit("beyond the log", "Does a source reach beyond the order log?", find_rows_beyond_the_log),
    Audit(
        "proving windows",
        "Do tests overlap, or ask for what had not come?",
        find_bad_test_windows,
    ),
    Audit(
        "backdated returns",
        "Do returns carry the day of the purchase?",
        find_backdated_returns,
        needs=("product_id",),
    ),
)
