"""What the API says is what the run says."""

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from tests.api.conftest import (
    CUSTOMERS,
    FEATURES,
    client_of,
    posted,
    publish,
    snapshot_study,
    write_customers,
)
from tests.api.harness import Api, Transport

from holdfast.api.answers.evidence import MonitorAnswer
from holdfast.cli.predict import print_prediction
from holdfast.client import Client, ProblemError
from holdfast.errors import DataError
from holdfast.serving.customer_search import find_customer
from holdfast.serving.predict import predict_customer, predict_features
from holdfast.storage.runs import Registry
from holdfast.tables import json_rows

STAMP = ("run_id", "cutoff_day", "model_version", "scored_at")


def test_a_customers_answer_is_what_the_command_line_says(
    api: Api, published: Path, scores: pl.DataFrame
) -> None:
    run = Registry(published / "runs").open()
    for name in ("C0000", "C0150", "=C0007", scores["customer_id"][-1]):
        told, said = api.get(f"/predict/{name}").json(), predict_customer(run, name)
        shared = set(told) & set(said)
        assert shared >= {
            "churn_probability",
            "churn_risk",
            "predicted_ltv",
            "ltv_tier",
            "segment",
            "actions",
        }
        assert {key: told[key] for key in shared} == {key: said[key] for key in shared}


def test_every_customer_is_found_and_no_stranger(api: Api, scores: pl.DataFrame) -> None:
    served = api.context.store.current
    assert served is not None
    names = scores["customer_id"].to_list()
    assert [find_customer(served.frame, name) for name in names] == scores.to_dicts()
    strangers = ("", "A", "C00000", "C9999", "🟢", names[0] + " ")
    assert [find_customer(served.frame, name) for name in strangers] == [None] * 6


def test_every_answer_carries_the_run(api: Api) -> None:
    for path in (
        "/predict/C0001",
        "/segments",
        "/customers",
        "/evidence",
        "/features",
        "/runs",
        "/ready",
        "/health",
    ):
        told = api.get(path)
        assert all(told.json()[name] is not None for name in STAMP), path
        assert told.headers["holdfast-run-id"] == told.json()["run_id"]


def test_features_give_the_published_score(api: Api, published: Path, scores: pl.DataFrame) -> None:
    rows = pl.read_parquet(published / "customers.parquet").drop("gone", "worth")
    for row in rows.sort("id").head(20).to_dicts():
        told = posted(api, "/predict", row).json()
        said = scores.filter(pl.col("customer_id") == row["id"]).row(0, named=True)
        assert told["customer_id"] == row["id"]
        assert told["churn_probability"] == pytest.approx(said["churn_probability"], abs=1e-12)
        assert told["predicted_ltv"] == pytest.approx(said["expected_revenue"], rel=1e-12)
        assert (told["segment"], told["risk_score"]) == (said["segment"], said["risk_score"])


def test_the_command_line_reads_features_as_the_api_does(api: Api, published: Path) -> None:
    run = Registry(published / "runs").open()
    for features in (FEATURES, {**FEATURES, "Cart_Abandon_Rate": 0.10}):
        told, said = (
            posted(api, "/predict?reasons=true", features).json(),
            predict_features(run, features),
        )
        # Each says when it was scored.
        shared = set(told) & set(said) - {"scored_at"}
        assert shared >= {"predicted_ltv", "segment", "reasons", "warnings"}
        assert {key: told[key] for key in shared} == {key: said[key] for key in shared}
    for wrong, message in (
        ({"Cliks": 1}, "did you mean 'Clicks'"),
        ({"Frequency": 1}, "5 features are missing: Cart_Abandon_Rate"),
        ({**FEATURES, "Clicks": "many"}, "'Clicks' is a word"),
        ({k: v for k, v in FEATURES.items() if k != "Plan"}, "1 feature is missing: Plan"),
    ):
        with pytest.raises(DataError, match=message):
            predict_features(run, wrong)


def test_a_share_where_the_data_has_percent_is_doubted(api: Api) -> None:
    assert posted(api, "/predict", FEATURES).json()["warnings"] == []
    (doubt,) = posted(api, "/predict", {**FEATURES, "Cart_Abandon_Rate": 0.10}).json()["warnings"]
    assert "Cart_Abandon_Rate is 0.1" in doubt
    assert "write 10" in doubt


def test_reasons_are_told_when_asked_for(api: Api) -> None:
    published = api.get("/predict/C0001", params={"reasons": "true"}).json()["reasons"]
    assert published == api.get("/customers/C0001/reasons").json()["reasons"]
    online = posted(api, "/predict?reasons=true", FEATURES).json()["reasons"]
    assert {reason["task"] for reason in online} == {"churn", "value"}
    assert "Frequency is 9" in " ".join(reason["sentence"] for reason in online)


def test_a_batch_answers_each_by_itself(api: Api) -> None:
    told = posted(
        api, "/predict/batch", {"customers": [FEATURES, {"Frequency": "many"}, FEATURES, 7]}
    ).json()
    assert [("answer" in item, "error" in item) for item in told["answers"]] == [
        (True, False),
        (False, True),
        (True, False),
        (False, True),
    ]
    assert told["n_errors"] == 2
    one = posted(api, "/predict", FEATURES).json()
    assert told["answers"][0]["answer"]["churn_probability"] == pytest.approx(
        one["churn_probability"], abs=1e-12
    )
    assert posted(api, "/predict/batch", {"customers": [FEATURES] * 1001}).status_code == 422


def test_more_come_as_a_stream_of_lines(api: Api) -> None:
    lines = b"\n".join(
        [json.dumps(FEATURES).encode()] * 450 + [b"{broken", b"", json.dumps(FEATURES).encode()]
    )
    told = api.post(
        "/predict/batch", content=lines, headers={"content-type": "application/x-ndjson"}
    )
    items = [json.loads(line) for line in told.text.splitlines()]
    assert [item["index"] for item in items] == list(range(452))
    assert [item["index"] for item in items if "error" in item] == [450]


def test_customers_are_filtered_sorted_and_paged_without_gap_or_repeat(
    api: Api, scores: pl.DataFrame
) -> None:
    client = Client("http://127.0.0.1", transport=Transport(api))
    wanted = scores.filter(pl.col("value_tier") == "high").sort(
        "churn_probability", "customer_id", descending=[True, False]
    )
    found = [
        row["customer_id"]
        for row in client.customers(tier="high", sort="-churn_probability", limit=7)
    ]
    assert found == wanted["customer_id"].to_list()
    by_name = [
        row["customer_id"] for row in client.customers(text="C01", sort="-customer_id", limit=9)
    ]
    assert by_name == sorted(
        (name for name in scores["customer_id"] if "C01" in name), reverse=True
    )
    risky = api.get("/customers", params={"risk": "VERY HIGH", "limit": 1000}).json()
    assert risky["total"] == scores.filter(pl.col("churn_probability") >= 0.7).height


def test_customers_come_by_revenue_at_stake_unless_another_order_is_asked_for(
    api: Api, scores: pl.DataFrame
) -> None:
    client = Client("http://127.0.0.1", transport=Transport(api))
    wanted = scores.sort("at_stake", "customer_id", descending=[True, False])["customer_id"]
    assert [row["customer_id"] for row in client.customers(limit=50)] == wanted.to_list()


def test_a_run_older_than_what_is_at_stake_lists_customers_by_risk_score(older_runs: Path) -> None:
    with client_of(older_runs / "log") as api:
        client = Client("http://127.0.0.1", transport=Transport(api))
        risks = [row["risk_score"] for row in client.customers(limit=50)]
    assert risks == sorted(risks, reverse=True)


def test_customers_come_as_csv_without_formulas_and_as_arrow(
    api: Api, scores: pl.DataFrame
) -> None:
    query = {"sort": "customer_id", "limit": 5, "fields": "customer_id,churn_probability"}
    text = api.get("/customers", params=query, headers={"accept": "text/csv"}).text
    assert text.splitlines()[:2] == [
        "customer_id,churn_probability",
        f"'=C0007,{scores['churn_probability'][0]}",
    ]
    raw = api.get(
        "/customers", params=query, headers={"accept": "application/vnd.apache.arrow.stream"}
    )
    assert pl.read_ipc_stream(io.BytesIO(raw.content)).equals(
        scores.head(5).select("customer_id", "churn_probability")
    )
    assert raw.headers["holdfast-next-cursor"]


def test_a_customer_in_full_says_what_it_cannot_tell(api: Api, scores: pl.DataFrame) -> None:
    best = scores.sort("expected_revenue", descending=True)["customer_id"][0]
    told = api.get(f"/customers/{best}").json()
    assert told["rank"]["by_value"] == 1
    assert told["rank"]["of"] == CUSTOMERS
    assert told["horizons"] is None
    assert "horizons" in told["not_told"]
    assert api.get("/forecast").status_code == 404


def test_where_no_revenue_was_learnt_none_is_told_and_why(tmp_path: Path) -> None:
    write_customers(tmp_path)
    run = publish(
        snapshot_study(tmp_path, labels={"churned": "gone"}), created_at="2026-01-01T00:00:00Z"
    )
    Registry(tmp_path / "runs").promote(run.run_id)
    said = predict_customer(run, "C0001")
    why = "the study names no value label: no revenue was learnt"
    out = io.StringIO()
    print_prediction(Console(file=out, width=120), said)
    assert f"not estimated: {why}" in out.getvalue()
    assert "0.00" not in out.getvalue()
    with client_of(tmp_path) as api:
        batch = posted(api, "/predict/batch", {"customers": [FEATURES]}).json()["answers"][0][
            "answer"
        ]
        whole = api.get("/customers/C0001").json()
        answers = [
            said,
            api.get("/predict/C0001").json(),
            posted(api, "/predict", FEATURES).json(),
            batch,
            whole,
        ]
        for told in answers:
            assert (told["predicted_ltv"], told["ltv_tier"], told["ltv_not_estimated"]) == (
                None,
                None,
                why,
            )
        assert (whole["rank"]["by_value"], whole["rank"]["of"]) == (None, CUSTOMERS)
        listed = api.get("/customers").json()["customers"]
        assert {(row["expected_revenue"], row["value_tier"]) for row in listed} == {(None, None)}
        summed = api.get("/segments").json()["segments"]
        assert {(row["average_ltv"], row["total_ltv"]) for row in summed} == {(None, None)}


def test_recovery_is_told_with_its_range_and_source(api: Api) -> None:
    body = {
        "segments": {"Vulnerable": {"cost": 2, "rate": 0.2, "low_rate": 0.1, "high_rate": 0.4}},
        "margin_rate": 0.5,
    }
    told = posted(api, "/simulate/recovery", body).json()
    row = next(row for row in told["segments"] if row["segment"] == "Vulnerable")
    value = next(
        s for s in api.get("/segments").json()["segments"] if s["segment"] == "Vulnerable"
    )["at_stake"]
    assert row["recovered"] == pytest.approx(value * 0.5 * 0.2)
    assert row["net_low"] == pytest.approx(row["recovered_low"] - row["invested"])
    # The total may be off besides, as it was on customers not learnt from.
    assert row["recovered_low"] <= value * 0.5 * 0.1
    assert row["recovered_high"] >= value * 0.5 * 0.4
    assert told["uplift_source"] == "assumed"


def test_the_client_raises_what_the_api_refuses(api: Api) -> None:
    with Client("http://127.0.0.1", transport=Transport(api)) as client:
        with pytest.raises(ProblemError, match="has no customer 'nobody'") as refused:
            client.predict("nobody")
        assert refused.value.status == 404
        assert client.predict_features(FEATURES)["ltv_tier"] in ("Low", "Mid", "High")
        assert len(client.predict_batch([FEATURES, {}])) == 2
        assert client.ready()["degraded"] is None


def test_metrics_count_answers_by_route_without_a_customers_name(api: Api) -> None:
    api.get("/predict/C0003")
    text = api.get("/metrics").text
    assert 'holdfast_request_seconds_count{route="/predict/{customer_id}"}' in text
    assert "holdfast_run_age_seconds" in text
    assert "holdfast_degraded 0.0" in text
    assert "C0003" not in text
    # Its study follows no events.
    assert "holdfast_stream" not in text


UNANSWERABLE: list[tuple[Any, str]] = [
    ({**FEATURES, "Frequncy": 1}, "did you mean 'Frequency'"),
    ({"Frequency": 1}, "features are missing"),
    ({**FEATURES, "Frequency": "nine"}, "'Frequency' is a word"),
    ({**FEATURES, "Plan": 3}, "'Plan' is a number"),
    ({**FEATURES, "Frequency": [9]}, "'Frequency' is not a plain value"),
    ([FEATURES], "the body is not a JSON object"),
    ({"customer_id": 3, **FEATURES}, "customer_id is not a text"),
    ({"orders": [{"occurred_at": "2024-01-01"}]}, "made from a [snapshot]"),
    (
        {"orders": [{"occurred_at": "2024-01-01", "colour": "red"}]},
        "Extra inputs are not permitted",
    ),
]


@pytest.mark.parametrize(
    ("body", "message"), UNANSWERABLE, ids=[message for _, message in UNANSWERABLE]
)
def test_what_cannot_be_answered_says_why_and_what_to_do(api: Api, body: Any, message: str) -> None:
    refused = posted(api, "/predict", body)
    told = refused.json()
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert message in f"{told['detail']}; {told['fix']}"
    assert told["fix"]


def test_a_word_that_no_customer_has_is_answered_with_a_warning(api: Api) -> None:
    slip = {**FEATURES, "Plan": "glod"}
    warning = (
        "Plan is 'glod', which no customer of the run has, so it tells the models nothing: did "
        "you mean 'gold'?"
    )
    assert posted(api, "/predict", slip).json()["warnings"] == [warning]
    assert posted(api, "/predict", FEATURES).json()["warnings"] == []
    answers = posted(api, "/predict/batch", {"customers": [slip, FEATURES]}).json()["answers"]
    assert [each["answer"]["warnings"] for each in answers] == [[warning], []]


def test_the_features_of_a_snapshot_are_its_own_columns(api: Api) -> None:
    rows = {row["name"]: row for row in api.get("/features").json()["features"]}
    assert set(FEATURES) < set(rows)
    assert rows["Plan"]["kind"] == "word"
    assert rows["Plan"]["needed"]
    assert rows["Clicks_per_Page"]["sentence"] == "the study's formula 'Clicks_per_Page'"
    assert not rows["Clicks_per_Page"]["needed"]
    assert "which no model reads" in rows["gone"]["sentence"]
    assert "n_purchases" not in rows


def test_monitoring_is_what_the_run_keeps(simulated_shop: Path, api: Api) -> None:
    run = Registry(simulated_shop / "runs").open()
    with client_of(simulated_shop) as log_api:
        told = log_api.get("/monitor").json()
    MonitorAnswer.model_validate(told)
    for name in ("drift", "expected", "realised"):
        assert told[name] == json_rows(run.table(name))
    assert told["expected"]
    assert api.get("/monitor").json()["expected"] == []


def test_channels_are_the_tables_of_the_run(simulated_shop: Path, api: Api) -> None:
    run = Registry(simulated_shop / "runs").open()
    with client_of(simulated_shop) as log_api:
        told = log_api.get("/channels").json()
    assert told["channels"] == json_rows(run.table("channels"))
    assert told["channel_months"] == json_rows(run.table("channel_months"))
    refused = api.get("/channels")
    assert (refused.status_code, refused.json()["fix"]) == (
        404,
        "write [acquisition] in the study, and run it again",
    )
