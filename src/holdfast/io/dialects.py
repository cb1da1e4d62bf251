"""SQL dialects: one query, written so that it means the same in every warehouse.

sqlglot translates syntax. What it would pass on in silence is settled here: every division is of
floats, a column is told apart from an alias of the same name, and plain names find the tables that
were made without quotes.
"""

import re
from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from holdfast.errors import InputError
from holdfast.io.dialect_names import Dialect

DOUBLE = exp.DType.DOUBLE
_OWN_NAMES = frozenset({"this", "db", "catalog"})
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_DECIMAL_LITERALS = ("postgres", "redshift")
"""Where 1e0 is a decimal: a sum of them would be as slow as decimals are."""


def parse_table(text: str, dialect: Dialect) -> exp.Table:
    """Read the name of a table as the dialect does, with its schema or without, quoted or not.

    Raises
    ------
    InputError
        It is not the name of a table alone.

    >>> parse_table('shop."Order days"', "postgres").sql("postgres")
    'shop."Order days"'
    """
    try:
        table = sqlglot.parse_one(text, into=exp.Table, dialect=dialect)
    except SqlglotError:
        table = None
    if (
        not isinstance(table, exp.Table)
        or any(value and key not in _OWN_NAMES for key, value in table.args.items())
        or not all(isinstance(part, exp.Identifier) for part in table.parts)
        or any(node.comments for node in table.walk())
    ):
        raise InputError(
            f"{text[:80]!r} is not the name of a table in {dialect}",
            fix="give NAME or SCHEMA.NAME, in quotes where the warehouse needs them",
        )
    return table


def name(text: str) -> exp.Identifier:
    """A name of ours, in quotes."""
    return exp.to_identifier(text, quoted=True)


def column(text: str, table: str) -> exp.Column:
    """A column of a table of the query: without the table, ClickHouse takes it for an alias."""
    return exp.Column(this=name(text), table=name(table))


def divide(above: exp.Expr, below: exp.Expr) -> exp.Div:
    """Divide as floats: half of the warehouses divide integers as integers, and Snowflake to six
    decimals.
    """
    return exp.Div(this=exp.cast(above, DOUBLE), expression=below, typed=True, safe=False)


def number(value: float) -> exp.Expr:
    """A float, to its last bit: without an exponent it would be a decimal in most warehouses.

    >>> write_sql(number(-0.1), "duckdb"), write_sql(number(-0.1), "postgres")
    ('-0.1e0', '-CAST(0.1e0 AS DOUBLE PRECISION)')
    """
    size = exp.Cast(this=_digits(value), to=exp.DataType(this=DOUBLE))
    return exp.Neg(this=size) if value < 0 else size


def limit(value: float) -> exp.Expr:
    """A float that a column of floats is compared with: no database need be told its type."""
    return exp.Neg(this=_digits(value)) if value < 0 else _digits(value)


def _digits(value: float) -> exp.Literal:
    digits = repr(abs(value))
    return exp.Literal(this=digits if "e" in digits else f"{digits}e0", is_string=False)


def write_sql(
    tree: exp.Expr,
    dialect: Dialect,
    tables: Mapping[str, exp.Table] | None = None,
    *,
    pretty: bool = True,
) -> str:
    """Write a query, with tables in the place of those that it calls by these names.

    Raises
    ------
    sqlglot.errors.UnsupportedError
        The dialect lacks something that the query asks for: a fault of Holdfast's.
    """
    written = tree.copy()
    for with_ in written.find_all(exp.CTE):
        # Only PostgreSQL would work a step out once for each time that its columns are read.
        with_.set("materialized", True if dialect == "postgres" else None)
    for ordered in list(written.find_all(exp.Ordered)):
        # Of days and scores none is null, and not every dialect can say where nulls would stand.
        ordered.replace(ordered.this)
    if dialect == "snowflake":
        _fold_names(written)
    if dialect not in _DECIMAL_LITERALS:
        written = written.transform(_bare_number, copy=False)
    for table, given in _given_tables(written, tables or {}):
        place = given.copy()
        place.set("alias", exp.TableAlias(this=name(table.alias_or_name)))
        table.replace(place)
    return written.sql(
        dialect=dialect,
        pretty=pretty,
        max_text_width=110,
        comments=False,
        unsupported_level=ErrorLevel.RAISE,
    )


def _fold_names(tree: exp.Expr) -> None:
    """Names of tables made without quotes are upper case in Snowflake."""
    for each in tree.find_all(exp.Identifier):
        if _PLAIN.fullmatch(each.name):
            each.set("this", each.name.upper())


def _bare_number(node: exp.Expr) -> exp.Expr:
    """A float as it is, where an exponent makes one."""
    of_literal = isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal)
    return node.this if of_literal and not node.this.is_string else node


def _given_tables(
    tree: exp.Expr, tables: Mapping[str, exp.Table]
) -> Iterator[tuple[exp.Table, exp.Table]]:
    for table in list(tree.find_all(exp.Table)):
        if table.name.lower() in tables and not table.db:
            yield table, tables[table.name.lower()]
