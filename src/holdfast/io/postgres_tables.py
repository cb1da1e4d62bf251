"""Tables that Holdfast keeps in a PostgreSQL database: replaced row by row, all of them in one
transaction, so that a reader sees the rows of before or those of now.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.errors import DataError, HoldfastError
from holdfast.expressions import quote
from holdfast.io.queries import connect_postgres, first_words

_MARK = "Kept by `holdfast export`"
"""How the comment of each table begins that is ours to write."""
_NEW = "holdfast_new_rows"
_LOCK_SECONDS = 10
_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {where} AND c.relname = {name} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_FIXES = {
    "42501": "let the user of this connection create tables in the schema, or name one that is its"
    " own with --schema",
    "55P03": "try again once the other session is done; pg_locks says which one it is",
}
"""What to do, by PostgreSQL's code of the error."""


@dataclass(frozen=True, kw_only=True)
class KeyedTable:
    """A table as it is to be.

    Attributes
    ----------
    key
        The column that names a row.
    meaning
        What it has one row of, for the table's comment.
    """

    name: str
    key: str
    rows: pl.DataFrame
    meaning: str


@dataclass(frozen=True)
class Replaced:
    """What became of a table: rows it has now, and rows that were there before and are gone."""

    rows: int
    removed: int


def replace_rows(dsn_env: str, schema: str, tables: Sequence[KeyedTable]) -> dict[str, Replaced]:
    """Bring tables of a schema to these rows: new ones are inserted, others updated by their key,
    and what is no longer there is removed. A schema or table that is missing is made.

    Parameters
    ----------
    dsn_env
        Variable of the environment that holds the connection string.

    Raises
    ------
    StudyError, DataError, MissingExtra
        There is no connection, or the schema has a table of that name that is not Holdfast's.
    HoldfastError
        PostgreSQL refuses; everything is as before.
    """
    with (
        closing(connect_postgres(dsn_env)) as connection,
        connection.cursor() as cursor,
        _explain_failure(schema),
    ):
        cursor.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
        if not _one(cursor, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", schema):
            cursor.execute(f"CREATE SCHEMA {quote(schema)}")
        done = {table.name: _replace(cursor, schema, table) for table in tables}
        connection.commit()
    return done


def _replace(cursor: Any, schema: str, table: KeyedTable) -> Replaced:
    place, key = f"{quote(schema)}.{quote(table.name)}", quote(table.key)
    cursor.adbc_ingest(_NEW, table.rows.to_arrow(), mode="create", temporary=True)
    _prepare(cursor, schema, table)
    names = [quote(name) for name in table.rows.columns]
    updates = ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
    cursor.execute(
        f"INSERT INTO {place} ({', '.join(names)}) SELECT {', '.join(names)} FROM pg_temp.{_NEW} "
        f"ON CONFLICT ({key}) DO UPDATE SET {updates}"
    )
    removed = _one(
        cursor,
        f"WITH gone AS (DELETE FROM {place} AS old WHERE NOT EXISTS "
        f"(SELECT FROM pg_temp.{_NEW} AS new WHERE new.{key} = old.{key}) RETURNING 1) "
        "SELECT count(*) FROM gone",
    )
    cursor.execute(f"DROP TABLE pg_temp.{_NEW}")
    return Replaced(table.rows.height, removed)


def _prepare(cursor: Any, schema: str, table: KeyedTable) -> None:
    """Make the table or add the columns that it lacks, and keep other writers out until the end."""
    place = f"{quote(schema)}.{quote(table.name)}"
    there = _columns(cursor, "n.nspname = $1", "$2", schema, table.name)
    if not there:
        cursor.execute(f"CREATE TABLE {place} (LIKE pg_temp.{_NEW})")
        cursor.execute(f"ALTER TABLE {place} ADD PRIMARY KEY ({quote(table.key)})")
        cursor.execute(f"COMMENT ON TABLE {place} IS '{_MARK}: {table.meaning}.'")
    comment = "SELECT obj_description(CAST($1 AS regclass), 'pg_class')"
    if not (_one(cursor, comment, place) or "").startswith(_MARK):
        raise DataError(
            f"the schema {schema!r} has a table {table.name!r} that is not Holdfast's",
            fix="name another schema with --schema",
        )
    cursor.execute(f"LOCK TABLE {place} IN SHARE ROW EXCLUSIVE MODE")
    ours = _columns(cursor, "n.oid = pg_my_temp_schema()", "$1", _NEW)
    for name in ours.keys() - (there or ours).keys():
        cursor.execute(f"ALTER TABLE {place} ADD COLUMN {quote(name)} {ours[name]}")


def _columns(cursor: Any, where: str, name: str, *values: str) -> dict[str, str]:
    """Name -> type."""
    cursor.execute(_COLUMNS.format(where=where, name=name), values)
    return dict(cursor.fetchall())


def _one(cursor: Any, sql: str, *values: str) -> Any:
    cursor.execute(sql, values or None)
    return cursor.fetchone()[0]


@contextmanager
def _explain_failure(schema: str) -> Iterator[None]:
    """Give PostgreSQL's reason, and say that nothing has changed."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("adbc_driver_manager"):
            raise
        raise HoldfastError(
            f"PostgreSQL did not take the tables of schema {schema!r}, and nothing has changed: "
            f"{first_words(error)}",
            fix=_FIXES.get(getattr(error, "sqlstate", None) or "", "see to it, and try again"),
        ) from None
