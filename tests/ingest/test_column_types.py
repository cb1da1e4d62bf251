"""Whatever types a file gives its columns, the same shop comes out."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.windows import day_of

COLUMNS = {"customer_id": "who", "occurred_at": "at", "amount": "total"}
Write = Callable[[Path], None]


def read(
    folder: Path, name: str, *, zone: str = "UTC", **log: Any
) -> tuple[OrderLog, list[tuple[Any, ...]]]:
    scratch = folder / f"scratch of {name}"
    scratch.mkdir()
    transactions = {"path": name, "columns": COLUMNS, **log}
    raw = {
        "study": {"name": "t", "time_zone": zone},
        "project_dir": str(folder),
        "transactions": transactions,
    }
    with Warehouse(scratch) as warehouse:
        found = read_order_log(Study.from_dict(raw), warehouse)
        return found, warehouse.con.execute(
            "SELECT customer_id, day, amount_minor FROM transactions"
        ).fetchall()


@pytest.mark.parametrize(
    ("at", "kind"),
    [
        (date(2011, 7, 1), pl.Date()),
        (datetime(2011, 7, 1, 0, 30), pl.Datetime("ms")),  # noqa: DTZ001
        (datetime(2011, 7, 1, 0, 30), pl.Datetime("ns")),  # noqa: DTZ001
        (datetime(2011, 6, 30, 23, 30, tzinfo=UTC), pl.Datetime("us", "UTC")),
        ("2011-07-01 00:30:00", pl.String()),
        ("2011-06-30T23:30:00Z", pl.String()),
    ],
)
def test_a_time_of_any_type_falls_on_its_day_in_london(
    tmp_path: Path, at: object, kind: pl.DataType
) -> None:
    frame = pl.DataFrame({"who": ["a"], "at": pl.Series([at], dtype=kind), "total": [5.0]})
    frame.write_parquet(tmp_path / "orders.parquet")
    assert read(tmp_path, "orders.parquet", zone="Europe/London")[1] == [
        ("a", day_of(date(2011, 7, 1)), 500)
    ]


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        (pl.Series([12345.0, None, float("nan")]), "12345"),
        (pl.Series([12345, None, None], dtype=pl.Int16), "12345"),
        (pl.Series(["12345", "  ", None]), "12345"),
        (pl.Series([Decimal("12345.00"), None, None]), "12345"),
        (pl.Series([b"x\0y", b"\xff", None]), "x\0y"),
        (pl.Series(["x\0y", "\t\u00a0", ""]), "x\0y"),
    ],
)
def test_an_id_of_any_type_is_a_text_and_nothing_is_nobody(
    tmp_path: Path, who: pl.Series, shown: str
) -> None:
    frame = pl.DataFrame({"who": who, "at": [date(2011, 1, 1)] * 3, "total": [5.0] * 3})
    frame.write_parquet(tmp_path / "orders.parquet")
    found, rows = read(tmp_path, "orders.parquet")
    assert [row[0] for row in rows] == [shown]
    assert found.reasons["transactions"] == {"no customer": 2}


@pytest.mark.parametrize(
    "total",
    [
        pl.Series([1.005, -2.5, float("inf"), float("nan"), 1e30]),
        pl.Series(["1.005", "-2.5", "inf", "NaN", "1e30"]),
        pl.Series([1.005, -2.5, float("inf"), float("-inf"), 3e38], dtype=pl.Float32),
    ],
)
def test_an_amount_of_any_type_is_exact_or_quarantined(tmp_path: Path, total: pl.Series) -> None:
    frame = pl.DataFrame({"who": ["a"] * 5, "at": [date(2011, 1, 1)] * 5, "total": total})
    frame.write_parquet(tmp_path / "orders.parquet")
    found, rows = read(tmp_path, "orders.parquet")
    # A float32 has seven digits: it is 1.00499999523, and no reader can know better.
    assert [row[2] for row in rows] == [100 if total.dtype == pl.Float32 else 101, -250]
    assert found.rows.quarantined == 3
    assert found.quarantine["reason"].str.starts_with("amount is").all()


def test_the_quarantine_shows_an_infinite_number_as_it_is(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"who": ["a", "b"], "at": [date(2011, 1, 1)] * 2, "total": [1.0, float("inf")]}
    )
    frame.write_parquet(tmp_path / "orders.parquet")
    found, _ = read(tmp_path, "orders.parquet")
    assert found.quarantine.select("row", "raw").row(0) == (
        2,
        '{"who":"b","at":"2011-01-01","total":"inf"}',
    )


def test_a_missing_cell_is_missing_in_every_format(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"who": ["a", "b"], "at": ["2011-01-01"] * 2, "total": ["5", "6"], "note": ["gift", None]}
    )
    frame.write_parquet(tmp_path / "orders.parquet")
    frame.write_csv(tmp_path / "orders.csv")
    for name in ("orders.parquet", "orders.csv"):
        found, rows = read(
            tmp_path,
            name,
            set_aside={"noted": "note IS NOT NULL", "bare": "coalesce(note, 'x') = 'y'"},
        )
        assert found.reasons["transactions"] == {"noted": 1}
        assert [row[0] for row in rows] == ["b"]


@pytest.mark.parametrize("csv", [{}, {"timestamp_format": "%Y%m%d"}])
def test_whole_numbers_are_dates_by_their_size(tmp_path: Path, csv: dict[str, str]) -> None:
    frame = pl.DataFrame({"who": ["a"], "at": [20110701], "total": [5]})
    frame.write_parquet(tmp_path / "orders.parquet")
    _, rows = read(tmp_path, "orders.parquet", csv=csv)
    assert rows == [("a", day_of(date(2011, 7, 1)), 500)]


def test_columns_that_differ_in_case_alone_are_two_columns(tmp_path: Path) -> None:
    frame = pl.DataFrame({"who": ["a"], "WHO": ["z"], "at": [date(2011, 1, 1)], "total": [5]})
    frame.write_parquet(tmp_path / "orders.parquet")
    frame.write_csv(tmp_path / "orders.csv")
    for name in ("orders.parquet", "orders.csv"):
        _, rows = read(tmp_path, name, columns={**COLUMNS, "customer_id": "WHO"})
        assert [row[0] for row in rows] == ["z"]


def test_a_wide_mess_of_a_file_is_accounted_for_line_by_line(tmp_path: Path) -> None:
    lines = [b"who,at,total"]
    for i in range(5000):
        lines.append(
            {
                3: b"only one cell",
                5: b"a,2011-01-01,1,2,3",
                7: b"caf\xe9,2011-01-01,1",
                11: b'"a",2011-13-01,1',
                13: b",2011-01-01,1",
                17: "🎁,2011-01-01,1".encode(),
            }.get(i % 19, b"c%d,2011-01-01,1" % i)
        )
    (tmp_path / "orders.csv").write_bytes(b"\r\n".join(lines))
    found, rows = read(tmp_path, "orders.csv")
    per_kind = {i: len(range(i, 5000, 19)) for i in (3, 5, 7, 11, 13, 17)}
    assert found.reasons["transactions"] == {
        "1 cells where the header has 3": per_kind[3],
        "5 cells where the header has 3": per_kind[5],
        "bytes that are not utf-8 text": per_kind[7],
        "occurred_at is not a date": per_kind[11],
        "no customer": per_kind[13],
    }
    assert found.rows.read == 5000
    assert len(rows) == found.rows.accepted == 5000 - sum(per_kind[i] for i in (3, 5, 7, 11, 13))
    table = found.quarantine
    assert table["row"].to_list() == [i + 2 for i in range(5000) if i % 19 in (3, 5, 7, 11)]
