"""Prepared split: did rows on which a model is proved help to make what it learns from?

Somebody else's table says which rows are for learning and which for the test. Shared customers,
shared rows and a class that was multiplied before the split make the test an exam with known
answers.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.arrays import Booleans
from holdfast.audits.question import Audit
from holdfast.audits.table import Table
from holdfast.findings import Finding

_LEAST_SHARE = 0.01
_LEAST_ROWS = 5
_HARDLY_FEWER = 0.7
_BALANCED = 0.002
_LEAST_RESAMPLED = 0.02
_DISTANT = 0.6
_NEIGHBOUR_ROWS = 2_000


def find_shared_rows(table: Table) -> Iterator[Finding]:
    """Say how many test rows are equal, in every column and in the outcome, to a row that is learnt
    from.

    Without a split of the table's own, rows that repeat under another customer's name are counted
    instead. Rows that agree by chance agree even more often when their most varied column is left
    out; copies do not.
    """
    copies = _copies(table, table.columns)
    n, of = int(copies.sum()), len(copies) if table.test is None else int(table.test.sum())
    if n < _LEAST_ROWS or n <= _LEAST_SHARE * of or _agree_by_chance(table, copies):
        return
    whose = "test rows are equal in every column and in the outcome to a row that is learnt from"
    if table.test is None:
        whose = "rows are equal in every column and in the outcome to a row of another customer"
    yield Finding.of(
        "rows-in-both-parts",
        severity="warning" if table.test is None else "fatal",
        n=n,
        of=of,
        whose=whose,
        example=_example(table, copies),
    )


def _example(table: Table, rows: Booleans) -> str:
    return str(table.customer[int(np.flatnonzero(rows)[0])])


def _hash_rows(table: Table, columns: pl.DataFrame) -> pl.Series:
    return columns.with_columns(churned=table.churned).hash_rows(seed=1)


def _copies(table: Table, columns: pl.DataFrame) -> Booleans:
    """Which rows are copies; at several cutoffs a customer may stay as they were."""
    rows = _hash_rows(table, columns)
    if table.test is None:
        return rows.is_duplicated().to_numpy()
    whole = pl.DataFrame({"row": rows, "customer": table.customer, "test": table.test})
    learnt = pl.col("customer").filter(~pl.col("test"))
    first, last = learnt.min().over("row"), learnt.max().over("row")
    copied = pl.col("test") & first.is_not_null()
    if table.cutoff_day is not None:
        copied &= (first != pl.col("customer")) | (last != pl.col("customer"))
    return whole.select(copied).to_series().to_numpy()


def _agree_by_chance(table: Table, copies: Booleans) -> bool:
    """Whether far more rows would be copies if their most varied column were left out."""
    widest = max(table.columns.columns, key=lambda name: table.columns[name].n_unique())
    without = table.columns.drop(widest)
    if not without.width:
        return True
    return bool(copies.sum() < _HARDLY_FEWER * _copies(table, without).sum())


def find_shared_customers(table: Table) -> Iterator[Finding]:
    """Say how many test rows belong to customers who are learnt from; at several cutoffs that is as
    it should be.
    """
    assert table.test is not None
    learnt = table.customer.filter(pl.Series(~table.test)).unique()
    shared = table.customer.is_in(learnt.implode()).to_numpy() & table.test
    if table.cutoff_day is None and shared.sum() > _LEAST_SHARE * table.test.sum():
        yield Finding.of(
            "customers-in-both-parts",
            n=shared.sum(),
            of=table.test.sum(),
            example=_example(table, shared),
        )


def find_resampling(table: Table) -> Iterator[Finding]:
    """Suspect that one class was multiplied before the table was divided.

    Multiplied by copying: the rows of the rarer outcome repeat, those of the other do not.
    Multiplied by mixing (SMOTE): both outcomes are equally many in the test too, and each test row
    of the mixed one lies much nearer to a row that is learnt from than those of the other outcome
    do.
    """
    evidence = table.halves and (_resampled_by_copying(table) or _resampled_by_mixing(table))
    if evidence:
        yield Finding.of("resampled-before-the-split", evidence=evidence)


def _resampled_by_copying(table: Table) -> str | None:
    if table.cutoff_day is not None or _agree_by_chance(table, _copies(table, table.columns)):
        return None
    repeats = _hash_rows(table, table.columns).is_duplicated().to_numpy()
    stayed, left = (float(repeats[table.left == outcome].mean()) for outcome in (False, True))
    copied = repeats & (table.left == (left >= stayed))
    in_both = all((copied & part).any() for part in _parts(table))
    if not in_both or max(left, stayed) < 10 * min(left, stayed) + _LEAST_RESAMPLED:
        return None
    return (
        f"{left:.1%} of the rows of customers who left repeat another row, and {stayed:.1%} of the "
        "others; copies stand in both parts"
    )


def _resampled_by_mixing(table: Table) -> str | None:
    # Divided at random, a part strays from one half by its size; four standard deviations are room
    # enough.
    stray = (abs(table.left[part].mean() - 0.5) > 2 / np.sqrt(part.sum()) for part in _parts(table))
    if abs(table.left.mean() - 0.5) > _BALANCED or any(stray):
        return None
    stayed, left = (_nearest_distance(table, outcome) for outcome in (False, True))
    if min(left, stayed) > _DISTANT * max(left, stayed):
        return None
    return (
        f"exactly {table.left.mean():.1%} of all rows left, and test rows of those who "
        f"{'left' if left <= stayed else 'stayed'} lie {min(left, stayed):.2f} from the nearest "
        f"row that is learnt from, the others {max(left, stayed):.2f} (median, in standard "
        "deviations)"
    )


def _parts(table: Table) -> tuple[Booleans, Booleans]:
    assert table.test is not None
    return table.test, ~table.test


def _nearest_distance(table: Table, outcome: bool) -> float:
    """Median distance from a test row of an outcome to the nearest row of that outcome that is
    learnt from.
    """
    from scipy.spatial import cKDTree

    matrix = np.nan_to_num(np.column_stack([table.encoded[name] for name in table.seen]))
    spread = matrix.std(axis=0)
    matrix = (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1)
    rng = np.random.default_rng(table.seed)
    test, learnt = (
        rng.permutation(np.flatnonzero(part & (table.left == outcome)))[:_NEIGHBOUR_ROWS]
        for part in _parts(table)
    )
    return float(np.median(cKDTree(matrix[learnt]).query(matrix[test])[0]))


AUDITS = (
    Audit("repeated rows", "Is a customer's row there more than once?", find_shared_rows),
    Audit(
        "shared customers",
        "Are customers of the test learnt from?",
        find_shared_customers,
        needs=("test",),
    ),
    Audit(
        "resampled",
        "Was an outcome multiplied before the split?",
        find_resampling,
        needs=("test",),
    ),
)
