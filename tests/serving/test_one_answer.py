"""One answer about one customer, whoever asks: Python and the terminal, the API, the dashboard."""

import json
from pathlib import Path

import pytest
from tests.api.conftest import client_of, posted

from holdfast.report import formatting
from holdfast.serving.customer_search import find_customer
from holdfast.serving.load import load_study
from holdfast.serving.predict import pick_customer, predict_customer, predict_features
from holdfast.serving.what_if import read_customer_features
from holdfast.storage.runs import Registry


def test_a_customer_of_the_run_has_one_answer(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Registry(simulated_shop / "runs").open()
    names = run.scores["customer_id"]
    with client_of(simulated_shop) as api:
        for name in (names[0], names[len(names) // 2], names[-1], pick_customer(run)):
            answer = predict_customer(run, name)
            published = find_customer(run.scores, name) or {}
            shared = set(published) & set(answer)
            assert len(shared) >= 10
            assert {key: answer[key] for key in shared} == {key: published[key] for key in shared}
            assert api.get(f"/predict/{name}?reasons=true").json() == json.loads(json.dumps(answer))
            whole = api.get(f"/customers/{name}").json()
            assert {key: whole[key] for key in answer} == answer
    assert len(answer["reasons"]) >= 2

    testing = pytest.importorskip("streamlit.testing.v1")
    monkeypatch.setenv("HOLDFAST_STUDY", str(simulated_shop / "holdfast.toml"))
    page = testing.AppTest.from_string(
        "from holdfast.dashboard.views import customer\ncustomer.PAGE.show()\n", default_timeout=120
    )
    page.query_params["customer"] = name
    cards = {metric.label: metric.value for metric in page.run().metric}
    assert cards["Churn probability"] == formatting.percent(answer["churn_probability"])
    assert cards["Segment"] == answer["segment"]
    assert cards["Expected revenue"] == formatting.money(
        answer["predicted_ltv"], load_study(run).currency
    )


def test_a_customer_by_features_has_one_answer(simulated_shop: Path) -> None:
    run = Registry(simulated_shop / "runs").open()
    features = read_customer_features(run, run.scores["customer_id"][0])
    answer = predict_features(run, features)
    with client_of(simulated_shop) as api:
        told = posted(api, "/predict?reasons=true", features).json()
    assert {**told, "scored_at": ""} == {**json.loads(json.dumps(answer)), "scored_at": ""}
    published = predict_customer(run, features["customer_id"])
    assert answer["churn_probability"] == pytest.approx(published["churn_probability"], abs=1e-12)
    assert answer["segment"] == published["segment"]
