"""Warehouses that every machine of a test has: a query runs in them on given tables."""

from collections.abc import Callable, Mapping

import polars as pl
from bench._warehouses import DSN, SCHEMA, Tables
from tests.conftest import postgres_cursor

from bench import _warehouses
from holdfast.io.dialect_names import Dialect


def in_duckdb(tables: Tables, sql: str) -> pl.DataFrame:
    """The rows of a query, in the order of the customers."""
    return _warehouses.in_duckdb(tables, sql).rows.sort(pl.first())


def in_postgres(tables: Tables, sql: str) -> pl.DataFrame:
    """The same, in PostgreSQL."""
    with postgres_cursor(DSN, SCHEMA):
        return _warehouses.in_postgres(tables, sql).rows.sort(pl.first())


WAREHOUSES: Mapping[Dialect, Callable[[Tables, str], pl.DataFrame]] = {
    "duckdb": in_duckdb,
    "postgres": in_postgres,
}
