"""The last window that has passed: who is in it, what they spent in it, and before it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from holdfast.campaigns.experiments import past_window
from holdfast.campaigns.experiments.past_window import read_past
from holdfast.campaigns.experiments.power import Past
from holdfast.errors import NotEnoughData
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

START = date(2024, 1, 1)


def watch(
    folder: Path,
    rows: list[tuple[str, int, float]],
    *,
    days: int = 30,
    outcome: Literal["purchase", "revenue"] = "revenue",
) -> tuple[Past, int]:
    dated = [(c, str(START + timedelta(days=day)), amount) for c, day, amount in rows]
    pl.DataFrame(dated, schema=["c", "t", "a"], orient="row").write_csv(folder / "orders.csv")
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    study = Study.from_dict(
        {
            "study": {"name": "shop", "currency": "EUR"},
            "project_dir": str(folder),
            "transactions": {"path": "orders.csv", "columns": columns},
            "churn": {"eligible": "bought in the last 100 days"},
        }
    )
    with Warehouse.temporary() as warehouse:
        end = read_order_log(study, warehouse).end_day
        return read_past(study, warehouse, days=days, end_day=end, outcome=outcome)


def rows_of(n: int) -> list[tuple[str, int, float]]:
    """Customer i spends i in days 140 to 169, and 2 i in days 170 to 199."""
    return [
        row
        for i in range(1, n + 1)
        for row in ((f"C{i:02}", 140 + i % 30, float(i)), (f"C{i:02}", 199 - i % 30, 2.0 * i))
    ]


def test_customers_are_those_eligible_on_its_first_day(tmp_path: Path) -> None:
    # The window is days 170 to 199: who bought on day 70 is eligible, on day 69 no longer.
    past, n = watch(tmp_path, [*rows_of(60), ("in", 70, 5.0), ("out", 69, 5.0), ("new", 180, 9.0)])
    assert n == len(past.outcome) == 61
    assert sorted(past.outcome) == sorted([0.0, *(2.0 * i for i in range(1, 61))])
    assert past.predicted.tolist() == pytest.approx((past.outcome / 2).tolist())


def test_a_rate_is_predicted_by_the_purchases_before(tmp_path: Path) -> None:
    rows = [*rows_of(60), *((f"D{i}", 140, 1.0) for i in range(20)), ("D0", 150, 1.0)]
    past, _ = watch(tmp_path, rows, outcome="purchase")
    assert past.is_rate
    assert (past.outcome.sum(), past.predicted.max()) == (60, 2)


def test_of_a_larger_shop_a_part_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_window, "MOST_CUSTOMERS", 55)
    past, n = watch(tmp_path, rows_of(60))
    assert (len(past.outcome), n) == (55, 60)


def test_a_log_that_begins_within_the_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="nobody had bought before 2023-11-23"):
        watch(tmp_path, [("a", 0, 1.0), ("b", 20, 1.0)], days=60)
