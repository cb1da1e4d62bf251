"""What a run keeps of its log: days, cohorts, lifetimes and the latest purchases."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from holdfast.io.warehouse import Warehouse
from holdfast.runs import activity_tables as room
from holdfast.runs.activity_tables import LATEST, log_record
from holdfast.study import Study
from holdfast.tables import ACTIVITY
from holdfast.windows import day_of

STUDY = Study.from_dict(
    {
        "study": {"name": "shop"},
        "transactions": {
            "path": "o.csv",
            "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
        },
        "churn": {"horizon_days": 30},
    }
)
FIRST, END = day_of(date(2024, 1, 10)), day_of(date(2024, 3, 5))


def _day(customer_id: str, when: date, minor: int, n_orders: int = 1) -> dict[str, object]:
    empty = {column.name: 0 for column in ACTIVITY.columns}
    row = {
        "customer_id": customer_id,
        "day": day_of(when),
        "n_orders": n_orders,
        "purchase_gap": None,
    }
    return {**empty, **row, "gross_minor": max(minor, 0), "returns_minor": min(minor, 0)}


ROWS = [
    _day("ann", date(2024, 1, 10), 1000),
    _day("ann", date(2024, 2, 20), 2000),
    _day("ann", date(2024, 2, 25), -500, n_orders=0),
    _day("bob", date(2024, 1, 10), 300),
    _day("cid", date(2024, 3, 4), 700),
]


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path) as opened:
        yield opened


@pytest.fixture(autouse=True)
def two_customers_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that these few customers, too, are summed up in several ranges."""
    monkeypatch.setattr(room, "_CUSTOMERS_PER_RANGE", 2)


def _record(
    warehouse: Warehouse, rows: list[dict[str, object]], scored: list[str]
) -> dict[str, pl.DataFrame]:
    warehouse.con.register("given", pl.DataFrame(rows, schema=ACTIVITY.schema).to_arrow())
    warehouse.con.execute("""
        CREATE TABLE customer_numbers AS
        SELECT customer_id, CAST(row_number() OVER (ORDER BY customer_id) AS INTEGER) AS number
        FROM (SELECT DISTINCT customer_id FROM given);
        CREATE TABLE numbered_activity AS
        SELECT number AS customer_id, given.* EXCLUDE (customer_id) FROM given JOIN customer_numbers
            USING (customer_id)
    """)
    frame = pl.DataFrame({"customer_id": scored})
    return dict(log_record(STUDY, warehouse, first_day=FIRST, end_day=END, scored=frame))


def test_every_day_of_the_log_is_there_and_a_return_is_no_purchase(warehouse: Warehouse) -> None:
    days = _record(warehouse, ROWS, ["ann"])["days"]
    assert days.height == END - FIRST
    assert days.row(0) == (FIRST, 2, 13.0)
    assert days.filter(pl.col("day") == day_of(date(2024, 2, 25))).row(0)[1:] == (0, -5.0)
    assert days["purchases"].sum() == 4


def test_a_cohort_has_every_month_and_only_the_last_is_open(warehouse: Warehouse) -> None:
    cohorts = _record(warehouse, ROWS, ["ann"])["cohorts"]
    assert cohorts.rows() == [
        ("2024-01", 0, 2, 2, 13.0, True),
        ("2024-01", 1, 2, 1, 15.0, True),
        ("2024-01", 2, 2, 0, 0.0, False),
        ("2024-03", 0, 1, 1, 7.0, False),
    ]


def test_who_has_been_silent_for_a_horizon_left_and_the_others_are_still_seen(
    warehouse: Warehouse,
) -> None:
    survival = _record(warehouse, ROWS, ["ann"])["survival"]
    # bob left on day 0, cid was last seen on day 0, ann on day 41.
    everyone = survival.filter((pl.col("cohort") == "all") & pl.col("day").is_in([0, 7, 35]))
    assert everyone.select("day", "at_risk", "survival").rows() == [
        (0, 3, pytest.approx(2 / 3)),
        (7, 1, pytest.approx(2 / 3)),
        (35, 1, pytest.approx(2 / 3)),
    ]


def test_only_the_latest_purchases_of_scored_customers_are_kept(warehouse: Warehouse) -> None:
    many = [
        _day("dot", date.fromordinal(date(2024, 1, 12).toordinal() + k), 100 + k)
        for k in range(LATEST + 3)
    ]
    kept = _record(warehouse, [*ROWS, *many], ["dot", "bob"])["purchases"]
    assert kept["customer_id"].unique(maintain_order=True).to_list() == ["bob", "dot"]
    assert kept.filter(pl.col("customer_id") == "dot")["revenue"].to_list() == [
        (103 + k) / 100 for k in range(LATEST)
    ]


def test_who_is_not_scored_is_kept_with_the_last_purchase_and_a_return_is_none(
    warehouse: Warehouse,
) -> None:
    only_returned = _day("eve", date(2024, 2, 1), -100, n_orders=0)
    kept = _record(warehouse, [*ROWS, only_returned], ["cid"])["unscored"]
    assert kept.rows() == [
        ("ann", day_of(date(2024, 2, 20))),
        ("bob", day_of(date(2024, 1, 10))),
        ("eve", None),
    ]
