"""Drift: are the rows that prove a model of the kind that it learnt from?

Adversarial validation: a model that can tell test rows from learning rows has found what differs between them.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from holdfast.audit.table import Floats, Halves, Table, coded, listed
from holdfast.findings import Finding
from holdfast.windows import date_of

_TOLD_APART = 0.8
_JUMP = 0.25
_TIMES = 3.0
_LEAST_STEPS = 4
_LEAST_CUSTOMERS = 200


def drift(table: Table) -> tuple[Finding, ...]:
    """Try to tell the test rows of a table's own split from the rows that are learnt from."""
    if table.test is None or min(table.test.sum(), (~table.test).sum()) < _LEAST_CUSTOMERS or not table.seen:
        return ()
    rng = np.random.default_rng(table.seed)
    order = rng.permutation(len(table.test))
    order = order[np.argsort(table.test[order], kind="stable")]
    halves = Halves(learn=order[::2], judge=order[1::2], churned=table.test)
    matrix = {name: coded(table.columns[name], halves) for name in table.seen}
    together = halves.boosted_auc(np.column_stack(list(matrix.values())))
    if together < _TOLD_APART:
        return ()
    alone = {name: halves.auc(values[:, None]) for name, values in matrix.items()}
    strongest = sorted(alone, key=lambda name: -alone[name])[:3]
    return (
        Finding(
            name="test-is-unlike-learning",
            severity="warning",
            evidence=f"boosted trees tell test rows from learning rows with ROC-AUC {together:.3f}; most by "
            + ", ".join(f"{name} ({alone[name]:.3f}, {_means(name, matrix[name], table)})" for name in strongest),
            meaning="The test asks about other customers, or in another unit, than was learnt: its figures say little "
            "about either.",
            fix=f"Compare {listed(strongest)} in both parts: a changed unit, a changed export, or another kind of "
            "customer?",
        ),
    )


def _means(name: str, values: Floats, table: Table) -> str:
    assert table.test is not None
    if table.columns[name].dtype == pl.String:
        return "other words"
    learnt, test = (float(np.nanmean(values[part])) for part in (~table.test, table.test))
    return f"mean {learnt:,.4g} when learning, {test:,.4g} in the test"


def jump(features: pl.DataFrame, *, columns: Sequence[str], step_days: int) -> tuple[Finding, ...]:
    """Find features whose distribution changed at one cutoff as it never did before.

    Parameters
    ----------
    features
        FEATURES at several cutoffs.
    columns
        The features to look at: measured ones, and none that only counts time.
    step_days
        Cutoffs closer together than that are passed over.
    """
    cutoffs = _apart(features["cutoff_day"].unique().sort().to_list(), step_days)
    if len(cutoffs) < _LEAST_STEPS + 1:
        return ()
    frames = {day: features.filter(pl.col("cutoff_day") == day) for day in cutoffs}
    if min(frame.height for frame in frames.values()) < _LEAST_CUSTOMERS:
        return ()
    found = [told for name in columns if (told := _jumped(name, cutoffs, frames))]
    if not found:
        return ()
    return (
        Finding(
            name="sudden-change",
            severity="warning",
            evidence="; ".join(found[:4]),
            meaning="What was learnt before the change and what is predicted after it are not the same thing: a "
            "changed unit, a new till, a part of the shop that is missing.",
            fix="Find out what happened at that time; correct the log, or begin it after the change.",
        ),
    )


def _apart(cutoffs: Sequence[int], step_days: int) -> list[int]:
    kept: list[int] = []
    for day in reversed(cutoffs):
        if not kept or kept[-1] - day >= step_days:
            kept.append(day)
    return kept[::-1]


def _jumped(name: str, cutoffs: Sequence[int], frames: dict[int, pl.DataFrame]) -> str | None:
    from scipy.stats import ks_2samp

    values = [frames[day][name].drop_nulls().to_numpy() for day in cutoffs]
    if min(map(len, values)) < _LEAST_CUSTOMERS:
        return None
    distances = [float(ks_2samp(a, b, method="asymp").statistic) for a, b in pairwise(values)]
    k = int(np.argmax(distances))
    usual = float(np.max(np.delete(distances, k)))
    if distances[k] < _JUMP or distances[k] < _TIMES * usual:
        return None
    before, after = (float(np.median(values[i])) for i in (k, k + 1))
    return (
        f"{name} (median {before:,.4g} at {date_of(cutoffs[k])}, {after:,.4g} at {date_of(cutoffs[k + 1])}) moved by "
        f"{distances[k]:.2f} (Kolmogorov-Smirnov), at other times by {usual:.2f} at most"
    )
