"""Expectation: the next cutoff's figures lie in the range as often as it says."""

import numpy as np
import polars as pl

from holdfast.evaluation.expectation import expect
from holdfast.tables import EVIDENCE


def evidence(metric: str, task: str, figures: np.ndarray, half: float) -> pl.DataFrame:
    rows = [
        (day, task, "champion", metric, value, value - half, value + half)
        for day, value in enumerate(figures.tolist())
    ]
    return pl.DataFrame(rows, schema=EVIDENCE.schema, orient="row")


def test_the_next_auc_lies_in_the_range_nine_times_out_of_ten() -> None:
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(400):
        business = rng.normal(1.2, 0.4)
        moves = 0.15 * np.sqrt(2 / rng.chisquare(2))
        drawn = 1 / (1 + np.exp(-rng.normal(business, moves, 4)))
        low, high = expect(evidence("roc_auc", "churn", drawn[:3], 0.0))["roc_auc"]
        inside.append(low <= drawn[3] <= high)
    assert 0.84 <= np.mean(inside) <= 0.96


def test_one_cutoff_expects_less_than_three_alike() -> None:
    def width(figures: list[float]) -> float:
        low, high = expect(evidence("brier", "churn", np.array(figures), 0.01))["brier"]
        return high - low

    assert width([0.2]) > width([0.2, 0.2, 0.2]) > 0.02


def test_what_was_not_proved_is_not_expected() -> None:
    assert expect(EVIDENCE.empty()) == {}
    only_money = expect(evidence("total_ratio", "value", np.array([1.1, 0.9]), 0.1))
    assert set(only_money) == {"total_ratio"}
    assert only_money["total_ratio"].low < 0.9
