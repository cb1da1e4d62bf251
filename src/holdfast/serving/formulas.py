"""Derived columns of one customer without a database, where a formula is plain arithmetic.

DuckDB works a snapshot's formulas out for the batch. For one customer its set-up costs more than
all models together, so arithmetic on numbers is compiled: both compute in IEEE doubles, a missing
value and a division by zero give a missing value. Everything else goes to DuckDB.
"""

import operator
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import polars as pl
import sqlglot
from sqlglot import exp

from holdfast.study import Study

Formula = Callable[[Mapping[str, Any]], float | None]


def compile_formula(text: str) -> Formula | None:
    """Compile a formula of + - * / over columns and numbers; None for any other.

    >>> share = compile_formula("Clicks / (Pages + 1)")
    >>> (share({"Clicks": 3, "Pages": 1}), share({"Clicks": 3, "Pages": -1}),
    ...  share({"Clicks": None, "Pages": 1}))
    (1.5, None, None)
    >>> compile_formula("ln(Clicks)") is None
    True
    """
    inner = _compile(sqlglot.parse_one(text, dialect="duckdb"))
    if inner is None:
        return None
    return lambda row: _finite(inner(row))


def add_derived(study: Study, given: pl.DataFrame) -> pl.DataFrame:
    """Many customers' given columns with the snapshot's derived ones, by the database; a log has
    none.
    """
    if study.snapshot is None:
        return given
    # A server that answers one by one never needs the database: it is not to wait for it when it
    # starts.
    from holdfast.ingest.snapshot import derive_columns

    return derive_columns(study, given)


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _compile(node: exp.Expr) -> Formula | None:
    if isinstance(node, exp.Paren):
        return _compile(node.this)
    if isinstance(node, exp.Column):
        return _read_column(node.name)
    if isinstance(node, exp.Neg):
        inner = _compile(node.this)
        return (
            None if inner is None else lambda row: None if (value := inner(row)) is None else -value
        )
    if isinstance(node, exp.Literal) and not node.is_string:
        number = float(node.this)
        return lambda row: number
    return _compile_operation(node)


def _read_column(name: str) -> Formula:
    def read(row: Mapping[str, Any]) -> float | None:
        value = row[name]
        return None if value is None else float(value)

    return read


def _compile_operation(node: exp.Expr) -> Formula | None:
    # Constants alone are exact decimals in DuckDB; only beside a column are they doubles.
    if type(node) not in _OPERATIONS or node.find(exp.Column) is None:
        return None
    for side in (node.left, node.right):  # type: ignore[attr-defined]
        if side.find(exp.Column) is None and not isinstance(side, exp.Literal):
            return None
    left, right = _compile(node.left), _compile(node.right)  # type: ignore[attr-defined]
    if left is None or right is None:
        return None
    apply = _OPERATIONS[type(node)]

    def work_out(row: Mapping[str, Any]) -> float | None:
        a, b = left(row), right(row)
        return None if a is None or b is None else apply(a, b)

    return work_out


def _divide(a: float, b: float) -> float | None:
    return a / b if b else None


_OPERATIONS: Mapping[type[exp.Expr], Callable[[float, float], float | None]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: _divide,
}
