"""What a run says, in a database and in a workbook: the same figures, typed."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl
import pytest
from tests.conftest import postgres_cursor

from holdfast.errors import HoldfastError, InputError
from holdfast.report.exports.workbook import SheetColumn, write_workbook
from holdfast.runs.export import export_to_postgres, export_workbook
from holdfast.storage import audit_log
from holdfast.storage.runs import Registry, Run

DSN = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
SCHEMA = "holdfast_run_test"


@pytest.fixture
def run(simulated_shop: Path) -> Run:
    return Registry(simulated_shop / "runs").open()


@pytest.fixture
def cursor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("TEST_CRM", DSN)
    with postgres_cursor(DSN, SCHEMA) as opened:
        yield opened


def test_the_tables_of_a_database_hold_what_the_run_says(
    run: Run, cursor: Any, tmp_path: Path
) -> None:
    done = export_to_postgres(run, "TEST_CRM", SCHEMA, project=tmp_path)
    scores = run.scores.sort("customer_id")
    assert done["customer_scores"] == {"rows": scores.height, "removed": 0}
    cursor.execute(
        "SELECT customer_id, churn_probability, expected_revenue, segment, cutoff_date, run_id "
        f'FROM {SCHEMA}.customer_scores ORDER BY customer_id COLLATE "C"'
    )
    day = pl.col("cutoff_day").cast(pl.Date)
    expected = scores.select(
        "customer_id", "churn_probability", "expected_revenue", "segment", day, pl.lit(run.run_id)
    )
    assert cursor.fetchall() == expected.rows()
    cursor.execute(f"SELECT sum(customers)::bigint, min(currency) FROM {SCHEMA}.segments")
    assert cursor.fetchone() == (scores.height, "EUR")
    cursor.execute(f"SELECT count(*) FROM {SCHEMA}.plan WHERE arm = 'contact'")
    assert cursor.fetchone() == (run.table("plan").filter(arm="contact").height,)
    entry = audit_log.entries(tmp_path)[-1]
    assert (entry["what"], entry["schema"], entry["rows"]) == (
        "export to PostgreSQL",
        SCHEMA,
        scores.height,
    )


def test_who_left_the_run_leaves_the_database(run: Run, cursor: Any, tmp_path: Path) -> None:
    export_to_postgres(run, "TEST_CRM", SCHEMA, project=tmp_path)
    cursor.execute(
        f"INSERT INTO {SCHEMA}.customer_scores (customer_id, run_id) VALUES ('gone', 'earlier')"
    )
    done = export_to_postgres(run, "TEST_CRM", SCHEMA, project=tmp_path)
    assert done["customer_scores"] == {"rows": run.scores.height, "removed": 1}
    cursor.execute(f"SELECT count(*) FROM {SCHEMA}.customer_scores WHERE customer_id = 'gone'")
    assert cursor.fetchone() == (0,)


def test_what_cannot_be_recorded_is_not_exported(run: Run, cursor: Any, tmp_path: Path) -> None:
    (tmp_path / audit_log.LOG).mkdir()
    with pytest.raises(HoldfastError, match="audit"):
        export_to_postgres(run, "TEST_CRM", SCHEMA, project=tmp_path)
    cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = $1", (SCHEMA,))
    assert cursor.fetchone() == (0,)


def test_an_export_that_fails_is_recorded_as_failed(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("adbc_driver_postgresql.dbapi")
    monkeypatch.setenv("TEST_CRM", "postgresql://ada:geheim@127.0.0.1:1/shop")
    with pytest.raises(HoldfastError, match="cannot be reached"):
        export_to_postgres(run, "TEST_CRM", SCHEMA, project=tmp_path)
    assert audit_log.entries(tmp_path)[-1]["what"] == "export to PostgreSQL failed"
    assert "geheim" not in (tmp_path / audit_log.LOG).read_text()


def test_a_workbook_has_the_customers_with_the_most_at_stake_first_in_typed_cells(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "customers.xlsx"
    assert export_workbook(run, path, project=tmp_path) == run.scores.height
    sheet = fastexcel.read_excel(path).load_sheet(0).to_polars()
    assert sheet["Customer"][0] == run.scores.sort("at_stake")["customer_id"][-1]
    assert sheet["Expected revenue (EUR)"].sum() == pytest.approx(
        run.scores["expected_revenue"].sum()
    )
    assert sheet.schema["Churn probability"] == pl.Float64
    assert sheet.schema["Last purchase"].is_temporal()
    assert sheet["Last purchase"].cast(pl.Date).max() < date(2100, 1, 1)
    assert sheet["Strongest reason"].null_count() == 0
    assert path.stat().st_mode & 0o077 == 0


def test_only_an_xlsx_is_a_workbook(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"customer_segments\.csv"):
        export_workbook(run, tmp_path / "c.csv", project=tmp_path)


def sheet_xml(tmp_path: Path, table: pl.DataFrame, *columns: SheetColumn) -> str:
    path = tmp_path / "x.xlsx"
    write_workbook(
        table,
        path,
        columns,
        title="t",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        currency="JPY",
    )
    with zipfile.ZipFile(path) as book:
        names = ("xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/sharedStrings.xml")
        return "".join(book.read(name).decode() for name in names if name in book.namelist())


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    names = ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2", "http://x.example", "\t=1"]
    xml = sheet_xml(tmp_path, pl.DataFrame({"a": names}), SheetColumn("a", "=HEAD()"))
    assert "<f>" not in xml
    assert "hyperlink" not in xml
    sheet = fastexcel.read_excel(tmp_path / "x.xlsx").load_sheet(0).to_polars()
    assert sheet.to_series().to_list() == [f"'{each}" for each in names[:4]] + [
        names[4],
        f"'{names[5]}",
    ]


def test_the_header_is_frozen_and_amounts_have_the_digits_of_their_currency(
    tmp_path: Path,
) -> None:
    table = pl.DataFrame({"who": ["a"], "sum": [1234.5], "day": [date(2026, 2, 3)]})
    columns = (
        SheetColumn("who", "Who"), SheetColumn("sum", "Sum", "money"),
        SheetColumn("day", "Day", "date"), SheetColumn("none", "None"),
    )  # fmt: skip
    xml = sheet_xml(tmp_path, table, *columns)
    assert '<pane xSplit="1" ySplit="1"' in xml
    assert 'formatCode="yyyy\\-mm\\-dd"' in xml or 'formatCode="yyyy-mm-dd"' in xml
    assert 'formatCode="#,##0"' in xml or 'numFmtId="3"' in xml
    sheet = fastexcel.read_excel(tmp_path / "x.xlsx").load_sheet(0).to_polars()
    assert sheet.columns == ["Who", "Sum (JPY)", "Day"]


def test_more_customers_than_a_sheet_holds_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    table = pl.DataFrame({"a": pl.int_range(1_048_576, eager=True).cast(pl.String)})
    with pytest.raises(InputError, match="1,048,575 customers"):
        sheet_xml(tmp_path, table, SheetColumn("a", "A"))
    assert not (tmp_path / "x.xlsx").exists()


def test_the_same_run_gives_the_same_workbook(run: Run, tmp_path: Path) -> None:
    for name in ("a.xlsx", "b.xlsx"):
        export_workbook(replace(run), tmp_path / name, project=tmp_path)
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
