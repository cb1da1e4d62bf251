"""Export: the scores of a million customers into PostgreSQL, first and again with a tenth of the
customers gone, while another session reads.

    python -m bench.export

The database is that of HOLDFAST_TEST_POSTGRES, or postgresql://postgres@127.0.0.1:5432/postgres.
"""

import os
import threading
import time

import numpy as np
import polars as pl

from holdfast.io.postgres_tables import KeyedTable, replace_rows
from holdfast.io.queries import connect_postgres
from holdfast.tables import SCORES

CUSTOMERS = 1_000_000
SCHEMA = "holdfast_bench"
_URL = "postgresql://postgres@127.0.0.1:5432/postgres"


def scores(n: int, run_id: str) -> pl.DataFrame:
    """SCORES of so many customers, with the columns that an export adds."""
    drawn = np.random.default_rng(1).random(n)
    made = {
        "string": pl.lit("At-Risk VIP"),
        "float": pl.Series(drawn),
        "int": pl.Series((drawn * 20_000).astype(np.int32)),
    }
    kinds = {pl.String: "string", pl.Float64: "float", pl.Int32: "int"}
    columns = {name: made[kinds[type(kind)]] for name, kind in SCORES.schema.items()}
    ids = pl.format("C{}", pl.int_range(n, dtype=pl.Int64))
    dates = pl.col("cutoff_day", "next_purchase_day").cast(pl.Date)
    table = pl.select(**{**columns, "customer_id": ids}).with_columns(dates)
    return table.with_columns(run_id=pl.lit(run_id))


def watch(stop: threading.Event, seen: set[tuple[int, int]], slowest: list[float]) -> None:
    """Count rows and runs again and again."""
    with connect_postgres("HOLDFAST_BENCH_URL") as connection, connection.cursor() as cursor:
        while not stop.is_set():
            begun = time.perf_counter()
            cursor.execute(f"SELECT count(*), count(DISTINCT run_id) FROM {SCHEMA}.customer_scores")
            seen.add(cursor.fetchone())
            connection.commit()
            slowest.append(time.perf_counter() - begun)


def export(n: int, run_id: str) -> float:
    """Seconds that writing takes."""
    rows = scores(n, run_id)
    table = KeyedTable(name="customer_scores", key="customer_id", rows=rows, meaning="a customer")
    begun = time.perf_counter()
    replace_rows("HOLDFAST_BENCH_URL", SCHEMA, [table])
    return time.perf_counter() - begun


def _drop() -> None:
    with connect_postgres("HOLDFAST_BENCH_URL") as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.commit()


def main() -> None:
    """Write, write again under a reader, and print the seconds."""
    os.environ["HOLDFAST_BENCH_URL"] = os.environ.get("HOLDFAST_TEST_POSTGRES", _URL)
    _drop()
    print(f"{CUSTOMERS:,} customers, first: {export(CUSTOMERS, 'a'):.1f} s")
    stop, seen, reads = threading.Event(), set[tuple[int, int]](), list[float]()
    reader = threading.Thread(target=watch, args=(stop, seen, reads))
    reader.start()
    print(f"again, a tenth of them gone: {export(CUSTOMERS * 9 // 10, 'b'):.1f} s")
    stop.set()
    reader.join()
    print(f"the reader saw (rows, runs) {sorted(seen)} in {len(reads)} reads, at most "
          f"{max(reads):.1f} s each")  # fmt: skip
    _drop()


if __name__ == "__main__":
    main()
