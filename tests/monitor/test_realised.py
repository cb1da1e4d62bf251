"""Earlier predictions are held against what came, and what is certainly off is a finding."""

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from holdfast.monitor.findings import describe_realised
from holdfast.monitor.realised import measure_realised
from holdfast.study.monitor import Monitor

RUN, N = "20260101T000000Z-00000001", 1_000
KEYS = {"run_id": RUN, "cutoff_day": 20_000, "horizon_days": 30}


Truth = tuple[np.ndarray, np.ndarray, np.ndarray]


def predictions(p: np.ndarray, revenue: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"customer_id": [f"C{k:04}" for k in range(len(p))], "churn_probability": p,
         "expected_revenue": revenue, "low_80": revenue - 10, "high_80": revenue + 10,
         "low_95": revenue - 20, "high_95": revenue + 20}
    )  # fmt: skip
    return frame.with_columns(
        pl.lit(RUN).alias("run_id"),
        pl.lit(20_000, pl.Int32).alias("cutoff_day"),
        pl.lit(30, pl.Int32).alias("horizon_days"),
    )


def labels(churned: np.ndarray, revenue: np.ndarray) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"customer_id": [f"C{k:04}" for k in range(len(churned))], "churned": churned,
         "future_revenue": revenue}
    )  # fmt: skip
    return frame.with_columns(
        pl.lit(20_000, pl.Int32).alias("cutoff_day"), pl.lit(30, pl.Int32).alias("horizon_days")
    )


@pytest.fixture(scope="module")
def truth() -> Truth:
    """Probabilities that hold, who churned, and revenue that comes as expected."""
    rng = np.random.default_rng(1)
    p = rng.random(N)
    return p, rng.random(N) < p, rng.normal(100, 5, N)


def figure(table: pl.DataFrame, metric: str) -> dict[str, float]:
    return table.filter(metric=metric).row(0, named=True)


def test_what_came_is_measured_as_scikit_learn_measures_it(truth: Truth) -> None:
    p, churned, revenue = truth
    table = measure_realised(predictions(p, revenue), labels(churned, revenue), seed=1)
    assert figure(table, "roc_auc")["value"] == pytest.approx(roc_auc_score(churned, p))
    assert figure(table, "churn_rate")["value"] == pytest.approx(churned.mean())
    assert figure(table, "churn_rate")["expected"] == pytest.approx(p.mean())
    assert figure(table, "total_ratio")["value"] == pytest.approx(1)


def test_the_share_within_an_interval_is_counted(truth: Truth) -> None:
    p, churned, revenue = truth
    came = revenue + np.where(np.arange(N) < 300, 15.0, 0.0)
    table = measure_realised(predictions(p, revenue), labels(churned, came), seed=1)
    assert figure(table, "coverage_80")["value"] == pytest.approx(0.7)
    assert figure(table, "coverage_95")["value"] == pytest.approx(1)


def test_a_customer_whose_outcome_is_not_known_is_left_out(truth: Truth) -> None:
    p, churned, revenue = truth
    half = labels(churned, revenue).head(N // 2)
    table = measure_realised(predictions(p, revenue), half, seed=1)
    assert set(table["customers"]) == {N // 2}


def test_predictions_that_hold_are_no_finding(truth: Truth) -> None:
    p, churned, revenue = truth
    table = measure_realised(predictions(p, revenue), labels(churned, revenue), seed=1)
    assert list(describe_realised(table, Monitor())) == []


def test_each_thing_that_is_off_is_one_finding(truth: Truth) -> None:
    p, _, revenue = truth
    by_chance = np.random.default_rng(2).random(N) < 0.8
    table = measure_realised(predictions(p, revenue), labels(by_chance, revenue * 2), seed=1)
    names = [finding.name for finding in describe_realised(table, Monitor())]
    assert names == [
        "order-of-risk-is-worse", "churn-not-as-expected", "revenue-not-as-expected",
        "intervals-miss-outcomes",
    ]  # fmt: skip


def test_too_few_outcomes_are_no_finding(truth: Truth) -> None:
    p, _, revenue = truth
    by_chance = np.random.default_rng(2).random(N) < 0.8
    few = labels(by_chance, revenue * 2).head(199)
    table = measure_realised(predictions(p, revenue), few, seed=1)
    assert list(describe_realised(table, Monitor())) == []


def test_half_the_revenue_expected_is_named_with_the_ratio(truth: Truth) -> None:
    p, churned, revenue = truth
    table = measure_realised(predictions(p, revenue), labels(churned, revenue / 2), seed=1)
    (finding,) = [f for f in describe_realised(table, Monitor()) if f.name.startswith("revenue")]
    assert "2.00 times what came" in finding.evidence
