"""Order logs for the audits' own tests: tables of a warehouse, and the days of the log."""

from types import SimpleNamespace
from typing import Any

import duckdb
import polars as pl

from holdfast.audits.subjects import Log
from holdfast.ingest.order_log import OrderLog


def log_of(*, end_day: int, first_day: int = 0, study: Any = None, **tables: pl.DataFrame) -> Log:
    """A log whose warehouse has these tables."""
    con = duckdb.connect()
    for name, rows in tables.items():
        con.register(name, rows)
    warehouse: Any = SimpleNamespace(
        con=con,
        has=tables.__contains__,
        query=lambda sql: con.sql(sql).pl(),
        row=lambda sql: con.execute(sql).fetchone(),
    )
    orders = OrderLog(
        study=study,
        warehouse=warehouse,
        first_day=first_day,
        end_day=end_day,
        n_customers=1,
        sources=(),
        findings=(),
        fingerprint="",
    )
    return Log(orders, None)  # type: ignore[arg-type]
