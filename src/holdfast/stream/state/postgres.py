"""The state's PostgreSQL: a connection whose search path is the stream's schema, and tables of
numbers moved in the server's own binary form, which takes a tenth of what rows of Python take.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.errors import DataError, HoldfastError, MachineError, MissingExtra, StudyError
from holdfast.study.stream import Stream

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Buffer
    from psycopg.adapt import Loader

    Connection = psycopg.Connection[tuple[Any, ...]]

VERSION = "1"
"""Of schema.sql."""
_ARRAYS = (1005, 1007, 1016, 1022)
"""PostgreSQL's numbers of the types int2[], int4[], int8[] and float8[]."""
_ARRAY_HEADER = 20
"""Bytes before the first number of an array: dimensions, flags, type, length, first index."""
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_MACHINE = {"53100": "disk full", "53200": "memory", "53300": "open files"}


class Unreachable(DataError):
    """PostgreSQL does not answer, or not yet."""


class NoState(DataError):
    """The schema does not hold the state of a stream."""


def connect(settings: Stream) -> "Connection":
    """Connect, with the stream's schema as the only one on the path. Each statement outside
    `connection.transaction()` is a transaction of its own.

    Raises
    ------
    MissingExtra
        The driver is not installed.
    StudyError, Unreachable
        The variable is not set, or PostgreSQL cannot be reached.
    DataError
        The database's encoding does not hold every text.
    """
    try:
        import psycopg
    except ImportError:
        raise MissingExtra("stream", needed_for="a stream") from None
    dsn = os.environ.get(settings.dsn_env, "")
    if not dsn:
        raise StudyError(
            f"the environment variable {settings.dsn_env}, which says where PostgreSQL holds the "
            "stream's state, is not set",
            fix=f"export {settings.dsn_env}=postgresql://user:password@host/database",
        )
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=5,
            # A plan that was made while a table was small is not kept.
            prepare_threshold=None,
            # Steps look a few thousand rows up by their keys, and do not read a table through.
            options=f"-c search_path={settings.postgres_schema},pg_temp -c timezone=UTC "
            "-c random_page_cost=1.1",
            application_name="holdfast stream",
        )
    except psycopg.Error as error:
        raise Unreachable(
            f"PostgreSQL cannot be reached: {_first_words(error, dsn)}",
            fix=f"check the server, and {settings.dsn_env}",
        ) from None
    _require_utf8(connection)
    return connection


def _require_utf8(connection: "Connection") -> None:
    """Refuse a database whose texts would come back as bytes, or could not be kept."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        name = connection.info.dbname
        connection.close()
        raise DataError(
            f"the database {name!r} has the encoding {encoding}, and the state of a stream needs "
            "UTF8",
            fix="make one with CREATE DATABASE holdfast ENCODING 'UTF8' TEMPLATE template0",
        )


@contextmanager
def explain_refusal(task: str) -> Iterator[None]:
    """Say in a sentence what PostgreSQL refuses; a connection that is gone passes as it is."""
    import psycopg

    try:
        yield
    except (psycopg.OperationalError, psycopg.errors.InternalError_) as error:
        cause = _MACHINE.get(error.sqlstate or "")
        if cause is None:
            raise
        raise MachineError(
            f"PostgreSQL could not {task}, and nothing of it was kept: {_first_words(error)}",
            fix="free some space there, and start again" if cause == "disk full" else "see to it",
            cause=cause,
        ) from None
    except psycopg.errors.UndefinedTable as error:
        raise no_state(_first_words(error)) from None


def no_state(why: str) -> NoState:
    """The error where there is no state."""
    return NoState(f"there is no state of a stream: {why}", fix="run `holdfast stream init`")


def create_schema(connection: "Connection", settings: Stream) -> None:
    """Create the tables, in a schema that has none of them.

    Raises
    ------
    DataError
        There is a state already.
    """
    if has_state(connection):
        raise DataError(
            f"the schema {settings.postgres_schema} holds the state of a stream already",
            fix="go on with `holdfast stream run`; or `holdfast stream replay` to rebuild it, or "
            "name another stream.postgres_schema",
        )
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {settings.postgres_schema}")
    connection.execute(Path(__file__).with_name("schema.sql").read_text("utf-8"))
    connection.execute("INSERT INTO settings VALUES ('schema_version', %s)", [VERSION])


def has_state(connection: "Connection") -> bool:
    """Whether the schema holds a state."""
    return read_row(connection, "SELECT to_regclass('settings') IS NOT NULL")[0] is True


def require_state(connection: "Connection") -> None:
    """Refuse a schema without a state, or with one of another layout.

    Raises
    ------
    NoState
        It is none that this version reads.
    """
    if not has_state(connection):
        raise no_state("the schema has no tables of one")
    (version,) = read_row(connection, "SELECT value FROM settings WHERE key = 'schema_version'")
    if version != VERSION:
        raise NoState(
            f"the state has layout {version}, and this version of Holdfast reads {VERSION}",
            fix="make a new one in another stream.postgres_schema with `holdfast stream init`",
        )


def read_row(connection: "Connection", sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The only row of an answer."""
    row = connection.execute(sql, values or None).fetchone()
    assert row is not None
    return row


def read_numbers(connection: "Connection", sql: str, columns: Mapping[str, str]) -> pl.DataFrame:
    """The rows of a query that has these columns only: name -> i2, i4, i8 or f8; none is NULL.

    They come as one array a column, so that no row passes through Python.
    """
    names = [f'"{name}"' for name in columns]
    arrays = ", ".join(f"array_agg({name})" for name in names)
    with connection.cursor(binary=True) as cursor:
        for array in _ARRAYS:
            cursor.adapters.register_loader(array, _array_loader())
        row = cursor.execute(f"SELECT {arrays} FROM ({sql}) AS t ({', '.join(names)})").fetchone()
    assert row is not None
    return pl.DataFrame(
        {
            name: _read_array(data, kind)
            for data, (name, kind) in zip(row, columns.items(), strict=True)
        }
    )


@cache
def _array_loader() -> "type[Loader]":
    """A loader that leaves an array in the server's form."""
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    class ArrayLoader(Loader):
        format = Format.BINARY

        def load(self, data: "Buffer") -> bytes:
            return bytes(data)

    return ArrayLoader


def _read_array(data: bytes | None, kind: str) -> np.ndarray[tuple[int], np.dtype[Any]]:
    """The numbers of an array; None: of no row."""
    item = np.dtype([("bytes", ">i4"), ("value", f">{kind}")])
    numbers = data[_ARRAY_HEADER:] if data else b""
    cells = np.frombuffer(numbers, item, count=len(numbers) // item.itemsize)
    value = cells["value"]
    if len(numbers) % item.itemsize or not (cells["bytes"] == value.itemsize).all():
        raise HoldfastError("PostgreSQL answered other columns than asked for", fix="report this")
    return value.astype(value.dtype.newbyteorder("="))


def write_numbers(
    connection: "Connection", table: str, frame: pl.DataFrame, columns: Mapping[str, str]
) -> None:
    """Append a frame without nulls to a table that has these columns."""
    rows = np.empty(frame.height, _record(columns))
    rows["fields"] = len(columns)
    for name in columns:
        rows[f"{name} bytes"] = rows[name].dtype.itemsize
        rows[name] = frame[name].to_numpy()
    target = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor().copy(target) as copy:
        copy.write(_SIGNATURE + rows.tobytes() + _END)


def read_rows(
    connection: "Connection", sql: str, schema: pl.Schema, values: Sequence[object] = ()
) -> pl.DataFrame:
    """The rows of a query without blank texts, in the order of a schema's columns."""
    with connection.cursor().copy(f"COPY ({sql}) TO STDOUT (FORMAT CSV)", values or None) as copy:
        data = b"".join(bytes(block) for block in copy)
    texts = {name: pl.String if kind == pl.Boolean else kind for name, kind in schema.items()}
    if not data:
        return schema.to_frame()
    frame = pl.read_csv(data, has_header=False, schema=texts)
    yes_or_no = [name for name, kind in schema.items() if kind == pl.Boolean]
    return frame.with_columns(pl.col(name) == "t" for name in yes_or_no)


def write_rows(connection: "Connection", table: str, frame: pl.DataFrame) -> None:
    """Append a frame to a table, by the names of its columns."""
    names = ", ".join(frame.columns)
    with connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT CSV)") as copy:
        copy.write(frame.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f"))


def _record(columns: Mapping[str, str]) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in columns.items():
        fields += [(f"{name} bytes", ">i4"), (name, f">{kind}")]
    return np.dtype(fields)


def _first_words(error: Exception, secret: str = "") -> str:
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text.replace(secret, "...") if secret else text
