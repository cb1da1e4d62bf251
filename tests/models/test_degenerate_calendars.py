"""No log brings a NaN to the end: every level, weight and season has a value where its divisor is
0.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.io.warehouse import Warehouse
from holdfast.progress import Silence, Steps
from holdfast.runs.train_and_score import train_and_score
from holdfast.study import Study

START = date(2015, 1, 5)
Order = tuple[str, date, float]


def orders(customers: int, days: list[int], *, stay: float, seed: int) -> Iterator[Order]:
    """Customers join at any of the days, and stay for the next one with a probability."""
    draw = np.random.default_rng(seed)
    for name in range(customers):
        for place in range(int(draw.integers(len(days))), len(days)):
            yield f"c{name}", START + timedelta(days=days[place]), round(draw.gamma(4, 10), 2)
            if draw.random() > stay:
                break


def one_day_a_year() -> Iterator[Order]:
    return orders(400, [365 * year for year in range(7)], stay=0.7, seed=1)


def one_day_a_month() -> Iterator[Order]:
    return orders(300, [30 * month for month in range(24)], stay=0.8, seed=2)


def one_customer_a_day() -> Iterator[Order]:
    for day in range(500):
        yield f"c{day % 90}", START + timedelta(days=day), float(5 + day % 7)


def everyone_buys_once() -> Iterator[Order]:
    for day in range(0, 600, 2):
        yield f"c{day}", START + timedelta(days=day), 10.0


def a_decade_of_silence() -> Iterator[Order]:
    yield from orders(300, list(range(0, 200, 20)), stay=0.7, seed=3)
    for name, day, amount in orders(300, list(range(0, 200, 20)), stay=0.7, seed=4):
        yield f"new-{name}", day + timedelta(days=3650), amount


def a_sale_in_one_week_of_two_years() -> Iterator[Order]:
    yield from orders(300, [0, 1, 2, 3, 364, 365, 366, 728, 729], stay=0.6, seed=5)


def free_of_charge_but_for_one() -> Iterator[Order]:
    for name, day, _ in orders(200, list(range(0, 500, 25)), stay=0.8, seed=6):
        yield name, day, 0.01 if name == "c7" else 0.0


CALENDARS = (
    one_day_a_year, one_day_a_month, one_customer_a_day, everyone_buys_once, a_decade_of_silence,
    a_sale_in_one_week_of_two_years, free_of_charge_but_for_one,
)  # fmt: skip


@pytest.mark.parametrize(
    ("calendar", "days_after"), [*((each, 0) for each in CALENDARS), (one_day_a_month, 200)]
)
def test_no_calendar_brings_a_nan_to_the_end(calendar, days_after: int, tmp_path: Path) -> None:
    log = pl.DataFrame(list(calendar()), schema=["who", "day", "paid"], orient="row")
    log.write_parquet(tmp_path / "orders.parquet")
    last = log["day"].max() + timedelta(days=days_after)
    columns = {"customer_id": "who", "occurred_at": "day", "amount": "paid"}
    study = Study.from_dict(
        {
            "study": {"name": "odd", "acknowledge": ["few-churned", "few-kept"]},
            "transactions": {
                "path": str(tmp_path / "orders.parquet"),
                "last_day": last.isoformat(),
                "columns": columns,
            },
            "churn": {"eligible": "ever bought"},
        }
    )
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as warehouse:
        outcome = train_and_score(study, warehouse, Steps(Silence()))
    for name in ("scores", "horizons", "forecast"):
        table = outcome.tables[name]
        for column in table.columns:
            if table.schema[column].is_float():
                values = table[column].drop_nulls()
                assert values.is_finite().all(), (name, column)
    scores = outcome.tables["scores"]
    assert scores["churn_probability"].is_between(0, 1).all()
    assert scores.select("churn_probability", "expected_revenue").null_count().row(0) == (0, 0)
