"""The study's expressions as DuckDB reads them: the same answer whatever type a file gives a
column.

Each mention of a column is typed by the company it keeps: beside a number or in arithmetic it is
read as a number, beside a word or in LIKE as text. So `Invoice LIKE 'C%'` and `Recency > 90` mean
the same in CSV (all text) and in Parquet, and for one customer they give what they gave for all.
What is no number there is missing, and a condition on something missing does not hold.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import duckdb
import sqlglot
from sqlglot import exp

from holdfast.expressions import parse

_ARITHMETIC = (
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Mod,
    exp.Neg,
    exp.Abs,
    exp.Ln,
    exp.Log,
    exp.Exp,
    exp.Sqrt,
    exp.Pow,
    exp.Round,
    exp.Floor,
    exp.Ceil,
)
_TEXT = (exp.Like, exp.ILike, exp.Lower, exp.Upper, exp.Trim, exp.Length)
_COMPARED = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.In,
    exp.Between,
    exp.Coalesce,
    exp.Greatest,
    exp.Least,
    exp.Nullif,
)
_TRANSPARENT = (exp.Paren, exp.Tuple)
_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
}


@dataclass(frozen=True)
class Field:
    """A column of a source: the name DuckDB knows it by, quoted, and its DuckDB type."""

    sql: str
    type: str

    @property
    def is_number(self) -> bool:
        """Whether the source itself has it as a number."""
        return (
            self.type in _INTEGERS
            or self.type in ("FLOAT", "DOUBLE")
            or self.type.startswith("DECIMAL")
        )

    @property
    def is_time(self) -> bool:
        """Whether the source itself has it as a date or a time."""
        return self.type.startswith(("TIMESTAMP", "DATE"))


@cache
def _calculator() -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "ieee_floating_point_ops": False,
    }
    return duckdb.connect(config=config)


def calculator() -> duckdb.DuckDBPyConnection:
    """A connection of one's own, in `strict_arithmetic`, to an empty database in memory: to work a
    few rows out.
    """
    return _calculator().cursor()


@contextmanager
def strict_arithmetic(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let a division by zero, the logarithm of a negative number and their like be NULL, not
    infinite or NaN.
    """
    connection.execute("SET ieee_floating_point_ops = false")
    try:
        yield
    finally:
        connection.execute("RESET ieee_floating_point_ops")


def number_sql(column: Field, *, decimal: str = ".", to: str = "DOUBLE") -> str:
    """A column as a number of type `to`; NULL where it is none, or not finite. Digits may be
    grouped in threes.

    Grouping is `1,234.5` or, where the decimal sign is a comma, `1.234,5`.
    """
    if column.type == "VARCHAR":
        number = _text_number(column.sql, decimal, to)
    else:
        number = column.sql if column.type == to else f"TRY_CAST({column.sql} AS {to})"
    can_be_endless = to == "DOUBLE" and column.type in ("VARCHAR", "FLOAT", "DOUBLE")
    return f"CASE WHEN isfinite({number}) THEN {number} END" if can_be_endless else number


def text_sql(column: Field) -> str:
    """A column as text, as the source shows it; a whole number kept as a float (12345.0) loses its
    point.
    """
    if column.type == "VARCHAR":
        return column.sql
    if column.type in ("FLOAT", "DOUBLE"):
        whole = (
            f"isfinite({column.sql}) AND {column.sql} = trunc({column.sql}) AND abs({column.sql}) "
            "< 9e15"
        )
        word = f"CASE WHEN isfinite({column.sql}) THEN CAST({column.sql} AS VARCHAR) END"
        return (
            f"CASE WHEN {whole} THEN CAST(CAST({column.sql} AS BIGINT) AS VARCHAR) ELSE {word} END"
        )
    if column.type.startswith("DECIMAL"):
        return f"regexp_replace(CAST({column.sql} AS VARCHAR), '\\.0+$', '')"
    if column.type == "BLOB":
        return f"TRY(decode({column.sql}))"
    return f"CAST({column.sql} AS VARCHAR)"


def expression_sql(text: str, fields: Mapping[str, Field], *, decimal: str = ".") -> str:
    """Write one of the study's expressions over a source's columns; what cannot be computed in a
    row is NULL there.

    To be run in `strict_arithmetic`, in which a division by zero cannot be computed.

    Raises
    ------
    StudyError
            It reads a column that the source does not have.
    """
    parse(text).against(list(fields))
    tree = exp.Paren(this=sqlglot.parse_one(text, dialect="duckdb"))
    columns = list(tree.find_all(exp.Column))
    for column, sql in [(each, _column_sql(each, fields[each.name], decimal)) for each in columns]:
        column.replace(_raw(sql))
    for cast in list(tree.find_all(exp.Cast)):
        cast.replace(exp.TryCast(this=cast.this, to=cast.args["to"]))
    return f"TRY({tree.sql(dialect='duckdb')})"


def _text_number(sql: str, decimal: str, to: str) -> str:
    group = "." if decimal == "," else ","
    text = f"trim({sql})"
    grouped = (
        f"regexp_matches({text}, '^[+-]?[0-9]{{1,3}}([{group}][0-9]{{3}})+([{decimal}][0-9]*)?$')"
    )
    ungrouped = f"replace(replace({text}, '{group}', ''), ',', '.')"
    plain = (
        f"CASE WHEN NOT contains({text}, '.') THEN replace({text}, ',', '.') END"
        if decimal == ","
        else text
    )
    number = (
        f"coalesce(TRY_CAST({plain} AS {to}), CASE WHEN {grouped} THEN TRY_CAST({ungrouped} AS "
        f"{to}) END)"
    )
    # DuckDB would read 1_000, which is no number to anybody else.
    return f"CASE WHEN NOT contains({sql}, '_') THEN {number} END"


def _column_sql(node: exp.Column, column: Field, decimal: str) -> str:
    kind = _company(node)
    if kind == "number":
        return number_sql(column, decimal=decimal)
    if kind == "text" and not column.is_time:
        return text_sql(column)
    return column.sql


def _company(node: exp.Expr) -> str | None:
    """Say what a column is beside: a number, text, or nothing that tells."""
    parent = node.parent
    while isinstance(parent, _TRANSPARENT):
        node, parent = parent, parent.parent
    if isinstance(parent, _ARITHMETIC):
        return "number"
    if isinstance(parent, _TEXT):
        return "text"
    if not isinstance(parent, _COMPARED):
        return None
    kinds = {_kind(other) for other in parent.iter_expressions() if other is not node}
    return next((kind for kind in ("text", "number") if kind in kinds), None)


def _kind(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    if isinstance(node, _ARITHMETIC):
        return "number"
    if isinstance(node, exp.Paren | exp.Tuple):
        return next(filter(None, map(_kind, node.iter_expressions())), None)
    return "text" if isinstance(node, exp.Lower | exp.Upper | exp.Trim) else None


def _raw(sql: str) -> exp.Expr:
    # Already written for DuckDB from quoted names; the parser only has to carry it.
    return exp.Var(this=f"({sql})")
