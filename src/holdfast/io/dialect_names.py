"""The SQL dialects that queries are written in; apart, so that to name one costs nothing."""

from typing import Literal, get_args

Dialect = Literal[
    "snowflake", "bigquery", "databricks", "trino", "redshift", "clickhouse", "postgres", "duckdb"
]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
