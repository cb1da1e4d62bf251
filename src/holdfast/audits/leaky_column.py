"""Telling column: does one column, or that it is empty, nearly determine who left?

Customers who leave are seldom told apart by one fact that was known before. Where they are, the
fact was mostly written down afterwards: a status, a reason for leaving, a last amount.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.audits.circular_label import NEARLY_CERTAIN
from holdfast.audits.table import Booleans, Table, is_number, listed
from holdfast.findings import Finding, Severity

TELLING = 0.9
"""ROC-AUC of one column alone on customers whom the tree has not seen; honest behaviour stays
below.
"""
_EXPECTED_OTHERS = 20
_PURE = 0.99
_SPIKE = 0.05
_SAME_ORDER = 0.95
_LEAST_ROWS = 100
_FRACTION_OF_BOTH = 0.02


@dataclass(frozen=True)
class _Told:
    column: str
    sentence: str
    example: int


def telling_value(table: Table) -> tuple[Finding, ...]:
    """Name the measured columns that alone order customers as their value does, where the model of
    value sees them.
    """
    if table.value is None:
        return ()
    names = [
        n
        for n in table.columns.columns
        if n not in table.hidden.get("value", ()) and is_number(table.columns[n])
    ]
    alone = {name: _spearman(table.columns[name], table.value) for name in names}
    found = {name: rank for name, rank in alone.items() if abs(rank) >= _SAME_ORDER}
    if not found:
        return ()
    row = int(np.argmax(table.value.to_numpy()))
    name = next(iter(found))
    return (
        Finding.warning(
            "telling-value-column",
            evidence="; ".join(
                f"{name} alone has rank correlation {rank:.3f} with the value"
                for name, rank in found.items()
            )
            + f"; for example customer {table.customer[row]} is worth {table.value[row]:,.6g} and "
            f"has {name} = "
            f"{table.columns[name][row]}",
            meaning="What a customer will be worth is never known so well beforehand: the value "
            "was made from the column, or the column counts what came after the cutoff.",
            fix=f"Ask when each of them is known ({listed(list(found))}); list what is known only "
            "afterwards in hidden_from_value.",
        ),
    )


def _spearman(column: pl.Series, value: pl.Series) -> float:
    known = pl.DataFrame(
        {"column": column.cast(pl.Float64), "value": value.cast(pl.Float64)}
    ).drop_nulls()
    if known.height < _LEAST_ROWS:
        return 0.0
    rank = known.select(pl.corr(pl.col("column").rank(), pl.col("value").rank())).item()
    return float(rank) if rank is not None and np.isfinite(rank) else 0.0


def telling_column(table: Table) -> tuple[Finding, ...]:
    """Name the columns that give the outcome away, each with what is seen in it.

    Returns
    -------
    tuple
        At most one `telling-column` and one `filled-in-afterwards`, a warning where the model of
        churn sees one of the columns and a note where it sees none.
    """
    if table.halves is None:
        return ()
    filled = [told for name in table.columns.columns if (told := _pure_group(name, table))]
    known = {told.column for told in filled}
    strong = sorted(table.aucs, key=lambda name: -table.aucs[name])
    telling = [
        _alone(name, table) for name in strong if _is_telling(name, table) and name not in known
    ]
    return (*_filled_in(filled, table), *_telling(telling, table))


def _is_telling(name: str, table: Table) -> bool:
    # What is certain is a circular label, and named there; a hidden one is the label as it was
    # given.
    return TELLING <= table.aucs[name] < NEARLY_CERTAIN


def _alone(name: str, table: Table) -> _Told:
    return _Told(
        name, f"{name} alone has ROC-AUC {table.aucs[name]:.3f}", int(np.flatnonzero(table.left)[0])
    )


def _pure_group(name: str, table: Table) -> _Told | None:
    """The group of rows that share a value (or have none), all but all of whom left, or stayed."""
    if table.aucs[name] >= NEARLY_CERTAIN and name in table.hidden.get("churn", ()):
        return None
    left = table.left
    if not _FRACTION_OF_BOTH < left.mean() < 1 - _FRACTION_OF_BOTH:
        return None
    for words, group in _groups(name, table):
        share = float(left[group].mean())
        opposite = left.mean() if share < 0.5 else 1 - left.mean()
        if group.sum() * opposite >= _EXPECTED_OTHERS and max(share, 1 - share) >= _PURE:
            whose = f"{group.sum():,} customers whose {name} {words}"
            told = f"{_how_many(share)} {whose} left (of all customers {left.mean():.1%})"
            return _Told(name, told, int(np.flatnonzero(group)[0]))
    return None


def _how_many(share: float) -> str:
    return "none of" if share == 0 else "all" if share == 1 else f"{share:.1%} of"


def _groups(name: str, table: Table) -> list[tuple[str, Booleans]]:
    column = table.columns[name]
    missing = column.is_null().to_numpy()
    found = (
        [("is empty", missing), ("is filled in", ~missing)]
        if missing.any() and not missing.all()
        else []
    )
    counts = column.drop_nulls().value_counts(sort=True, name="n").head(8)
    # A number that many share stands for something: nothing, never, closed.
    frequent = (
        counts.filter(pl.col("n") >= _SPIKE * len(column)).head(1) if is_number(column) else counts
    )
    for value in frequent[name]:
        is_value = (column == value).fill_null(False).to_numpy()
        if not is_value.all():
            found.append((f"is {value:g}" if isinstance(value, float) else f"is {value}", is_value))
    return found


def _filled_in(told: list[_Told], table: Table) -> tuple[Finding, ...]:
    if not told:
        return ()
    return (
        Finding(
            "filled-in-afterwards",
            _severity(told, table),
            evidence="; ".join(each.sentence for each in told[:4]) + _example(told[0], table),
            meaning="A column that is one thing for those who left and another for those who "
            "stayed was most likely written when they left. Nobody has it on the day of a "
            "prediction.",
            fix="Hide it (hidden_from_churn and hidden_from_value: "
            f"{listed([t.column for t in told])}), or give the value as it stood before the "
            "outcome.",
        ),
    )


def _telling(told: list[_Told], table: Table) -> tuple[Finding, ...]:
    if not told:
        return ()
    return (
        Finding(
            "telling-column",
            _severity(told, table),
            evidence="; ".join(each.sentence for each in told[:8]) + _example(told[0], table),
            meaning="One fact seldom tells so much before a customer leaves: the label was made "
            "from it, or it was written down after the outcome.",
            fix=f"Ask when each of them is known ({listed([each.column for each in told])}); hide "
            "what is known only afterwards.",
        ),
    )


def _severity(told: list[_Told], table: Table) -> Severity:
    return "warning" if any(each.column in table.seen for each in told) else "note"


def _example(told: _Told, table: Table) -> str:
    value = table.columns[told.column][told.example]
    what = "left" if table.left[told.example] else "stayed"
    shown = "nothing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return (
        f"; for example customer {table.customer[told.example]} {what} and has {told.column} = "
        f"{shown}"
    )
