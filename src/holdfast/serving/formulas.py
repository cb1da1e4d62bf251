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
from sqlglot import exp

from holdfast.expressions import parse
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
    try:
        inner = _compile(parse(text).tree())
    except _NotArithmetic:
        return None

    def work_out(row: Mapping[str, Any]) -> float | None:
        # float(None) is a missing value: whatever it takes part in is missing too.
        try:
            value = inner(row)
        except (TypeError, ZeroDivisionError):
            return None
        return value if isfinite(value) else None

    return work_out


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


class _NotArithmetic(Exception):
    """A formula that only the database can work out."""


def _compile(node: exp.Expr) -> Callable[[Mapping[str, Any]], float]:
    if isinstance(node, exp.Paren):
        return _compile(node.this)
    if isinstance(node, exp.Column):
        name = node.name
        return lambda row: float(row[name])
    if isinstance(node, exp.Neg):
        inner = _compile(node.this)
        return lambda row: -inner(row)
    if isinstance(node, exp.Literal) and not node.is_string:
        number = float(node.this)
        return lambda row: number
    # Constants alone are exact decimals in DuckDB; only beside a column are they doubles.
    apply = _OPERATIONS.get(type(node))
    if apply is None or not isinstance(node, exp.Binary):
        raise _NotArithmetic
    if not (_is_double(node.left) and _is_double(node.right)):
        raise _NotArithmetic
    left, right = _compile(node.left), _compile(node.right)
    return lambda row: apply(left(row), right(row))


def _is_double(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) or node.find(exp.Column) is not None


_OPERATIONS: Mapping[type[exp.Expr], Callable[[float, float], float]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: operator.truediv,
}
