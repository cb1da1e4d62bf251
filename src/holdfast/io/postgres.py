"""Tables for a demo in PostgreSQL."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.expressions import quote
from holdfast.io.queries import as_data_error, connect_postgres


def create_tables(tables: Mapping[str, Path], *, dsn_env: str, schema: str) -> None:
    """Load Parquet files into tables of a new schema, all of them or none.

    Raises
    ------
    DataError
        PostgreSQL cannot be reached, or has such a schema already.
    """
    connection = connect_postgres(dsn_env)
    problem = f"PostgreSQL did not take the tables of schema {schema!r}"
    try:
        with as_data_error(problem, fix="name another schema"):
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
