"""Runs that an older Holdfast published still load, answer, serve and roll back.

How they were made: `tests/fixtures/README.md`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.api.conftest import client_of, posted

from holdfast.features.catalogue import FEATURES_BY_NAME, fact_of
from holdfast.serving.formulas import add_derived
from holdfast.serving.load import load_models, load_study
from holdfast.serving.predict import predict_customer, predict_features
from holdfast.storage.runs import Registry, Run

LOG_RUNS = ["20261129T190558Z-6406a92a", "20261129T190534Z-f3b0862c"]
SNAPSHOT_RUN = "20261129T190620Z-631e8bc6"
SCORES = ("churn_probability", "predicted_ltv", "risk_score", "risk_rank")
WORDS = ("customer_id", "churn_risk", "ltv_tier", "segment", "actions", "cutoff_day", "currency")


@pytest.fixture(params=["log", "snapshot"])
def project(request: pytest.FixtureRequest, older_runs: Path) -> Path:
    return older_runs / str(request.param)


def test_every_file_is_still_what_the_manifest_names(older_runs: Path) -> None:
    registries = [Registry(older_runs / name / "runs") for name in ("log", "snapshot")]
    assert [registry.run_ids() for registry in registries] == [LOG_RUNS, [SNAPSHOT_RUN]]
    for registry in registries:
        for run_id in registry.run_ids():
            run = registry.open(run_id)
            run.verify()
            assert run.report.is_file()
            assert (run.path / "model_card.md").is_file()
            assert run.summary["customers"] == run.scores.height


def test_every_customer_is_answered_as_scored(project: Path) -> None:
    run = Registry(project / "runs").open()
    assert run.scores.height == {"log": 27, "snapshot": 40}[project.name]
    for score in run.scores.to_dicts():
        answer = predict_customer(run, score["customer_id"])
        assert answer["churn_probability"] == score["churn_probability"]
        assert answer["predicted_ltv"] == score["expected_revenue"]
        assert answer["segment"] == score["segment"]
        assert answer["reasons"]


def test_the_models_answer_features_as_they_did(older_runs: Path) -> None:
    cases = json.loads((older_runs / "answers.json").read_text(encoding="utf-8"))
    assert [case["run_id"] for case in cases[::3]] == [*LOG_RUNS, SNAPSHOT_RUN]
    for case in (cases[1], cases[4], cases[7]):
        name = "snapshot" if case["run_id"] == SNAPSHOT_RUN else "log"
        run = Registry(older_runs / name / "runs").open(case["run_id"])
        answer = predict_features(run, case["features"])
        _same_answer(run, case["features"], answer, case["answer"])


def test_the_api_serves_a_customer_and_answers_features(older_runs: Path) -> None:
    cases = json.loads((older_runs / "answers.json").read_text(encoding="utf-8"))
    for name, case in (("log", cases[0]), ("snapshot", cases[-1])):
        features = dict(case["features"])
        customer_id = features.pop("customer_id")
        features[{"log": "customer_id", "snapshot": "id"}[name]] = customer_id
        with client_of(older_runs / name) as api:
            served = api.get(f"/predict/{customer_id}")
            answer = posted(api, "/predict?reasons=true", features).json()
        assert served.status_code == 200
        assert served.json()["run_id"] == answer["run_id"] == case["run_id"]
        assert served.json()["churn_probability"] == pytest.approx(answer["churn_probability"])
        run = Registry(older_runs / name / "runs").open(case["run_id"])
        _same_answer(run, case["features"], answer, case["answer"])


def test_raw_orders_give_the_published_score_and_horizons_without_the_older_intervals(
    older_runs: Path,
) -> None:
    orders = pl.read_csv(older_runs / "log" / "orders.csv")
    with client_of(older_runs / "log") as api:
        for customer_id in ("C00", "C05"):
            rows = orders.filter(customer_id=customer_id).rename({"day": "occurred_at"})
            body = {"customer_id": customer_id, "orders": rows.drop("customer_id").to_dicts()}
            answer = posted(api, "/predict?horizons=true", body).json()
            published = api.get(f"/customers/{customer_id}").json()
            assert answer["churn_probability"] == pytest.approx(published["churn_probability"])
            assert [row["horizon_days"] for row in answer["horizons"]] == [30, 60]
            for row, scored in zip(answer["horizons"], published["horizons"], strict=True):
                # A count of purchases is an integral, whose last digits depend on who is asked for.
                purchases = scored.pop("expected_purchases")
                assert row.pop("expected_purchases") == pytest.approx(purchases, rel=1e-4)
                bounds = {name for name in row if name.startswith(("low", "high", "median"))}
                assert {row[name] for name in bounds} == {None}
                assert row == scored | dict.fromkeys(bounds)


def test_rollback_goes_back_to_the_champion_before(older_runs: Path) -> None:
    registry = Registry(older_runs / "log" / "runs")
    assert registry.champion_id() == LOG_RUNS[0]
    champion = registry.open()
    assert registry.rollback().run_id == LOG_RUNS[1]
    assert registry.champion_id() == LOG_RUNS[1]
    # The two were learnt alike and differ in their tiers of value.
    before = registry.open()
    assert before.scores["expected_revenue"].equals(champion.scores["expected_revenue"])
    assert not before.scores["value_tier"].equals(champion.scores["value_tier"])
    assert registry.promote(LOG_RUNS[0]).run_id == registry.champion_id() == LOG_RUNS[0]


def _same_answer(
    run: Run, features: Mapping[str, Any], answer: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert {key: answer[key] for key in WORDS} == {key: expected[key] for key in WORDS}
    assert [answer[key] for key in SCORES] == pytest.approx([expected[key] for key in SCORES])
    given = pl.DataFrame([{**features, "customer_id": "new"}], infer_schema_length=None)
    frame = add_derived(load_study(run), given)
    explained = {task: each.contributions(frame) for task, each in load_models(run).items()}

    def added(reason: Mapping[str, Any], *, of_fact: bool) -> float:
        """What the feature of a reason adds, or all features that tell the same fact."""
        columns, values = explained[reason["task"]].columns, explained[reason["task"]].values[0]
        same = {reason["feature"]}
        if of_fact and run.run_id != SNAPSHOT_RUN:
            fact = fact_of(FEATURES_BY_NAME[reason["feature"]])
            same = {name for name in columns if fact_of(FEATURES_BY_NAME[name]) == fact}
        return sum(value for name, value in zip(columns, values, strict=True) if name in same)

    # The models add what they added; features that tell one fact are one reason by now.
    for reason in expected["reasons"]:
        assert added(reason, of_fact=False) == pytest.approx(reason["contribution"])
    assert {each["task"] for each in answer["reasons"]} == set(explained)
    for reason in answer["reasons"]:
        assert added(reason, of_fact=True) == pytest.approx(reason["contribution"])
