"""Drift: are the rows that prove a model of the kind that it learnt from?

Adversarial validation: a model that can tell test rows from learning rows has found what differs
between them.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from holdfast.audits.table import Floats, Halves, Table, coded, listed
from holdfast.findings import Finding
from holdfast.windows import date_of

_TOLD_APART = 0.8
_JUMP = 0.3
_TIMES = 2.5
_MONTH_DAYS, _LEAST_MONTHS, _LEAST_PURCHASES = 30, 5, 50
_LEAST_CUSTOMERS = 200
_ROWS = 20_000


def drift(table: Table) -> tuple[Finding, ...]:
    """Try to tell the test rows of a table's own split from the rows that are learnt from."""
    if (
        table.test is None
        or min(table.test.sum(), (~table.test).sum()) < _LEAST_CUSTOMERS
        or not table.seen
    ):
        return ()
    rng = np.random.default_rng(table.seed)
    order = rng.permutation(len(table.test))[:_ROWS]
    order = order[np.argsort(table.test[order], kind="stable")]
    halves = Halves(learn=order[::2], judge=order[1::2], churned=table.test)
    matrix = {name: coded(table.columns[name], halves) for name in table.seen}
    together = halves.boosted_auc(np.column_stack(list(matrix.values())))
    if together < _TOLD_APART:
        return ()
    alone = {name: halves.auc(values[:, None]) for name, values in matrix.items()}
    strongest = sorted(alone, key=lambda name: -alone[name])[:3]
    return (
        Finding.warning(
            "test-is-unlike-learning",
            evidence="boosted trees tell test rows from learning rows with ROC-AUC "
            f"{together:.3f}; most by "
            + ", ".join(
                f"{name} ({alone[name]:.3f}, {_means(name, matrix[name], table)})"
                for name in strongest
            ),
            meaning="The test asks about other customers, or in another unit, than was learnt: its "
            "figures say little about either.",
            fix=f"Compare {listed(strongest)} in both parts: a changed unit, a changed export, or "
            "another kind of customer?",
        ),
    )


def _means(name: str, values: Floats, table: Table) -> str:
    assert table.test is not None
    if table.columns[name].dtype == pl.String:
        return "other words"
    learnt, test = (float(np.nanmean(values[part])) for part in (~table.test, table.test))
    return f"mean {learnt:,.4g} when learning, {test:,.4g} in the test"


def sudden_change(purchases: pl.DataFrame, *, end_day: int) -> tuple[Finding, ...]:
    """Find a month from which on purchases are of another kind than before, as no other month is.

    Parameters
    ----------
    purchases
        One row per customer and day of purchase: day, then what is measured of it.
    end_day
        First day after the log; months of 30 days are counted back from it.
    """
    months = purchases.with_columns(month=(end_day - 1 - pl.col("day")) // _MONTH_DAYS)
    parts = [
        part for _, part in sorted(months.partition_by("month", as_dict=True).items(), reverse=True)
    ]
    parts = [part for part in parts if part.height >= _LEAST_PURCHASES]
    if len(parts) < _LEAST_MONTHS:
        return ()
    measured = [name for name in purchases.columns if name != "day"]
    found = [told for name in measured if (told := _jumped(name, parts))]
    if not found:
        return ()
    return (
        Finding.warning(
            "sudden-change",
            evidence="; ".join(found),
            meaning="What was learnt before the change and what is predicted after it are not the "
            "same thing: a changed unit, a new till, a part of the shop that is missing.",
            fix="Find out what happened at that time; correct the log, or begin it after the "
            "change.",
        ),
    )


def _jumped(name: str, months: Sequence[pl.DataFrame]) -> str | None:
    values = [month[name].cast(pl.Float64).to_numpy() for month in months]
    distances = [_apart(a, b) for a, b in pairwise(values)]
    k = int(np.argmax(distances))
    # The change may lie within a month, which then differs from both its neighbours.
    usual = float(np.max(np.delete(distances, range(max(0, k - 1), min(len(distances), k + 2)))))
    if distances[k] < _JUMP or distances[k] < _TIMES * usual:
        return None
    before, after = (float(np.median(values[i])) for i in (k, k + 1))
    begins = date_of(int(months[k + 1]["day"].to_numpy().min()))
    return (
        f"{name} per purchase has a median of {before:,.4g} in the 30 days before {begins} and of "
        f"{after:,.4g} "
        f"after it; the two differ by {distances[k]:.2f} (Kolmogorov-Smirnov), other months by "
        f"{usual:.2f} at most"
    )


def _apart(a: Floats, b: Floats) -> float:
    """Kolmogorov and Smirnov's distance: the largest gap between two distributions, 0..1."""
    every = np.sort(np.concatenate([a, b]))
    shares = (np.searchsorted(np.sort(x), every, side="right") / len(x) for x in (a, b))
    return float(np.abs(np.subtract(*shares)).max())
