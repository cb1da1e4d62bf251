"""The public logs read as their notes say, and the same from Parquet, CSV and PostgreSQL."""

import os
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.validation import Rows
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

DSN = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
NOT_A_PRODUCT = (
    "StockCode IN ('POST', 'D', 'M', 'DOT', 'BANK CHARGES', 'AMAZONFEE') OR StockCode LIKE 'TEST%'"
)
RETAIL: dict[str, Any] = {
    "exact_duplicates": "drop",
    "provenance": ["sheet"],
    "columns": {
        "customer_id": "Customer ID",
        "occurred_at": "InvoiceDate",
        "order_id": "Invoice",
        "product_id": "StockCode",
        "quantity": "Quantity",
        "unit_price": "Price",
    },
    "set_aside": {
        "not a product": NOT_A_PRODUCT,
        "bad debt": "Invoice LIKE 'A%'",
    },
    "returns": {"when": "Invoice LIKE 'C%'"},
}
CDNOW: dict[str, Any] = {
    "columns": {
        "customer_id": "customer_id",
        "occurred_at": "date",
        "quantity": "number_of_cds",
        "amount": "dollar_value",
    },
}
GROCERY: dict[str, Any] = {"columns": {"customer_id": "cust", "occurred_at": "date"}}


def read(
    folder: Path, log: dict[str, Any], *, zone: str = "UTC"
) -> tuple[OrderLog, tuple[Any, ...]]:
    folder.mkdir()
    raw = {"study": {"name": "t", "time_zone": zone}, "transactions": log}
    with Warehouse(folder) as warehouse:
        found = read_order_log(Study.from_dict(raw), warehouse)
        totals = warehouse.row("""
            SELECT sum(n_orders), sum(n_lines), sum(n_new_products), sum(gross_minor),
                sum(returns_minor),
                sum(purchase_gap), count(*) FROM activity
        """)
    return found, totals


def exported(source: Path, target: Path, options: str) -> str:
    duckdb.execute(f"COPY (SELECT * FROM read_parquet('{source}')) TO '{target}' ({options})")
    return str(target)


def test_online_retail_sets_aside_everything_its_notes_list(
    bench_data: Path, tmp_path: Path
) -> None:
    path = bench_data / "online_retail_ii.parquet"
    found, totals = read(tmp_path / "a", {**RETAIL, "path": str(path)}, zone="Europe/London")
    reasons = found.reasons["transactions"]
    assert found.rows.read == 1_067_370
    assert found.rows.quarantined == 0
    assert reasons["exact duplicate"] == 34_335
    assert reasons["bad debt"] == 6
    # The independent count: distinct lines without the sheet, then what is left of each condition
    # in the same order.
    distinct = f"SELECT DISTINCT * EXCLUDE (sheet) FROM read_parquet('{path}')"
    odd = f"{NOT_A_PRODUCT} OR Invoice[1] = 'A'"
    expected = duckdb.execute(f"""
        WITH lines AS (SELECT *, ({odd}) AS odd FROM ({distinct}))
        SELECT count(*) FILTER (odd), count(*) FILTER (NOT odd AND "Customer ID" IS NULL),
            count(*) FILTER (NOT odd AND "Customer ID" IS NOT NULL AND Price <= 0),
            count(*) FILTER (NOT odd AND "Customer ID" IS NOT NULL AND Price > 0)
        FROM lines
    """).fetchall()[0]
    assert (
        reasons["not a product"] + reasons["bad debt"],
        reasons["no customer"],
        reasons["price is zero or less"],
        found.rows.accepted,
    ) == expected
    worth = duckdb.execute(f"""
        SELECT sum(round(Quantity * CAST(Price AS DECIMAL(18, 4)), 2)) FROM ({distinct})
        WHERE NOT ({odd}) AND "Customer ID" IS NOT NULL AND Price > 0
    """).fetchall()[0][0]
    assert totals[3] + totals[4] == worth * 100


def test_cdnow_keeps_its_duplicates_and_its_free_orders(bench_data: Path, tmp_path: Path) -> None:
    found, totals = read(
        tmp_path / "a", {**CDNOW, "path": str(bench_data / "cdnow_master.parquet")}
    )
    assert found.rows == Rows(read=69_659, accepted=69_659, set_aside=0, quarantined=0)
    assert found.n_customers == 23_570
    assert totals[3] == 250_031_563
    assert [f.evidence for f in found.findings] == ["80 lines of amount 0"]


def test_the_grocery_log_has_purchases_and_no_amounts(bench_data: Path, tmp_path: Path) -> None:
    found, totals = read(
        tmp_path / "a", {**GROCERY, "path": str(bench_data / "groceryElog.parquet")}
    )
    assert (found.rows.accepted, found.n_customers, totals[3]) == (10_483, 1_525, 0)


@pytest.mark.parametrize(
    ("name", "log", "options", "csv"),
    [
        ("cdnow_master", CDNOW, "FORMAT csv, HEADER", {}),
        (
            "cdnow_master",
            CDNOW,
            "FORMAT csv, HEADER, DELIMITER '|', COMPRESSION gzip",
            {"delimiter": "|"},
        ),
        ("groceryElog", GROCERY, "FORMAT csv, HEADER, DELIMITER '\t'", {"delimiter": "\t"}),
        pytest.param("online_retail_ii", RETAIL, "FORMAT csv, HEADER", {}, marks=pytest.mark.slow),
    ],
)
def test_a_csv_export_reads_as_its_parquet(
    bench_data: Path,
    tmp_path: Path,
    name: str,
    log: dict[str, Any],
    options: str,
    csv: dict[str, str],
) -> None:
    source = bench_data / f"{name}.parquet"
    from_parquet, totals = read(tmp_path / "a", {**log, "path": str(source)})
    path = exported(source, tmp_path / "export.csv", options)
    from_csv, csv_totals = read(tmp_path / "b", {**log, "path": path, "csv": csv})
    assert from_csv.reasons == from_parquet.reasons
    assert from_csv.fingerprint == from_parquet.fingerprint
    assert csv_totals == totals


@pytest.mark.parametrize(
    ("name", "log"),
    [("cdnow_master", CDNOW), pytest.param("online_retail_ii", RETAIL, marks=pytest.mark.slow)],
)
def test_a_postgres_query_reads_as_the_parquet(
    bench_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    log: dict[str, Any],
) -> None:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    try:
        connection = dbapi.connect(DSN)
    except dbapi.Error as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL: {error}")
    source = bench_data / f"{name}.parquet"
    monkeypatch.setenv("TEST_SHOP_DSN", DSN)
    with connection, connection.cursor() as cursor:
        cursor.adbc_ingest(f"holdfast_{name}", pq.read_table(source), mode="replace")
        connection.commit()
        try:
            query = {
                "postgres": {
                    "dsn_env": "TEST_SHOP_DSN",
                    "query": f'SELECT * FROM "holdfast_{name}"',
                }
            }
            from_postgres, totals = read(tmp_path / "b", {**log, **query})
        finally:
            cursor.execute(f'DROP TABLE "holdfast_{name}"')
            connection.commit()
    from_parquet, expected = read(tmp_path / "a", {**log, "path": str(source)})
    assert from_postgres.reasons == from_parquet.reasons
    assert from_postgres.fingerprint == from_parquet.fingerprint
    assert totals == expected


def test_the_same_input_gives_the_same_tables_whatever_the_threads(
    bench_data: Path, tmp_path: Path
) -> None:
    raw = {
        "study": {"name": "t"},
        "transactions": {**RETAIL, "path": str(bench_data / "online_retail_ii.parquet")},
    }
    tables = []
    for threads in (1, 2):
        scratch = tmp_path / str(threads)
        scratch.mkdir()
        with Warehouse(scratch, threads=threads) as warehouse:
            read_order_log(Study.from_dict(raw), warehouse)
            activity = warehouse.read(warehouse.table("activity")).sort("customer_id", "day")
            tables.append([activity, warehouse.read(warehouse.table("transactions"))])
    assert all(one.equals(two) for one, two in zip(*tables, strict=True))
