"""Prepared split: did rows on which a model is proved help to make what it learns from?

Somebody else's table says which rows are for learning and which for the test. Shared customers,
shared rows and a class that was multiplied before the split make the test an exam with known
answers.
"""

import numpy as np
import polars as pl

from holdfast.audits.table import Booleans, Table
from holdfast.findings import Finding

_LEAST_SHARE = 0.01
_LEAST_ROWS = 5
_HARDLY_FEWER = 0.7
_BALANCED = 0.002
_LEAST_RESAMPLED = 0.02
_DISTANT = 0.6
_NEIGHBOUR_ROWS = 2_000


def shared_customers(table: Table) -> tuple[Finding, ...]:
    """Say how many test rows belong to customers who are learnt from; at several cutoffs that is as
    it should be.
    """
    if table.test is None or table.cutoff_day is not None:
        return ()
    learnt = table.customer.filter(pl.Series(~table.test)).unique()
    known = table.customer.is_in(learnt.implode()).to_numpy() & table.test
    if known.sum() <= _LEAST_SHARE * table.test.sum():
        return ()
    return (
        Finding.fatal(
            "customers-in-both-parts",
            evidence=f"{known.sum():,} of {table.test.sum():,} test rows belong to customers who "
            f"are learnt from, customer {table.customer[int(np.flatnonzero(known)[0])]} for "
            "example",
            meaning="The model is examined on customers whose answers it was given.",
            fix="Divide customers, not rows; or leave out snapshot.split, and Holdfast divides "
            "them.",
        ),
    )


def shared_rows(table: Table) -> tuple[Finding, ...]:
    """Say how many test rows are equal, in every column and in the outcome, to a row that is learnt
    from.

    Without a split of the table's own, rows that repeat under another customer's name are told
    instead. Rows that agree by chance agree even more often when their most varied column is left
    out; copies do not.
    """
    copies, judged = _copies(table, table.columns)
    if (
        copies.sum() < _LEAST_ROWS
        or copies.sum() <= _LEAST_SHARE * judged
        or _by_chance(table, copies)
    ):
        return ()
    example = table.customer[int(np.flatnonzero(copies)[0])]
    whose = "test rows are equal in every column and in the outcome to a row that is learnt from"
    if table.test is None:
        whose = "rows are equal in every column and in the outcome to a row of another customer"
    return (
        Finding(
            "rows-in-both-parts",
            "warning" if table.test is None else "fatal",
            evidence=f"{copies.sum():,} of {judged:,} {whose}, that of customer {example} for "
            "example",
            meaning="Whoever is in both parts is recognised, not predicted: the figures of the "
            "test are too good.",
            fix="Remove repeated rows before the table is divided.",
        ),
    )


def _rows(table: Table, columns: pl.DataFrame) -> pl.Series:
    return columns.with_columns(churned=table.churned).hash_rows(seed=1)


def _copies(table: Table, columns: pl.DataFrame) -> tuple[Booleans, int]:
    """Which rows are copies, and of how many; at several cutoffs a customer may stay as
    they were.
    """
    rows = _rows(table, columns)
    if table.test is None:
        return rows.is_duplicated().to_numpy(), len(rows)
    whole = pl.DataFrame({"row": rows, "customer": table.customer, "test": table.test})
    learnt = (
        whole.filter(~pl.col("test"))
        .group_by("row")
        .agg(first=pl.col("customer").min(), last=pl.col("customer").max())
    )
    met = whole.join(learnt, on="row", how="left", maintain_order="left")
    copied = pl.col("test") & pl.col("first").is_not_null()
    if table.cutoff_day is not None:
        copied &= (pl.col("first") != pl.col("customer")) | (pl.col("last") != pl.col("customer"))
    return met.select(copied).to_series().to_numpy(), int(table.test.sum())


def _by_chance(table: Table, copies: Booleans) -> bool:
    """Whether far more rows would be copies if their most varied column were left out."""
    widest = max(table.columns.columns, key=lambda name: table.columns[name].n_unique())
    without = table.columns.drop(widest)
    return bool(
        not without.width or copies.sum() < _HARDLY_FEWER * _copies(table, without)[0].sum()
    )


def resampled(table: Table) -> tuple[Finding, ...]:
    """Suspect that one class was multiplied before the table was divided.

    Multiplied by copying: the rows of the rarer outcome repeat, those of the other do not.
    Multiplied by mixing (SMOTE): both outcomes are equally many in the test too, and each test row
    of the mixed one lies much nearer to a row that is learnt from than those of the other outcome
    do.
    """
    if table.test is None or table.halves is None:
        return ()
    evidence = _by_copies(table) or _by_mixing(table)
    if evidence is None:
        return ()
    return (
        Finding.fatal(
            "resampled-before-the-split",
            evidence=evidence,
            meaning="Copies and mixtures of test customers are learnt from, and the share of "
            "churned in the test is not that of the business: no figure of this test holds for "
            "real customers.",
            fix="Divide first, and change only the rows that are learnt from; better, do not "
            "resample at all.",
        ),
    )


def _by_copies(table: Table) -> str | None:
    if table.cutoff_day is not None or _by_chance(table, _copies(table, table.columns)[0]):
        return None
    repeats = _rows(table, table.columns).is_duplicated().to_numpy()
    of = {left: float(repeats[table.left == left].mean()) for left in (True, False)}
    assert table.test is not None
    split = [
        bool((repeats & part & (table.left == max(of, key=lambda k: of[k]))).any())
        for part in _parts(table)
    ]
    more, less = max(of.values()), min(of.values())
    if not all(split) or more < 10 * less + _LEAST_RESAMPLED:
        return None
    return (
        f"{of[True]:.1%} of the rows of customers who left repeat another row, and {of[False]:.1%} "
        "of the others; "
        "copies stand in both parts"
    )


def _by_mixing(table: Table) -> str | None:
    # Divided at random, a part strays from one half by its size; four standard deviations are room
    # enough.
    stray = (abs(table.left[part].mean() - 0.5) > 2 / np.sqrt(part.sum()) for part in _parts(table))
    if abs(table.left.mean() - 0.5) > _BALANCED or any(stray):
        return None
    near = {left: _nearness(table, left) for left in (True, False)}
    if min(near.values()) > _DISTANT * max(near.values()):
        return None
    return (
        f"exactly {table.left.mean():.1%} of all rows left, and test rows of those who "
        f"{_word(min(near, key=near.__getitem__))} "
        f"lie {min(near.values()):.2f} from the nearest row that is learnt from, the others "
        f"{max(near.values()):.2f} "
        "(median, in standard deviations)"
    )


def _word(left: bool) -> str:
    return "left" if left else "stayed"


def _parts(table: Table) -> tuple[Booleans, Booleans]:
    assert table.test is not None
    return table.test, ~table.test


def _nearness(table: Table, left: bool) -> float:
    """Median distance from a test row of an outcome to the nearest row of that outcome that is
    learnt from.
    """
    from scipy.spatial import cKDTree

    measured = [values for name, values in table.coded.items() if name in table.seen]
    matrix = np.nan_to_num(np.column_stack(measured))
    spread = matrix.std(axis=0)
    matrix = (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1)
    rng = np.random.default_rng(table.seed)
    asked, learnt = (
        rng.permutation(np.flatnonzero(part & (table.left == left)))[:_NEIGHBOUR_ROWS]
        for part in _parts(table)
    )
    return float(np.median(cKDTree(matrix[learnt]).query(matrix[asked])[0]))
