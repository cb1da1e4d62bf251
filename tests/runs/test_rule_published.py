"""Where the learnt churn model proved worse than recency alone, recency is what a run publishes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.evaluation.evidence import Evidence
from holdfast.metrics import Interval
from holdfast.models.baselines import RECENCY
from holdfast.runs import train_and_score
from holdfast.runs.run import run
from holdfast.serving.load import read_table
from holdfast.serving.predict import predict_customer, predict_features
from holdfast.serving.what_if import read_customer_features
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop


def test_the_rule_is_published_saved_served_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove = train_and_score.backtest_data

    def prove_worse(*args: Any, **more: Any) -> Evidence:
        evidence = prove(*args, **more)
        churn = evidence.verdicts["churn"]
        certain = Interval(0.1, 0.05, 0.15)
        worse = {**churn.differences, "brier": certain, "log_loss": certain}
        verdicts = {**evidence.verdicts, "churn": replace(churn, differences=worse)}
        return replace(evidence, verdicts=verdicts)

    monkeypatch.setattr(train_and_score, "backtest_data", prove_worse)
    made = simulate_to(tmp_path / "shop", Shop(n_customers=300, seed=3))
    published = run(Study.from_toml(made.study, overrides={"backtest.count": "1"}))

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
