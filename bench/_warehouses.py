"""Warehouses that can be had here, each a function that runs a query on given tables: DuckDB and
PostgreSQL; Spark (the engine of Databricks) and ClickHouse (chdb) where they are installed.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl
import polars.selectors as cs

from holdfast.ingest.read import read_sources
from holdfast.io.dialect_names import Dialect
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

DSN = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
SCHEMA = f"holdfast_warehouse_{os.getpid()}"
FACTS = ("transactions", "events", "treatments", "customers")
Tables = Mapping[str, pl.DataFrame]


class Answer(NamedTuple):
    """The rows of a query, and the seconds that it took."""

    rows: pl.DataFrame
    seconds: float


Run = Callable[[Tables, str], Answer]


class Log:
    """The rows of a study's log, as the project reads them into its own database."""

    def __init__(self, study: Study, warehouse: Warehouse) -> None:
        self.study, self.warehouse = study, warehouse
        read_sources(study, warehouse)
        self.activity = warehouse.query("FROM activity")
        present = [name for name in FACTS if warehouse.has(name)]
        self.facts = {name: warehouse.query(f"FROM {name}") for name in present}
        self.end = int(str(self.activity["day"].max())) + 1

    @property
    def tables(self) -> Tables:
        return {"activity": self.activity, **self.facts}


def in_duckdb(tables: Tables, sql: str) -> Answer:
    """Run on tables of two threads' DuckDB."""
    with duckdb.connect(config={"threads": 2}) as con:
        for name, frame in tables.items():
            con.register("given", frame)
            con.execute(f'CREATE TABLE "{name}" AS FROM given')
        begun = time.perf_counter()
        rows = con.sql(sql).pl()
        return Answer(rows, time.perf_counter() - begun)


def in_postgres(tables: Tables, sql: str, *settings: str) -> Answer:
    """Run on tables of a schema of its own, which is dropped again."""
    from adbc_driver_postgresql import dbapi

    with closing(dbapi.connect(DSN, autocommit=True)) as con, con.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        for setting in (f"search_path TO {SCHEMA}", *settings):
            cursor.execute(f"SET {setting}")
        try:
            for name, frame in tables.items():
                arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
                cursor.adbc_ingest(name, arrow, mode="create", db_schema_name=SCHEMA)
                cursor.execute(f'ANALYZE "{name}"')
            begun = time.perf_counter()
            cursor.execute(sql)
            rows: Any = pl.from_arrow(cursor.fetch_arrow_table())
            return Answer(rows, time.perf_counter() - begun)
        finally:
            cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def in_spark(tables: Tables, sql: str) -> Answer:
    """Run on Parquet files in a local session, ANSI mode on."""
    from pyspark.sql import SparkSession

    settings = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2"}
    builder = SparkSession.builder.master("local[2]").config(map=settings)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in tables.items():
            frame.write_parquet(Path(folder) / name)
            session.read.parquet(f"{folder}/{name}").createOrReplaceTempView(name)
        begun = time.perf_counter()
        rows: Any = pl.from_arrow(session.sql(sql).toArrow())
        return Answer(rows, time.perf_counter() - begun)


def in_clickhouse(tables: Tables, sql: str) -> Answer:
    """Run on tables of an embedded ClickHouse, whose queries may be longer than 256 KB."""
    from chdb.session import Session

    with tempfile.TemporaryDirectory() as folder:
        session = Session(f"{folder}/base")
        session.query("SET max_query_size = 16000000")
        for name, frame in tables.items():
            frame.write_parquet(Path(folder) / name)
            source = f"file('{folder}/{name}', 'Parquet')"
            session.query(f"CREATE TABLE {name} ENGINE = Memory AS SELECT * FROM {source}")
        begun = time.perf_counter()
        rows: Any = pl.from_arrow(session.query(sql, "ArrowTable"))
        seconds = time.perf_counter() - begun
        session.close()
        return Answer(rows.with_columns(cs.binary().cast(pl.String)), seconds)


WAREHOUSES: dict[Dialect, Run] = {"duckdb": in_duckdb, "postgres": in_postgres}
"""By dialect."""
if find_spec("pyspark"):
    WAREHOUSES["databricks"] = in_spark
if find_spec("chdb"):
    WAREHOUSES["clickhouse"] = in_clickhouse


def differences(theirs: pl.DataFrame, ours: pl.DataFrame, *keys: str) -> tuple[int, float]:
    """Cells that differ (integers, words, nulls, rows that one side alone has), and the worst
    difference of floats, relative from 1 on.
    """
    if theirs.height != ours.height:
        return abs(theirs.height - ours.height) * ours.width, float("inf")
    theirs, ours = theirs.select(ours.columns).sort(keys), ours.sort(keys)
    cells, worst = 0, 0.0
    for name, kind in ours.schema.items():
        one, other = theirs[name], ours[name]
        if kind.is_float():
            one = one.cast(pl.Float64)
            cells += int((one.is_null() != other.is_null()).sum())
            off = (one - other).abs() / other.abs().clip(lower_bound=1.0)
            worst = max(worst, float(off.max() or 0.0))  # type: ignore[arg-type]
        else:
            cells += int(one.cast(kind).ne_missing(other).sum())
    return cells, worst
