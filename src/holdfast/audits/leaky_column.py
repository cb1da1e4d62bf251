"""Leaky column: does one column, or that it is empty, nearly determine who left or who is worth
most?

Customers who leave are seldom told apart by one fact that was known before. Where they are, the
fact was mostly written down afterwards: a status, a reason for leaving, a last amount.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Booleans
from holdfast.audits.circular_label import NEARLY_CERTAIN
from holdfast.audits.question import Audit
from holdfast.audits.table import Table, is_number
from holdfast.findings import Finding, Severity, join_names
from holdfast.metrics import spearman

LEAKY_AUC = 0.9
"""ROC-AUC of one column alone on customers whom the tree has not seen; honest behaviour stays
below.
"""
_EXPECTED_OTHERS = 20
_PURE = 0.99
_LEAST_PART = 0.05  # decision 33
_MANY_TIMES = 10  # decision 33
_MISSING = ("is empty", "is filled in")
_SPIKE = 0.05
_SAME_ORDER = 0.95
_LEAST_ROWS = 100
_FRACTION_OF_BOTH = 0.02


@dataclass(frozen=True)
class _Leak:
    """A column, what is seen in it, and the row of a customer as an example."""

    column: str
    sentence: str
    row: int


def find_leaky_columns(table: Table) -> Iterator[Finding]:
    """Name the columns that give the outcome away, each with what is seen in it.

    Yields at most one `telling-column` and one `filled-in-afterwards`, a warning where the model of
    churn sees one of the columns and a note where it sees none.
    """
    if table.halves is None:
        return
    groups = (_telling_groups(name, table) for name in table.columns.columns)
    pure = [leak for leak in groups if leak is not None]
    # What is certain is a circular label, and named there; a hidden one is the label as it was
    # given.
    strong = [
        _Leak(name, f"{name} alone has ROC-AUC {auc:.3f}", int(np.flatnonzero(table.left)[0]))
        for name, auc in sorted(table.aucs.items(), key=lambda item: -item[1])
        if LEAKY_AUC <= auc < NEARLY_CERTAIN and name not in [leak.column for leak in pure]
    ]
    for key, leaks, n in (("filled-in-afterwards", pure, 4), ("telling-column", strong, 8)):
        columns = [leak.column for leak in leaks]
        severity: Severity = "warning" if set(columns) & set(table.seen) else "note"
        if leaks:
            seen = _describe(leaks[:n], table)
            yield Finding.of(key, evidence=seen, severity=severity, columns=join_names(columns))


def _describe(leaks: Sequence[_Leak], table: Table) -> str:
    column, row = leaks[0].column, leaks[0].row
    value, did = table.columns[column][row], "left" if table.left[row] else "stayed"
    example = f"customer {table.customer[row]} {did} and has {column} = {_format(value)}"
    return "; ".join(leak.sentence for leak in leaks) + f"; for example {example}"


def _format(value: object) -> str:
    if value is None:
        return "nothing"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _telling_groups(name: str, table: Table) -> _Leak | None:
    """The groups of rows that share a value (or have none) of which nearly all left, or stayed."""
    is_given_label = table.aucs[name] >= NEARLY_CERTAIN and name in table.hidden.get("churn", ())
    if is_given_label or not _FRACTION_OF_BOTH < table.left.mean() < 1 - _FRACTION_OF_BOTH:
        return None
    pure, far = [], []
    for which, group in _groups(table.columns[name]):
        if _is_pure(group, table.left):
            pure.append((which, group))
        elif which in _MISSING and _is_far(group, table.left):
            far.append((which, group))
    # What tells nearly all by itself is named for that.
    telling = [*far, *pure] if pure or table.aucs[name] < LEAKY_AUC else []
    if not telling:
        return None
    sentences = (_describe_group(name, which, group, table) for which, group in telling[:2])
    return _Leak(name, " and ".join(sentences), int(np.flatnonzero(telling[0][1])[0]))


def _describe_group(name: str, which: str, group: Booleans, table: Table) -> str:
    share, size = float(table.left[group].mean()), int(group.sum())
    part = {0.0: "none of", 1.0: "all"}.get(share, f"{share:.1%} of")
    return (
        f"{part} {size:,} customers whose {name} {which} left (of all customers "
        f"{table.left.mean():.1%})"
    )


def _is_pure(group: Booleans, left: Booleans) -> bool:
    """Whether hardly anybody of the group had the other outcome, and the group has a good part of
    all with the one: a few blanks are no reason to hide what a column says of everyone else.
    """
    share = float(left[group].mean())
    same = left if share >= 0.5 else ~left
    expected_others = group.sum() * (1 - same.mean())
    return bool(
        expected_others >= _EXPECTED_OTHERS
        and max(share, 1 - share) >= _PURE
        and (group & same).sum() >= _LEAST_PART * same.sum()
    )


def _is_far(group: Booleans, left: Booleans) -> bool:
    """Whether the odds of leaving are many times those of everybody else, by a cautious bound, in a
    good part of all who left: rows that were emptied, or filled in, when they did.

    The bound is the lower end of the 95 % interval of the odds ratio (Woolf 1955), half a customer
    added to each count.
    """
    counts = np.array(
        [(group & left).sum(), (~group & ~left).sum(), (group & ~left).sum(), (~group & left).sum()]
    )
    if counts[0] < _LEAST_PART * left.sum():
        return False
    logs = np.log(counts + 0.5)
    ratio = logs[0] + logs[1] - logs[2] - logs[3] - 1.96 * np.sqrt((1 / (counts + 0.5)).sum())
    return bool(ratio >= np.log(_MANY_TIMES))


def _groups(column: pl.Series) -> Iterator[tuple[str, Booleans]]:
    missing = column.is_null().to_numpy()
    if missing.any() and not missing.all():
        yield from zip(_MISSING, (missing, ~missing), strict=True)
    values = column.drop_nulls().value_counts(sort=True, name="n").head(8)
    if is_number(column):
        # A number that many share stands for something: nothing, never, closed.
        values = values.filter(pl.col("n") >= _SPIKE * len(column)).head(1)
    for value in values[column.name]:
        is_value = (column == value).fill_null(False).to_numpy()
        if not is_value.all():
            yield f"is {_format(value)}", is_value


def find_leaky_value_columns(table: Table) -> Iterator[Finding]:
    """Name the measured columns that alone order customers as their value does, where the model of
    value sees them.
    """
    assert table.value is not None
    hidden = table.hidden.get("value", ())
    names = [n for n in table.columns.columns if n not in hidden and is_number(table.columns[n])]
    ranks = {name: _rank_correlation(table.columns[name], table.value) for name in names}
    leaky = {name: rank for name, rank in ranks.items() if abs(rank) >= _SAME_ORDER}
    if leaky:
        first, row = next(iter(leaky)), int(np.argmax(table.value.to_numpy()))
        each = (f"{name} alone has rank correlation {rank:.3f}" for name, rank in leaky.items())
        yield Finding.of(
            "telling-value-column",
            alone=" with the value; ".join(each),
            customer=table.customer[row],
            value=table.value[row],
            example=f"{first} = {table.columns[first][row]}",
            columns=join_names(leaky),
        )


def _rank_correlation(column: pl.Series, value: pl.Series) -> float:
    pairs = pl.DataFrame([column.alias("column"), value.alias("value")]).cast(pl.Float64)
    pairs = pairs.drop_nulls()
    if pairs.height < _LEAST_ROWS:
        return 0.0
    return spearman(pairs["column"].to_numpy(), pairs["value"].to_numpy())


AUDITS = (
    Audit(
        "telling column",
        "Does a column, or that it is empty, give the outcome away?",
        find_leaky_columns,
    ),
    Audit(
        "telling value",
        "Does a column order customers as their value does?",
        find_leaky_value_columns,
        needs=("value",),
    ),
)
