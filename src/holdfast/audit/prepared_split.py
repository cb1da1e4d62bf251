"""Prepared split: did rows on which a model is proved help to make what it learns from?

Somebody else's table says which rows are for learning and which for the test. Shared customers, shared rows and a class
that was multiplied before the split make the test an exam with known answers.
"""

import numpy as np
import polars as pl

from holdfast.audit.table import Booleans, Table
from holdfast.findings import Finding

_LEAST_SHARE = 0.01
_LEAST_ROWS = 5
_BALANCED = 0.002
_LEAST_RESAMPLED = 0.02
_DISTANT = 0.6
_NEIGHBOUR_ROWS = 2_000


def shared_customers(table: Table) -> tuple[Finding, ...]:
    """Say how many test rows belong to customers who are learnt from; at several cutoffs that is as it should be."""
    if table.test is None or table.cutoff_day is not None:
        return ()
    learnt = table.customer.filter(pl.Series(~table.test)).unique()
    known = table.customer.is_in(learnt.implode()).to_numpy() & table.test
    if known.sum() <= _LEAST_SHARE * table.test.sum():
        return ()
    return (
        Finding(
            name="customers-in-both-parts",
            severity="fatal",
            evidence=f"{known.sum():,} of {table.test.sum():,} test rows belong to customers who are learnt from, "
            f"customer {table.customer[int(np.flatnonzero(known)[0])]} for example",
            meaning="The model is examined on customers whose answers it was given.",
            fix="Divide customers, not rows; or leave out snapshot.split, and Holdfast divides them.",
        ),
    )


def shared_rows(table: Table) -> tuple[Finding, ...]:
    """Say how many test rows are equal, in every column and in the outcome, to a row that is learnt from.

    Without a split of the table's own, rows that repeat under another customer's name are told instead.
    """
    rows = table.columns.with_columns(churned=table.churned).hash_rows(seed=1)
    if not any(_is_wide(column) for column in table.columns):
        return ()
    copies, judged = _copies(rows, table.test)
    if copies.sum() < _LEAST_ROWS or copies.sum() <= _LEAST_SHARE * judged:
        return ()
    example = table.customer[int(np.flatnonzero(copies)[0])]
    whose = "test rows are equal in every column and in the outcome to a row that is learnt from"
    if table.test is None:
        whose = "rows are equal in every column and in the outcome to a row of another customer"
    return (
        Finding(
            name="rows-in-both-parts",
            severity="warning" if table.test is None else "fatal",
            evidence=f"{copies.sum():,} of {judged:,} {whose}, that of customer {example} for example",
            meaning="Whoever is in both parts is recognised, not predicted: the figures of the test are too good.",
            fix="Remove repeated rows before the table is divided.",
        ),
    )


def _copies(rows: pl.Series, test: Booleans | None) -> tuple[Booleans, int]:
    if test is None:
        return rows.is_duplicated().to_numpy(), len(rows)
    learnt = rows.filter(pl.Series(~test)).unique()
    return rows.is_in(learnt.implode()).to_numpy() & test, int(test.sum())


def _is_wide(column: pl.Series) -> bool:
    """Whether a column has so many values that two customers seldom share one."""
    return column.n_unique() > 0.1 * len(column)


def resampled(table: Table) -> tuple[Finding, ...]:
    """Suspect that one class was multiplied before the table was divided.

    Multiplied by copying: the rows of the rarer outcome repeat, those of the other do not. Multiplied by mixing
    (SMOTE): both outcomes are equally many in the test too, and each test row of the mixed one lies much nearer to a
    row that is learnt from than those of the other outcome do.
    """
    if table.test is None or table.halves is None:
        return ()
    evidence = _by_copies(table) or _by_mixing(table)
    if evidence is None:
        return ()
    return (
        Finding(
            name="resampled-before-the-split",
            severity="fatal",
            evidence=evidence,
            meaning="Copies and mixtures of test customers are learnt from, and the share of churned in the test is "
            "not that of the business: no figure of this test holds for real customers.",
            fix="Divide first, and change only the rows that are learnt from; better, do not resample at all.",
        ),
    )


def _by_copies(table: Table) -> str | None:
    rows = table.columns.with_columns(churned=table.churned).hash_rows(seed=1)
    repeats = rows.is_duplicated().to_numpy()
    of = {left: float(repeats[table.left == left].mean()) for left in (True, False)}
    assert table.test is not None
    split = [bool((repeats & part & (table.left == max(of, key=lambda k: of[k]))).any()) for part in _parts(table)]
    more, less = max(of.values()), min(of.values())
    if not all(split) or more < 10 * less + _LEAST_RESAMPLED or not any(_is_wide(c) for c in table.columns):
        return None
    return (
        f"{of[True]:.1%} of the rows of customers who left repeat another row, and {of[False]:.1%} of the others; "
        "copies stand in both parts"
    )


def _by_mixing(table: Table) -> str | None:
    test = table.test
    assert test is not None
    if (
        any(abs(table.left[part].mean() - 0.5) > 0.02 for part in _parts(table))
        or abs(table.left.mean() - 0.5) > _BALANCED
    ):
        return None
    near = {left: _nearness(table, left) for left in (True, False)}
    if min(near.values()) > _DISTANT * max(near.values()):
        return None
    return (
        f"exactly {table.left.mean():.1%} of all rows left, and test rows of those who "
        f"{_word(min(near, key=near.__getitem__))} "
        f"lie {min(near.values()):.2f} from the nearest row that is learnt from, the others {max(near.values()):.2f} "
        "(median, in standard deviations)"
    )


def _word(left: bool) -> str:
    return "left" if left else "stayed"


def _parts(table: Table) -> tuple[Booleans, Booleans]:
    assert table.test is not None
    return table.test, ~table.test


def _nearness(table: Table, left: bool) -> float:
    """Median distance from a test row of an outcome to the nearest row of that outcome that is learnt from."""
    from scipy.spatial import cKDTree

    measured = [values for name, values in table.coded.items() if name in table.seen]
    matrix = np.nan_to_num(np.column_stack(measured))
    spread = matrix.std(axis=0)
    matrix = (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1)
    rng = np.random.default_rng(table.seed)
    asked, learnt = (
        rng.permutation(np.flatnonzero(part & (table.left == left)))[:_NEIGHBOUR_ROWS] for part in _parts(table)
    )
    return float(np.median(cKDTree(matrix[learnt]).query(matrix[asked])[0]))
