"""A PostgreSQL query as a stream of Arrow batches, in a transaction that can only read; and tables
for a demo.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import DataError, MissingExtra, StudyError, first_line
from holdfast.expressions import quote
from holdfast.io.batches import provenance
from holdfast.study import Postgres


class PostgresQuery:
    """One query, read once.

    Attributes
    ----------
    names
        The columns of the answer.
    labels
        What stands for the query where a file would be named.
    """

    labels = ("postgres query",)

    def __init__(self, source: Postgres) -> None:
        self._query, self._connection = source.query, _connect(source.dsn_env)
        self._cursor = self._connection.cursor()
        try:
            with self._answering():
                self._cursor.execute("SET TRANSACTION READ ONLY")
                self._cursor.execute(source.query)
                self._reader = self._cursor.fetch_record_batch()
        except DataError:
            self.close()
            raise
        self.names = list(self._reader.schema.names)

    @property
    def schema(self) -> pa.Schema:
        """`_file`, `_row` (from 1, in the order of the answer) and a column c0, c1, ... for each
        name.
        """
        # numeric arrives as an extension type over its exact text.
        cells = [
            (f"c{i}", getattr(kind, "storage_type", kind))
            for i, kind in enumerate(self._reader.schema.types)
        ]
        return pa.schema([("_file", pa.int32()), ("_row", pa.int64()), *cells])

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
        self._cursor.close()
        self._connection.close()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        problem = f"PostgreSQL refused the query {self._query!r:.200}"
        with _as_data_error(problem, fix="try the query in psql"):
            yield


def create_tables(tables: Mapping[str, Path], *, dsn_env: str, schema: str) -> None:
    """Load Parquet files into tables of a new schema, all of them or none.

    Raises
    ------
    DataError
        PostgreSQL cannot be reached, or has such a schema already.
    """
    connection = _connect(dsn_env)
    problem = f"PostgreSQL did not take the tables of schema {schema!r}"
    try:
        with _as_data_error(problem, fix="name another schema"):
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE SCHEMA {quote(schema)}")
                for name, path in tables.items():
                    with pq.ParquetFile(path) as file:
                        rows = pa.RecordBatchReader.from_batches(
                            file.schema_arrow, file.iter_batches()
                        )
                        cursor.adbc_ingest(name, rows, mode="create", db_schema_name=schema)
            connection.commit()
    finally:
        connection.close()


def _connect(dsn_env: str) -> Any:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise MissingExtra("postgres", needed_for="PostgreSQL") from None
    dsn = os.environ.get(dsn_env)
    if not dsn:
        raise StudyError(
            f"the environment variable {dsn_env} is not set",
            fix=f"export {dsn_env}=postgresql://user:password@host:5432/database",
            variable=dsn_env,
        )
    problem = f"PostgreSQL cannot be reached with the connection string in {dsn_env}"
    with _as_data_error(problem, fix=f"check {dsn_env}"):
        return dbapi.connect(dsn)


@contextmanager
def _as_data_error(problem: str, *, fix: str) -> Iterator[None]:
    """Turn what goes wrong in the database into a DataError that gives its reason."""
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, pa.ArrowException, OSError) as error:
        raise DataError(f"{problem}: {first_line(error)}", fix=fix) from None
