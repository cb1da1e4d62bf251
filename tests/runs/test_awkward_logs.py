"""Awkward logs: what cannot be estimated is said, a fallback stands in, and no figure is missing or
impossible.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.errors import NotEnoughData
from holdfast.io.warehouse import Warehouse
from holdfast.progress import Silence, Steps
from holdfast.runs.run import run
from holdfast.runs.train_and_score import Outcome, train_and_score
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop

START = date(2020, 1, 1)
Orders = list[tuple[str, int, float]]


FATAL = ("few-churned", "few-kept")


def told(
    orders: Orders, folder: Path, *, acknowledge: Sequence[str] = FATAL, **churn: int
) -> Outcome:
    """Everything but the papers of a run over (customer, day, amount)."""
    log = pl.DataFrame(orders, schema=["customer", "day", "amount"], orient="row")
    when = pl.col("day").map_elements(lambda day: START + timedelta(days=day), return_dtype=pl.Date)
    log.with_columns(when=when).drop("day").write_parquet(folder / "orders.parquet")
    horizon = churn.get("horizon_days", 60)
    study = Study.from_dict(
        {
            "study": {
                "name": "awkward",
                "project_dir": str(folder),
                "horizons_days": [30, 90],
                "acknowledge": list(acknowledge),
            },
            "transactions": {
                "path": "orders.parquet",
                "columns": {"customer_id": "customer", "occurred_at": "when", "amount": "amount"},
                "returns": {"when": "amount < 0"},
            },
            "churn": {"horizon_days": horizon},
            "value": {"horizon_days": horizon},
            "backtest": {"count": 1, "max_training_cutoffs": 3},
        }
    )
    (folder / "scratch").mkdir()
    with Warehouse(folder / "scratch") as warehouse:
        return train_and_score(study, warehouse, Steps(Silence()))


def names(outcome: Outcome) -> set[str]:
    return {finding["name"] for finding in outcome.summary["findings"]}


def possible(outcome: Outcome) -> None:
    """No NaN, no probability outside 0..1, no horizon that contradicts another."""
    scores, horizons, weeks = (outcome.tables[name] for name in ("scores", "horizons", "forecast"))
    for table in (scores, horizons, weeks):
        numbers = table.select(pl.col(pl.Float64))
        assert numbers.select(pl.all().is_nan().any()).row(0).count(True) == 0
        assert numbers.select(pl.all().is_infinite().any()).row(0).count(True) == 0
    assert scores["churn_probability"].is_between(0, 1).all()
    assert horizons["churn_probability"].is_between(0, 1).all()
    n = horizons["horizon_days"].n_unique()
    ordered = horizons.sort("customer_id", "horizon_days")
    silent = ordered["churn_probability"].to_numpy().reshape(-1, n)
    money = ordered["expected_revenue"].to_numpy().reshape(-1, n)
    assert (np.diff(silent, axis=1) <= 1e-12).all()
    assert (np.diff(money, axis=1) >= -1e-9).all()


def shoppers(n: int, *, n_days: int, seed: int, amount: float = 20.0) -> Orders:
    """Customers who come from all days on and buy at their own pace until they stop."""
    draw = np.random.default_rng(seed)
    orders: Orders = []
    for i in range(n):
        day, gap, left = (
            draw.integers(0, n_days - 60),
            draw.uniform(10, 60),
            draw.integers(60, 2 * n_days),
        )
        while day < min(n_days, left):
            orders.append((f"c{i}", int(day), float(round(amount * draw.uniform(0.5, 2), 2))))
            day += max(1, int(draw.exponential(gap)))
    return orders


def test_ten_customers_get_possible_figures(tmp_path: Path) -> None:
    possible(told(shoppers(10, n_days=400, seed=1), tmp_path))


def test_customers_who_are_all_alike_are_told_alike(tmp_path: Path) -> None:
    orders = [
        (f"c{i}", day, 10.0)
        for i in range(60)
        for day in (0, 30, 60, 90, 120, 150, 200, 280, 300, 350)
    ]
    found = told(orders, tmp_path)
    possible(found)
    assert found.tables["scores"]["churn_probability"].round(9).n_unique() == 1


def test_one_cohort_is_no_trouble(tmp_path: Path) -> None:
    later = shoppers(80, n_days=400, seed=2)
    possible(told([*((f"c{i}", 0, 15.0) for i in range(80)), *later], tmp_path))


def test_where_refunds_exceed_purchases_nothing_is_expected_and_that_is_said(
    tmp_path: Path,
) -> None:
    orders = shoppers(80, n_days=400, seed=3)
    refunds = [(name, min(day + 2, 399), -2.6 * amount) for name, day, amount in orders[::2]]
    found = told(orders + refunds, tmp_path)
    possible(found)
    assert "nothing-earned" in names(found)
    assert found.summary["expected_revenue"] == 0


def test_a_horizon_longer_than_the_history_is_said(tmp_path: Path) -> None:
    found = told(shoppers(150, n_days=200, seed=4), tmp_path, acknowledge=(), horizon_days=300)
    possible(found)
    assert names(found) & {"short-windows-churn", "horizons-extrapolated"}


def test_without_a_repeat_buyer_everyone_is_told_to_leave_and_why(tmp_path: Path) -> None:
    found = told([(f"c{i}", i % 390, 10.0 + i % 7) for i in range(200)], tmp_path)
    possible(found)
    assert {"churn-all-alike", "nothing-earned"} <= names(found)
    assert found.tables["scores"]["churn_probability"].min() > 0.99
    acknowledged = {each["name"] for each in found.summary["findings"] if each["acknowledged"]}
    assert acknowledged == {"few-kept"}


def test_where_nobody_came_back_a_run_ends_until_that_is_acknowledged(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="few-kept: 0 customers who were kept") as error:
        told([(f"c{i}", i % 390, 10.0 + i % 7) for i in range(200)], tmp_path, acknowledge=())
    assert 'acknowledge = ["few-kept"]' in error.value.fix


def test_two_or_three_customers_get_figures_or_a_reason(tmp_path: Path) -> None:
    """Of so few a part that is set aside may hold nobody, and one that is learnt from one buyer."""
    for seed in range(6):
        made = simulate_to(tmp_path / str(seed), Shop(n_customers=2 + seed % 2, seed=seed))
        try:
            published = run(Study.from_toml(made.study, overrides={"backtest.count": "1"}))
        except NotEnoughData:
            continue
        assert published.scores["churn_probability"].is_between(0, 1).all()
