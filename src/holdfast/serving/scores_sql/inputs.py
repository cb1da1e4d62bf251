"""Inputs: the columns of the FEATURES table as a model's design reads them."""

from collections.abc import Mapping
from sys import float_info

import polars as pl
from sqlglot import exp

from holdfast.io.dialects import DOUBLE, number
from holdfast.learners.design import Design, DesignColumn
from holdfast.serving.scores_sql.columns import Columns, Term, source
from holdfast.serving.scores_sql.terms import when

Kinds = Mapping[str, pl.DataType]
"""The columns of the run's FEATURES: name -> type."""


def design_matrix(columns: Columns, label: str, design: Design, kinds: Kinds) -> list[exp.Column]:
    """The columns of a design's matrix, missing where the matrix has NaN."""
    return [
        term for column in design.columns for term in _matrix_columns(columns, label, column, kinds)
    ]


def read_number(columns: Columns, label: str, kinds: Kinds) -> exp.Column:
    """A column as floats, truths as 0 and 1; missing where it is not finite."""
    given, term = source(label), exp.cast(source(label), DOUBLE)
    if kinds[label] == pl.Boolean():
        truth = when(given, number(1.0), when(exp.not_(given), number(0.0)))
        return columns.add(f"number of {label}", truth)
    if kinds[label].is_float():
        most = float_info.max
        finite = exp.Between(this=term, low=number(-most), high=number(most))
        return columns.add(f"number of {label}", when(finite, term))
    return columns.add(f"number of {label}", term)


def _matrix_columns(
    columns: Columns, label: str, column: DesignColumn, kinds: Kinds
) -> list[exp.Column]:
    if column.levels is None:
        return [read_number(columns, column.name, kinds)]
    given = source(column.name)
    if column.rates is not None:
        # Two models have learnt other rates of the same words.
        return [columns.add(f"{label} by {column.name}", _rate(given, column))]
    return [
        columns.add(
            f"{column.name} is {level}",
            when(given.eq(exp.Literal.string(level)), number(1.0), number(0.0)),
        )
        for level in column.levels
    ]


def _rate(given: exp.Column, column: DesignColumn) -> Term:
    assert column.levels is not None
    assert column.rates is not None
    words = [
        exp.If(this=given.eq(exp.Literal.string(level)), true=number(rate))
        for level, rate in zip(column.levels, column.rates.of_level, strict=True)
    ]
    missing = exp.If(this=given.is_(exp.Null()), true=number(column.rates.missing))
    return exp.Case(ifs=[missing, *words], default=number(column.rates.unknown))
