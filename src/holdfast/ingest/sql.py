"""SQL over the columns of a source: the same answer whatever type a file gives a column.

In the study's expressions each mention of a column is typed by the company it keeps: beside a
number or in arithmetic it is read as a number, beside a word or in LIKE as text. So
`Invoice LIKE 'C%'` and `Recency > 90` mean the same in CSV (all text) and in Parquet, and for one
customer they give what they gave for all. What is no number there is missing, and a condition on
something missing does not hold.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
from sqlglot import exp

from holdfast.errors import StudyError, first_line
from holdfast.expressions import parse
from holdfast.io.warehouse import memory_database

BLANKS = " \t\r\n\u00a0"
_YES = ("true", "t", "yes", "y", "1", "1.0")
_NO = ("false", "f", "no", "n", "0", "0.0")
_ARITHMETIC = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs, exp.Ln, exp.Log, exp.Exp),
    *(exp.Sqrt, exp.Pow, exp.Round, exp.Floor, exp.Ceil),
)
_TEXT = (exp.Like, exp.ILike, exp.Lower, exp.Upper, exp.Trim, exp.Length)
_COMPARED = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between),
    *(exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif),
)
_TRANSPARENT = (exp.Paren, exp.Tuple)
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_INTEGERS = {*_WHOLE, *(f"U{name}" for name in _WHOLE)}
_NOBODY = (
    *("unknown", "guest", "guests", "anonymous", "null", "none", "nan", "n/a", "na", "undefined"),
    *("0", "-1", "test", "walk-in", "walk-in customer", "cash sale", "no customer", "deleted"),
    *("gast", "invité", "invitado", "convidado", "ospite", "ゲスト", "游客", "匿名"),
)
# The part of an address before its @.
_MAILBOX = (
    "^(guests?|gast|anonymous|unknown|nobody|none|null|test|walk-?in|no[._-]?e?-?mail|"
    "no[._-]?reply|do[._-]?not[._-]?reply|noreply)[._+-]?[0-9]*@"
)


@dataclass(frozen=True)
class Field:
    """A column of a source: the name DuckDB knows it by, quoted, and its DuckDB type."""

    sql: str
    type: str

    @property
    def is_integer(self) -> bool:
        """Whether the source itself has it as a whole number."""
        return self.type in _INTEGERS

    @property
    def is_decimal(self) -> bool:
        """Whether the source itself has it as an exact number with a fraction."""
        return self.type.startswith("DECIMAL")

    @property
    def is_float(self) -> bool:
        """Whether the source itself has it as a floating point number."""
        return self.type in ("FLOAT", "DOUBLE")

    @property
    def is_number(self) -> bool:
        """Whether the source itself has it as a number."""
        return self.is_integer or self.is_float or self.is_decimal

    @property
    def is_text(self) -> bool:
        """Whether the source itself has it as text."""
        return self.type == "VARCHAR"

    @property
    def is_time(self) -> bool:
        """Whether the source itself has it as a date or a time."""
        return self.type.startswith(("TIMESTAMP", "DATE"))


@cache
def _calculator() -> duckdb.DuckDBPyConnection:
    return memory_database(threads=1, ieee_floating_point_ops=False)


def calculator() -> duckdb.DuckDBPyConnection:
    """A connection of one's own, in `strict_arithmetic`, to an empty database in memory: to work a
    few rows out.
    """
    return _calculator().cursor()


def try_sql(sql: str, *, problem: str, fix: str) -> list[tuple[Any, ...]]:
    """Run SQL that reads no table, and return its rows.

    Raises
    ------
    StudyError
        It cannot be run; the message is `problem` and DuckDB's own reason.
    """
    try:
        with calculator() as connection:
            return connection.execute(sql).fetchall()
    except duckdb.Error as error:
        raise StudyError(f"{problem}: {first_line(error)}", fix=fix) from None


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


def literal(text: str) -> str:
    """Write a text so that SQL can only read it as a text."""
    return exp.Literal.string(text).sql(dialect="duckdb")


def literals(words: Collection[str]) -> str:
    """Write texts as the list behind IN."""
    return f"({', '.join(map(literal, words))})"


def null(kind: str) -> str:
    """A column that is empty throughout."""
    return f"CAST(NULL AS {kind})"


def once(value: str, expression: str, name: str) -> str:
    """Work an expression of a value out, by a name for the value that is written and planned once.

    >>> once("1 + 1", "n * n", "n")
    'list_transform([1 + 1], lambda n: n * n)[1]'
    """
    return f"list_transform([{value}], lambda {name}: {expression})[1]"


def number(column: Field, *, decimal: str = ".", to: str = "DOUBLE") -> str:
    """A column as a number of type `to`; NULL where it is none, or not finite. Digits may be
    grouped in threes.

    Grouping is `1,234.5` or, where the decimal sign is a comma, `1.234,5`.
    """
    if column.is_text:
        number = _text_number(column.sql, decimal, to)
    else:
        number = column.sql if column.type == to else f"TRY_CAST({column.sql} AS {to})"
    can_be_endless = to == "DOUBLE" and (column.is_text or column.is_float)
    return f"CASE WHEN isfinite({number}) THEN {number} END" if can_be_endless else number


def text(column: Field) -> str:
    """A column as text, as the source shows it; a whole number kept as a float (12345.0) loses its
    point.
    """
    sql = column.sql
    if column.is_text:
        return sql
    if column.is_float:
        whole = f"isfinite({sql}) AND {sql} = trunc({sql}) AND abs({sql}) < 9e15"
        finite = f"CASE WHEN isfinite({sql}) THEN CAST({sql} AS VARCHAR) END"
        return f"CASE WHEN {whole} THEN CAST(CAST({sql} AS BIGINT) AS VARCHAR) ELSE {finite} END"
    if column.is_decimal:
        return f"regexp_replace(CAST({sql} AS VARCHAR), '\\.0+$', '')"
    if column.type == "BLOB":
        return f"TRY(decode({sql}))"
    return f"CAST({sql} AS VARCHAR)"


def blank(column: Field) -> str:
    """Whether the source has nothing there: NULL, or a text of blanks."""
    sql = f"nullif(trim({column.sql}), '')" if column.is_text else column.sql
    return f"({sql} IS NULL)"


def identifier(column: Field) -> str:
    """An id as the source shows it, blanks around it removed; NULL where nothing is left."""
    shown = text(column)
    # Trimming a set of characters is slow, and few cells have any of them.
    blanks = " OR ".join(f"contains({shown}, {literal(blank)})" for blank in BLANKS)
    return f"nullif(CASE WHEN {blanks} THEN trim({shown}, {literal(BLANKS)}) ELSE {shown} END, '')"


def yes_no(column: Field) -> str:
    """A yes or no, however it is written; NULL where it is neither."""
    if column.type == "BOOLEAN":
        return column.sql
    word = f"lower({identifier(column)})"
    yes, no = literals(_YES), literals(_NO)
    return f"CASE WHEN {word} IN {yes} THEN true WHEN {word} IN {no} THEN false END"


def digests(cells: Sequence[str]) -> tuple[str, str]:
    """Two 64-bit hashes of a row's cells, in different orders: one alone would merge different rows
    once in 100,000 logs of 20 million.
    """
    return f"hash({', '.join(cells)})", f"hash({', '.join(['0', *reversed(cells)])})"


def differ(fields: Iterable[Field], key: str) -> str:
    """Whether the rows that share a key are not all equal."""
    row, same = digests([field.sql for field in fields])[0], f"OVER (PARTITION BY {key})"
    return f"min({row}) {same} <> max({row}) {same}"


def checked_expression(text: str, fields: Mapping[str, Field], *, decimal: str, where: str) -> str:
    """Write one of the study's expressions over columns of these types, as `expression` does.

    Raises
    ------
    StudyError
        It reads a column that is not there, or does with one what its type does not allow.
    """
    sql = expression(text, fields, decimal=decimal)
    check_columns(sql, fields, problem=f"{where}: the expression {text!r} cannot be computed")
    return sql


def check_columns(sql: str, fields: Mapping[str, Field], *, problem: str) -> None:
    """Raise StudyError where SQL does with a column what its type does not allow."""
    kinds = {field.sql: field.type for field in fields.values()}
    columns = ", ".join(f"{null(kind)} AS {name}" for name, kind in kinds.items())
    try_sql(f"SELECT {sql} FROM (SELECT {columns}) LIMIT 0", problem=problem, fix="correct it")


def expression(text: str, fields: Mapping[str, Field], *, decimal: str = ".") -> str:
    """Write one of the study's expressions over a source's columns; what cannot be computed in a
    row is NULL there.

    To be run in `strict_arithmetic`, in which a division by zero cannot be computed.

    Raises
    ------
    StudyError
        It reads a column that the source does not have.
    """
    return write_tree(
        rule_tree(text, fields), fields, number=lambda field: number(field, decimal=decimal)
    )


def rule_tree(text: str, fields: Mapping[str, Field]) -> exp.Expr:
    """One of the study's expressions, parsed, over columns that are there."""
    return exp.Paren(this=parse(text).against(list(fields)).tree())


def write_tree(
    tree: exp.Expr, fields: Mapping[str, Field], *, number: Callable[[Field], str]
) -> str:
    """Write a parsed expression; `number` writes a column that stands beside a number."""
    columns = list(tree.find_all(exp.Column))
    for column, sql in [(each, _column_sql(each, fields[each.name], number)) for each in columns]:
        # Already written for DuckDB from quoted names; the parser only has to carry it.
        column.replace(exp.Var(this=f"({sql})"))
    for cast in list(tree.find_all(exp.Cast)):
        cast.replace(exp.TryCast(this=cast.this, to=cast.args["to"]))
    return f"TRY({tree.sql(dialect='duckdb')})"


def _text_number(sql: str, decimal: str, to: str) -> str:
    text, plain, group = f"trim({sql})", f"trim({sql})", ","
    if decimal == ",":
        plain = f"CASE WHEN NOT contains({text}, '.') THEN replace({text}, ',', '.') END"
        group = "."
    pattern = f"'^[+-]?[0-9]{{1,3}}([{group}][0-9]{{3}})+([{decimal}][0-9]*)?$'"
    ungrouped = f"replace(replace({text}, '{group}', ''), ',', '.')"
    grouped = f"CASE WHEN regexp_matches({text}, {pattern}) THEN TRY_CAST({ungrouped} AS {to}) END"
    # DuckDB would read 1_000, which is no number to anybody else.
    number = f"coalesce(TRY_CAST({plain} AS {to}), {grouped})"
    return f"CASE WHEN NOT contains({sql}, '_') THEN {number} END"


def _column_sql(node: exp.Column, column: Field, number: Callable[[Field], str]) -> str:
    kind = _company(node)
    if kind == "number":
        return number(column)
    if kind == "text" and column.type == "BOOLEAN":
        # Whatever way the source writes a yes, 'True', 'TRUE' and 'true' all mean it.
        return column.sql if isinstance(_parent(node), _COMPARED) else text(column)
    if kind == "text" and not column.is_time:
        return text(column)
    return column.sql


def _parent(node: exp.Expr) -> exp.Expr | None:
    parent = node.parent
    while isinstance(parent, _TRANSPARENT):
        parent = parent.parent
    return parent


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
    if isinstance(node, _TRANSPARENT):
        return next(filter(None, map(_kind, node.iter_expressions())), None)
    return "text" if isinstance(node, exp.Lower | exp.Upper | exp.Trim) else None


def placeholder_sql(text: str) -> str:
    """Whether a text (SQL) names no customer: a word for nobody, or a shop's own mailbox."""
    word = f"lower(trim({text}))"
    return f"({word} IN {literals(_NOBODY)} OR regexp_matches({word}, {literal(_MAILBOX)}))"
