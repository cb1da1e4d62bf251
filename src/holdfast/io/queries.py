"""A query as a stream of Arrow batches, in a transaction that can only read where the database has
one. Databases that answer in Arrow keep their types; others answer in rows of text.

The URL stays in the environment, and no password in it is ever shown.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import unquote

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from holdfast.errors import DataError, HoldfastError, MissingExtra, StudyError, first_line
from holdfast.io.text_files import batch_schema, column_names, provenance, text_batch, text_schema
from holdfast.io.warehouse import SETTINGS
from holdfast.study import Database, Postgres

ROWS_AT_ONCE = 10_000
_READ_ONLY = {
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "postgresql": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}
"""What makes a transaction unable to write, by SQLAlchemy's name of the database."""
_SHORT = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
"""Scheme -> the driver that the extra installs."""


class ArrowQuery:
    """One query that is answered in Arrow, read once.

    Parameters
    ----------
    database
        Its name, for messages.
    answer
        Asks, in a transaction that can only read.
    opened
        What is closed after it, the connection first opened last.

    Attributes
    ----------
    names
        The columns of the answer.
    labels
        What stands for the query where a file would be named.
    """

    def __init__(
        self,
        database: str,
        query: str,
        answer: Callable[[], pa.RecordBatchReader],
        opened: Sequence[Any],
    ) -> None:
        self.labels, self._opened = (f"{database} query",), opened
        self._answering = partial(as_data_error, _refusal(database, query), fix=_TRY)
        try:
            with self._answering():
                self._reader = answer()
            self.names = column_names(self._reader.schema.names, self.labels[0])
        except DataError:
            self.close()
            raise

    @property
    def schema(self) -> pa.Schema:
        """`_file`, `_row` (from 1, in the order of the answer) and a column c0, c1, ... for each
        name.
        """
        # PostgreSQL's numeric arrives as an extension type over its exact text.
        kinds = [getattr(kind, "storage_type", kind) for kind in self._reader.schema.types]
        return batch_schema(kinds)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every row of the answer."""
        row = 1
        try:
            with self._answering():
                for batch in self._reader:
                    where = provenance(0, np.arange(row, row + batch.num_rows))
                    cells = [getattr(column, "storage", column) for column in batch.columns]
                    yield pa.RecordBatch.from_arrays([*where, *cells], schema=self.schema)
                    row += batch.num_rows
        finally:
            self.close()

    def close(self) -> None:
        """End the transaction and the connection."""
        for each in self._opened:
            each.close()


class RowQuery:
    """One query that is answered in rows, read once; its cells become text, and no number loses a
    digit. Attributes as of `ArrowQuery`.
    """

    def __init__(self, query: str, url: str, url_env: str) -> None:
        import sqlalchemy

        self._query = query
        try:
            parsed = sqlalchemy.make_url(url)
        except (sqlalchemy.exc.ArgumentError, ValueError):
            raise _no_url(url_env, "is no URL of a database", _EXAMPLE) from None
        parsed = parsed.set(drivername=_SHORT.get(parsed.drivername, parsed.drivername))
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            # Without the file, SQLite would make an empty one.
            _require_file(parsed.database, url_env)
        self._password = str(parsed.password or "")
        self.labels = (f"{parsed.get_backend_name()} query",)
        begin = _READ_ONLY.get(parsed.get_backend_name())
        with self._answering(f"{url_env} leads to no database", f"check {url_env}"):
            self._engine = sqlalchemy.create_engine(parsed, poolclass=sqlalchemy.NullPool)
            self._connection = self._engine.connect().execution_options(
                stream_results=True, max_row_buffer=ROWS_AT_ONCE, no_parameters=True
            )
        try:
            with self._answering(_refusal(parsed.get_backend_name(), query), _TRY):
                if begin is not None:
                    self._connection.exec_driver_sql(begin)
                self._answer = self._connection.exec_driver_sql(query)
                self.names = column_names(list(self._answer.keys()), self.labels[0])
        except HoldfastError:
            self.close()
            raise

    @property
    def schema(self) -> pa.Schema:
        """As of `ArrowQuery`, its columns text."""
        return text_schema(len(self.names))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Every row of the answer."""
        row = 1
        try:
            with self._answering(_refusal(self.labels[0], self._query), _TRY):
                for rows in self._answer.partitions(ROWS_AT_ONCE):
                    cells = [
                        pl.Series([_text(cell) for cell in column], dtype=pl.String)
                        for column in zip(*rows, strict=True)
                    ]
                    yield text_batch(0, np.arange(row, row + len(rows)), cells)
                    row += len(rows)
        finally:
            self.close()

    def close(self) -> None:
        """End the transaction, undone, and the connection."""
        self._connection.close()
        self._engine.dispose()

    @contextmanager
    def _answering(self, problem: str, fix: str) -> Iterator[None]:
        import sqlalchemy

        try:
            yield
        except ModuleNotFoundError as error:
            raise DataError(
                f"{problem}: its driver '{error.name}' is not installed",
                fix=f"pip install {error.name}",
            ) from None
        except sqlalchemy.exc.SQLAlchemyError as error:
            reason = first_line(getattr(error, "orig", None) or error)
            if self._password:
                reason = reason.replace(self._password, "***")
            raise DataError(f"{problem}: {reason}", fix=fix) from None


_TRY = "try the query in the database's own client"
_EXAMPLE = "mysql://user:password@host:3306/database"
Query = ArrowQuery | RowQuery


def open_query(source: Postgres | Database) -> Query:
    """Ask a database; its answer is not read yet.

    Raises
    ------
    StudyError, DataError, MissingExtra
        The URL is not set or leads nowhere, the query is refused, or no driver is installed.
    """
    if isinstance(source, Postgres):
        return _postgres(source.query, source.dsn_env)
    url = read_url(source.url_env, example=_EXAMPLE)
    scheme = url.partition(":")[0]
    if scheme in _ADBC:
        return _ADBC[scheme](source.query, source.url_env)
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        raise MissingExtra("databases", needed_for=f"a {scheme} database") from None
    return RowQuery(source.query, url, source.url_env)


def connect_postgres(dsn_env: str) -> Any:
    """Connect to the PostgreSQL that a variable of the environment names."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise MissingExtra("postgres", needed_for="PostgreSQL") from None
    dsn = read_url(dsn_env, example="postgresql://user:password@host:5432/database")
    problem = f"PostgreSQL cannot be reached with the connection string in {dsn_env}"
    try:
        return dbapi.connect(dsn)
    except dbapi.Error as error:
        reason = _hide_password(first_words(error), dsn)
        raise DataError(f"{problem}: {reason}", fix=f"check {dsn_env}") from None


def first_words(error: Exception) -> str:
    r"""What PostgreSQL says first, without the names of the drivers that passed it on.

    >>> first_words(OSError("IO: [libpq] Failed to connect: FATAL:  role \"a\" does not exist"))
    'FATAL: role "a" does not exist'
    """
    reason = re.sub(r"^\w+: \[libpq\] (Failed to connect: )?", "", first_line(error))
    return re.sub(r"\s+", " ", reason)


def _hide_password(text: str, dsn: str) -> str:
    """Blot a password out, and each part of one whose @ or / stands as if it were the URL's own.

    >>> _hide_password('no host "ret@db"', "postgresql://ann:sec/ret@db:5432/shop")
    'no host "***@db"'
    """
    match = re.search(r"//[^:/@]*:(.*)@", dsn) or re.search(r"password\s*=\s*(\S+)", dsn)
    parts = re.split(r"[@/:?#]", match[1]) if match else []
    for part in sorted({unquote(part) for part in parts} | set(parts), key=len, reverse=True):
        text = text.replace(part, "***") if part else text
    return text


def read_url(variable: str, *, example: str) -> str:
    """The URL in a variable of the environment.

    Raises
    ------
    StudyError
        It is not set.
    """
    url = os.environ.get(variable)
    if not url:
        raise _no_url(variable, "is not set", example)
    return url


def _no_url(variable: str, what: str, example: str) -> StudyError:
    problem = f"the environment variable {variable} {what}"
    return StudyError(problem, fix=f"export {variable}={example}", variable=variable)


@contextmanager
def as_data_error(problem: str, *, fix: str) -> Iterator[None]:
    """Turn what goes wrong in a database that answers in Arrow into a DataError that gives its
    reason.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, (pa.ArrowException, OSError, duckdb.Error)) and not (
            type(error).__module__.startswith("adbc_driver_manager")
        ):
            raise
        raise DataError(f"{problem}: {first_line(error)}", fix=fix) from None


def _adbc(database: str, query: str, connection: Any, *begin: str) -> ArrowQuery:
    cursor = connection.cursor()

    def answer() -> pa.RecordBatchReader:
        for statement in (*begin, query):
            cursor.execute(statement)
        return cursor.fetch_record_batch()

    return ArrowQuery(database, query, answer, (cursor, connection))


def _postgres(query: str, dsn_env: str) -> ArrowQuery:
    return _adbc("PostgreSQL", query, connect_postgres(dsn_env), "SET TRANSACTION READ ONLY")


def _duckdb(query: str, url_env: str) -> ArrowQuery:
    """A DuckDB file, opened to be read; its query reaches no other file and no network."""
    path = read_url(url_env, example="duckdb:////data/shop.duckdb").partition(":///")[2]
    _require_file(path, url_env)
    with as_data_error(f"DuckDB cannot open the file in {url_env}", fix=f"check {url_env}"):
        config = {**SETTINGS, "enable_external_access": False}
        connection = duckdb.connect(path, read_only=True, config=config)
        connection.execute("SET lock_configuration = true")

    def answer() -> pa.RecordBatchReader:
        relation = connection.sql(query)
        if relation is None:
            raise duckdb.InvalidInputException("it is no SELECT")
        return relation.to_arrow_reader(ROWS_AT_ONCE)

    return ArrowQuery("DuckDB", query, answer, (connection,))


def _snowflake(query: str, url_env: str) -> ArrowQuery:
    try:
        from adbc_driver_snowflake import dbapi
    except ImportError:
        raise MissingExtra("snowflake", needed_for="Snowflake") from None
    url = read_url(url_env, example="snowflake://user:password@account/database/schema")
    with as_data_error(f"Snowflake cannot be reached with {url_env}", fix=f"check {url_env}"):
        return _adbc("Snowflake", query, dbapi.connect(url.partition("://")[2]))


def _bigquery(query: str, url_env: str) -> ArrowQuery:
    try:
        from adbc_driver_bigquery import DatabaseOptions, dbapi
    except ImportError:
        raise MissingExtra("bigquery", needed_for="BigQuery") from None
    place = read_url(url_env, example="bigquery://project/dataset").partition("://")[2]
    project, _, dataset = place.partition("/")
    options = {DatabaseOptions.PROJECT_ID.value: project}
    if dataset:
        options[DatabaseOptions.DATASET_ID.value] = dataset
    with as_data_error(f"BigQuery cannot be reached with {url_env}", fix=f"check {url_env}"):
        return _adbc("BigQuery", query, dbapi.connect(db_kwargs=options))


_ADBC: dict[str, Callable[[str, str], ArrowQuery]] = {
    "postgresql": _postgres, "postgres": _postgres, "duckdb": _duckdb, "snowflake": _snowflake,
    "bigquery": _bigquery,
}  # fmt: skip


def _text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return _bytes_as_text(bytes(cell))
    return str(cell)


def _bytes_as_text(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.hex()


def _refusal(database: str, query: str) -> str:
    return f"{database} refused the query {query!r:.200}"


def _require_file(path: str, url_env: str) -> None:
    if not os.path.isfile(path):  # noqa: PTH113 - as the database would open it
        raise DataError(
            f"there is no file {path}, which {url_env} names",
            fix="an absolute path takes four slashes, as in sqlite:////data/shop.db",
        )
