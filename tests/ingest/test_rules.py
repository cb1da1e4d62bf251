"""A rule of the study sees what the study reads, however the cell is written."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.errors import StudyError
from holdfast.ingest import sql
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.rules import RuleReader
from holdfast.ingest.sources import OpenSource
from holdfast.io.warehouse import Warehouse, memory_database
from holdfast.study import Study

CELLS = {
    "dollars": ("$12.50", "$1,250.00", "($90.00)", "$99.00"),
    "euros": ("12,50 €", "1.250,00 €", "-90,00 €", "99,00 €"),
    "plain": ("12.50", "1250.00", "-90.00", "99.00"),
}
DAYS = {
    "day first": ("05/01/2024", "20/01/2024", "03/02/2024", "01/12/2024"),
    "month named": ("Jan 5, 2024", "Jan 20, 2024", "Feb 3, 2024", "Dec 1, 2024"),
    "ISO": ("2024-01-05", "2024-01-20", "2024-02-03", "2024-12-01"),
    "ISO, UTC": tuple(f"2024-{day}T12:00:00Z" for day in ("01-05", "01-20", "02-03", "12-01")),
    "spreadsheet": ("45296", "45311", "45325", "45627"),
}


def taken(rule: str, *, cells: str = "plain", days: str = "ISO", typed: bool = False) -> list[int]:
    """The rows that a rule holds for, by their number from 0."""
    frame = pl.DataFrame({"when": DAYS[days], "paid": CELLS[cells]})
    frame = frame.with_columns(seen=pl.col("when"), fee=pl.col("paid"), no=pl.lit("AB12"))
    if typed:
        frame = frame.with_columns(
            pl.col("when", "seen").str.to_date(), pl.col("paid", "fee").cast(pl.Float64)
        )
    with memory_database() as connection, sql.strict_arithmetic(connection):
        connection.register("orders", frame.to_arrow())
        kinds = connection.execute(
            "SELECT column_name, column_type FROM (DESCRIBE orders)"
        ).fetchall()
        source = OpenSource(
            "transactions",
            "orders",
            {name: sql.Field(f'"{name}"', kind) for name, kind in kinds},
            ["orders.csv"],
            decimal="," if cells == "euros" else ".",
            timestamp_format="%d/%m/%Y" if days == "day first" else None,
        )
        reader = RuleReader(source, {"occurred_at": "when", "amount": "paid"}, "UTC")
        condition = reader.condition_sql(rule, where="[transactions.set_aside] 'taken'")
        holds = connection.execute(f"SELECT {condition} FROM orders").fetchall()
    return [i for i, (each,) in enumerate(holds) if each]


@pytest.mark.parametrize("cells", list(CELLS))
@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("paid > 98.5", [1, 3]),
        ("paid < 0", [2]),
        ("paid = 12.5", [0]),
        ("paid BETWEEN 12 AND 99", [0, 3]),
        ("paid IN (99, 12.5)", [0, 3]),
        ("paid * 2 >= 198", [1, 3]),
        ("abs(paid) = 90", [2]),
        ("paid > '98.5'", [1, 3]),
        ("paid = '99'", [3]),
        ("coalesce(paid, 0) > 1000", [1]),
        ("fee > 98.5", [1, 3]),
        ("paid <= fee AND fee < 0", [2]),
    ],
)
def test_a_rule_sees_an_amount_as_the_number_that_it_is(
    rule: str, rows: list[int], cells: str
) -> None:
    assert taken(rule, cells=cells) == rows


@pytest.mark.parametrize("days", list(DAYS))
@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("\"when\" >= '2024-01-20'", [1, 2, 3]),
        ("\"when\" < '2024-01-06'", [0]),
        ("\"when\" BETWEEN '2024-01-06' AND '2024-02-04'", [1, 2]),
        ("CAST(\"when\" AS DATE) = '2024-02-03'", [2]),
        ("\"when\" > '3 Feb 2024 23:00'", [3]),
        ("seen > '2024-02-01'", [2, 3]),
        ('"when" = seen', [0, 1, 2, 3]),
        ('"when" >= 20240120', [1, 2, 3]),
        ('"when" < 45297', [0]),
    ],
)
def test_a_rule_sees_a_date_as_the_day_that_it_is(rule: str, rows: list[int], days: str) -> None:
    if rule.startswith("seen") and days == "spreadsheet":
        pytest.skip("a number under another name is no date")
    assert taken(rule, days=days) == rows


def test_a_rule_may_write_a_date_as_the_cells_do() -> None:
    assert taken("\"when\" > '02/02/2024'", days="day first") == [2, 3]
    assert taken("\"when\" IN ('20/01/2024')", days="day first") == [1]


def test_a_rule_means_the_same_in_parquet() -> None:
    for rule in ("\"when\" >= '2024-01-20' AND paid > '98.5'", "\"when\" > '20 Jan 2024'"):
        assert taken(rule, typed=True) == taken(rule)


def test_a_text_stays_a_text() -> None:
    assert taken("paid LIKE '$12%'", cells="dollars") == [0]
    assert taken("\"when\" LIKE '%/01/%'", days="day first") == [0, 1]
    assert taken("paid IN ('$99.00', 'n/a')", cells="dollars") == [3]
    assert taken("no > 'AB1'") == [0, 1, 2, 3]
    assert taken("no > 5") == []


@pytest.mark.parametrize("rule", ["paid > 'much'", "\"when\" > 'last week'", '"when" > 5'])
def test_a_rule_that_can_never_hold_is_refused(rule: str) -> None:
    with pytest.raises(StudyError, match=r"can never hold: the study reads '(paid|when)' as a"):
        taken(rule)


def test_the_rules_of_a_study_set_aside_and_return_what_they_see(tmp_path: Path) -> None:
    lines = ["who,when,paid"]
    for who, day, paid in zip("abcd", DAYS["day first"], CELLS["dollars"], strict=True):
        lines.append(f'{who},{day},"{paid}"')
    (tmp_path / "orders.csv").write_text("\n".join(lines))
    study = Study.from_dict(
        {
            "study": {"name": "s"},
            "transactions": {
                "path": str(tmp_path / "orders.csv"),
                "csv": {"timestamp_format": "%d/%m/%Y"},
                "columns": {"customer_id": "who", "occurred_at": "when", "amount": "paid"},
                "set_aside": {"large": "paid > 1000"},
                "returns": {"when": "\"when\" >= '2024-12-01'"},
            },
        }
    )
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as warehouse:
        read_order_log(study, warehouse)
        kept = warehouse.query(
            "SELECT customer_id, amount_minor FROM transactions ORDER BY customer_id"
        ).rows()
    assert kept == [("a", 1250), ("c", -9000), ("d", -9900)]
