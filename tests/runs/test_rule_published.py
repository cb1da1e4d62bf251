"""Where a learnt model proved worse than the naive rule, the rule is what a run publishes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.evaluation.evidence import Evidence, TaskName
from holdfast.metrics import Interval
from holdfast.models.baselines import RECENCY
from holdfast.runs import fitting
from holdfast.runs.run import run
from holdfast.serving.load import read_table
from holdfast.serving.predict import predict_customer, predict_features
from holdfast.serving.what_if import read_customer_features
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.synthetic import Shop


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[TaskName], Run]:
    """Run a small shop whose model of a task proves worse than the naive rule."""

    def run_with(task: TaskName) -> Run:
        prove = fitting.backtest_data

        def prove_worse(*args: Any, **more: Any) -> Evidence:
            evidence = prove(*args, **more)
            verdict = evidence.verdicts[task]
            errors = ("brier", "log_loss") if task == "churn" else ("tweedie_deviance",)
            worse = {**verdict.differences, **dict.fromkeys(errors, Interval(0.1, 0.05, 0.15))}
            verdicts = {**evidence.verdicts, task: replace(verdict, differences=worse)}
            return replace(evidence, verdicts=verdicts)

        monkeypatch.setattr(fitting, "backtest_data", prove_worse)
        made = simulate_to(tmp_path / "shop", Shop(n_customers=300, seed=3))
        return run(Study.from_toml(made.study, overrides={"backtest.count": "1"}))

    return run_with


def test_the_rule_of_churn_is_published_saved_served_and_said(
    publish: Callable[[TaskName], Run],
) -> None:
    published = publish("churn")

    churn = published.summary["churn"]
    assert churn["algorithm"] == "rule: recency"
    assert churn["against_baseline"]["brier"]["verdict"] == "worse"
    names = {finding["name"] for finding in published.summary["findings"]}
    assert {"churn-by-rule", "worse-than-naive-churn"} <= names
    days = read_table(published, "features").select("customer_id", RECENCY)
    scores = published.scores.join(days, on="customer_id").sort(RECENCY)
    assert scores["churn_probability"].is_sorted()
    by_days = scores.group_by(RECENCY).agg(pl.col("churn_probability").n_unique())
    assert by_days["churn_probability"].unique().to_list() == [1]

    name = scores["customer_id"][-1]
    answer = predict_customer(published, name)
    again = predict_features(published, read_customer_features(published, name))
    assert again["churn_probability"] == pytest.approx(answer["churn_probability"], abs=1e-12)
    reasons = [each["feature"] for each in answer["reasons"] if each["task"] == "churn"]
    assert reasons in ([], [RECENCY])


def test_the_rule_of_value_is_published_saved_served_and_said(
    publish: Callable[[TaskName], Run],
) -> None:
    published = publish("value")
    summary = published.summary
    assert summary["value"]["algorithm"] == "rule: trailing spend"
    names = {finding["name"] for finding in summary["findings"]}
    assert {"value-by-rule", "worse-than-naive-value"} <= names
    assert "churn-by-rule" not in names

    spent = read_table(published, "features").select("customer_id", "spend_180d")
    scores = published.scores.join(spent, on="customer_id", maintain_order="left")
    by_hand = scores["spend_180d"].cast(pl.Float64).clip(0).to_numpy()
    assert summary["value"]["horizon_days"] == 180
    np.testing.assert_allclose(scores["expected_revenue"].to_numpy(), by_hand, atol=1e-9)
    horizons = published.table("horizons").pivot(
        "horizon_days", index="customer_id", values="expected_revenue"
    )
    np.testing.assert_allclose(horizons["365"], horizons["180"] * 365 / 180, atol=1e-9)
    np.testing.assert_allclose(horizons["30"], horizons["180"] * 30 / 180, atol=1e-9)
    bounds = scores.select("revenue_low_80", "median_revenue", "revenue_high_80")
    assert bounds.null_count().sum_horizontal().item() == 0
    assert (bounds["revenue_high_80"] > bounds["revenue_low_80"]).sum() > 100

    name = scores.sort("expected_revenue")["customer_id"][-1]
    answer = predict_customer(published, name)
    again = predict_features(published, read_customer_features(published, name))
    assert again["predicted_ltv"] == pytest.approx(answer["predicted_ltv"], abs=1e-9)
    assert [e["feature"] for e in answer["reasons"] if e["task"] == "value"] == ["spend_180d"]
