"""The bank's ruler: outcomes, rivals and verdicts by hand, and two small real logs through it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bench._bank_logs import SHOPS, Cut, cuts, read_log
from bench._bank_rivals import Prediction, customers_at, outcome, predict_all
from bench.bank import SCORES, Line, Result, error_floor, measure, top_decile, verdict, verdicts

ROWS = pl.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "b", "c"],
        "day": [0, 5, 12, 3, 11, 10],
        "amount": [10.0, 5.0, 7.0, 4.0, -4.0, 9.0],
    },
    schema_overrides={"day": pl.Int32},
)


def test_a_customer_is_seen_up_to_the_cut_and_what_came_after_it_is_looked_up() -> None:
    customers = customers_at(ROWS, 10)
    assert customers.select("customer_id", "days", "spent", "tenure", "silence").rows() == [
        ("a", 2, 15.0, 10, 5),
        ("b", 1, 4.0, 7, 7),
    ]
    buys, revenue = outcome(ROWS, customers, 10, 5)
    # A return is no purchase, and its money counts.
    assert buys.tolist() == [1.0, 0.0]
    assert revenue.tolist() == [7.0, -4.0]


def result(predicted: np.ndarray, rival: np.ndarray, buys: np.ndarray) -> Result:
    money = 10 * buys
    none = np.full(len(buys), np.nan)
    return Result(
        Cut("log", "2020-01-01", 90),
        buys,
        money,
        Prediction(predicted, 10 * predicted),
        {"rival": Prediction(rival, 10 * rival), "naive": Prediction(None, money * 0 + 5)},
        none,
        none,
        0.0,
        1e9,
        {},
    )


def test_who_is_certainly_worse_is_called_worse_and_who_is_like_the_rival_is_tied() -> None:
    draw = np.random.default_rng(1)
    chance = draw.uniform(0.05, 0.95, 4000)
    buys = (draw.random(4000) < chance).astype(float)
    flat = np.full(4000, 0.5)
    assert verdicts(SCORES[0], result(flat, chance, buys)) == {"rival": "worse", "best": "worse"}
    assert verdicts(SCORES[1], result(chance, flat, buys))["best"] == "better"
    assert verdict(flat, flat) == "tied"
    line = Line.of(result(chance, flat, buys))
    assert line.ratio == pytest.approx(1, abs=0.05)
    assert line.error <= 2 * line.floor + 0.01
    assert "rival" in line.verdicts["deviance of money"]
    assert line.text().startswith("log 2020-01-01, 90 days")


def test_a_top_decile_that_got_nothing_of_what_it_was_promised_is_endless() -> None:
    buys = np.array([0.0] * 5 + [1.0] * 15)
    promised = np.linspace(1, 0, 20)
    assert top_decile(result(promised, promised, buys)) == float("inf")
    assert error_floor(np.zeros(10)) == 0


def test_rivals_see_nothing_of_what_comes_after_the_cut() -> None:
    shop = replace(SHOPS["shop-a"], n_customers=300, n_days=400)
    SHOPS["small"] = shop
    try:
        rows = read_log("small", Path())
    finally:
        del SHOPS["small"]
    cut = Cut("small", "2023-04-01", 60)
    before = predict_all(rows.filter(pl.col("day") < cut.now), cut)
    for name, each in predict_all(rows, cut).items():
        np.testing.assert_array_equal(each.buys, before[name].buys)
        np.testing.assert_array_equal(each.revenue, before[name].revenue)


@pytest.mark.slow
@pytest.mark.parametrize("log", ["onlinegrocer", "labtests"])
def test_on_two_small_logs_nothing_is_certainly_worse_than_the_naive_rule(
    log: str, bench_data: Path
) -> None:
    for cut in cuts(bench_data):
        if cut.log == log:
            line = Line.of(measure(read_log(log, bench_data), cut))
            assert {each["naive"] for each in line.verdicts.values()} <= {"better", "tied"}
            assert 0.7 <= line.ratio <= 1.5
            assert 0.7 <= line.coverage <= 0.95
            assert line.brier_over_best <= 1.03
            assert line.error <= line.floor + 0.06
            assert set(line.result.ranges) == {"roc_auc", "brier", "total_ratio"}
