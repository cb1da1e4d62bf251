"""Dates are read by one reader, however they are written, and in the business's time zone."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from bench._stranger_formats import DATES, DateFormat

from holdfast.errors import DataError, StudyError
from holdfast.ingest import sql
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.timestamps import is_iso, time_sql
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

FORMAT_NEEDED = {
    "day first": "%d/%m/%Y %H:%M:%S",
    "month first": "%m/%d/%Y %H:%M:%S",
    "month first, 12-hour clock": "%m/%d/%Y %I:%M:%S %p",
    "points, day first": "%d.%m.%Y",
    "two digits of a year": "%d/%m/%y",
}
MOMENT = datetime(2023, 1, 22, 14, 5, 30)  # noqa: DTZ001 - local, as the log's own times are
DAY = datetime(2023, 1, 22)  # noqa: DTZ001
BEHIND_UTC = {5: MOMENT.replace(hour=19), 8: MOMENT.replace(hour=22)}


def read(
    written: object, *, kind: str = "VARCHAR", form: str | None = None, zone: str = "UTC"
) -> datetime | None:
    query = time_sql(sql.Field("x", kind), form, zone=zone)
    with sql.calculator() as connection:
        (time,) = connection.execute(f"SELECT {query} FROM (SELECT ? AS x)", [written]).fetchone()
    return time


@pytest.mark.parametrize("form", DATES, ids=lambda form: form.name)
def test_each_format_of_a_date_is_read_as_the_moment_it_means(form: DateFormat) -> None:
    expected = BEHIND_UTC.get(form.hours, MOMENT if form.has_time else DAY)
    assert read(form.example, form=FORMAT_NEEDED.get(form.name)) == expected
    assert (form.name in FORMAT_NEEDED) is (read(form.example) is None)


def test_the_bench_writes_each_format_as_its_example_has_it() -> None:
    from bench._stranger_formats import EXAMPLE

    assert len(DATES) >= 21
    wrong = {
        form.name: form.write(EXAMPLE) for form in DATES if form.write(EXAMPLE) != form.example
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("written", "zone", "hour"),
    [
        ("2023-01-22 14:05:30 -0500", "America/New_York", 14),
        ("2023-01-22 14:05:30 -0500", "Europe/Berlin", 20),
        ("Jan 22, 2023 2:05:30 PM PST", "America/New_York", 17),
        ("1674396330", "Europe/Berlin", 15),
        ("1674396330000", "Europe/Berlin", 15),
        # What has no offset is the business's own time.
        ("Jan 22, 2023, 02:05:30 PM", "Europe/Berlin", 14),
        ("44948.587153", "Europe/Berlin", 14),
    ],
)
def test_an_offset_is_converted_to_the_business_s_time(written: str, zone: str, hour: int) -> None:
    assert read(written, zone=zone) == MOMENT.replace(hour=hour)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1674396330, MOMENT),
        (1674396330000, MOMENT),
        (1674396330000000, MOMENT),
        (20230122, DAY),
        (44948, DAY),
        (12, None),
        (123456, None),
        (99999999, None),
    ],
)
@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "VARCHAR"])
def test_a_number_is_a_date_by_its_size(number: int, kind: str, expected: datetime | None) -> None:
    assert read(str(number) if kind == "VARCHAR" else number, kind=kind) == expected


@pytest.mark.parametrize(
    "written",
    ["01/02/2023", "31 Feb 2023", "2023-02-30", "2023-01-22 25:00", "14:05", "epoch", "infinity",
     "Jan 2023", "hello", "2023-01-22 14:05 PM", "22 Foo 2023", "2023-01-22 14:05:00 XYZ"],
)  # fmt: skip
def test_what_is_no_date_or_two_is_not_read(written: str) -> None:
    assert read(written) is None


def test_a_blank_that_does_not_break_stands_before_pm_too() -> None:
    assert read("Jan 22, 2023 2:05:30\u202fPM") == MOMENT
    assert read("01/22/2023 2:05:30\u202fPM", form="%m/%d/%Y %I:%M:%S %p") == MOMENT


@pytest.mark.parametrize(
    ("written", "is_short"),
    [("2023-01-22", True), ("2023-01-22T14:05:30Z", True), ("2023-01-22 14:05:30-05:00", True),
     ("2023-01-22 14:05:30 -0500", False), ("2023-01-22 02:05 PM", False), ("20230122", False)],
)  # fmt: skip
def test_only_what_the_database_itself_reads_is_read_by_a_short_query(
    written: str, is_short: bool
) -> None:
    assert is_iso(written) is is_short


def log_of(folder: Path, dates: list[object], name: str = "orders.csv", **csv: str) -> OrderLog:
    frame = pl.DataFrame({"who": [f"c{i}" for i in range(len(dates))], "at": dates})
    frame.write_csv(folder / name) if name.endswith("csv") else frame.write_parquet(folder / name)
    columns = {"customer_id": "who", "occurred_at": "at"}
    study = Study.from_dict(
        {
            "study": {"name": "shop", "project_dir": str(folder)},
            "transactions": {"path": name, "columns": columns, "csv": csv},
        }
    )
    (folder / "scratch").mkdir()
    with Warehouse(folder / "scratch") as warehouse:
        return read_order_log(study, warehouse)


def test_two_ways_to_write_dates_in_one_column_are_told_with_their_rows(tmp_path: Path) -> None:
    dates = ["2023-01-22"] * 3 + ["Jan 22, 2023"] * 2 + ["soon"]
    log = log_of(tmp_path, list(dates))
    assert (log.rows.accepted, log.rows.quarantined) == (5, 1)
    assert log.reasons["transactions"] == {"occurred_at is not a date": 1}
    (told,) = [each for each in log.findings if each.name == "several-date-forms-transactions"]
    assert told.evidence.endswith("3 as 2023-01-31, 2 as 31 Jan 2023")


def test_a_date_that_can_be_read_one_way_only_needs_no_format_beside_the_study_s(
    tmp_path: Path,
) -> None:
    log = log_of(tmp_path, ["22/01/2023", "2023-01-23"], timestamp_format="%d/%m/%Y")
    assert (log.rows.accepted, log.first_day + 2) == (2, log.end_day)
    (told,) = [each for each in log.findings if each.name == "several-date-forms-transactions"]
    assert "1 as 2023-01-31, 1 as the study's timestamp_format" in told.evidence


def test_numbers_of_a_parquet_file_are_dates_too(tmp_path: Path) -> None:
    log = log_of(tmp_path, [1674396330, 1674482730], "orders.parquet")
    assert (log.rows.accepted, log.first_day + 2) == (2, log.end_day)


def test_a_column_of_yes_and_no_is_no_column_of_dates(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is BOOLEAN, not a date or time"):
        log_of(tmp_path, [True, False], "orders.parquet")


def test_a_format_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="'%q' is no format"):
        log_of(tmp_path, ["2023-01-22"], timestamp_format="%q")
