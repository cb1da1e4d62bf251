"""A run whose pool has a network: scored alike in a batch, one by one and as a stream."""

from html import escape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.api.conftest import client_of, posted
from tests.models.untrained_network import untrained_network
from tests.serving.test_scorer import rows_by_customer

from holdfast.errors import DataError
from holdfast.features import feature_tables
from holdfast.features.recent_days import READ_FIELDS, RECENT_DAYS, RECENT_DAYS_TYPE
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.report.exports.customer_rows import first_customers
from holdfast.runs.run import run as run_study
from holdfast.runs.run_comparison import compare_runs
from holdfast.serving.day_effects import strongest_days, tell_days
from holdfast.serving.feature_list import list_features
from holdfast.serving.scorer import Scorer
from holdfast.serving.what_if import read_customer_features, what_if
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Registry, Run
from holdfast.stream.evaluation import read_attributes
from holdfast.stream.scoring import LiveModels
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.training import sequence_pool

pytest.importorskip("safetensors", reason="a network is stored by safetensors")

SETTINGS = {
    "churn.algorithm": "sequence",
    "value.algorithm": "sequence",
    "churn.horizon_days": "60",
    "value.horizon_days": "60",
    "horizons_days": "[30]",
    "backtest.max_training_cutoffs": "6",
    "backtest.count": "1",
}
WEIGHT = 0.4
CLOSE = 1e-5
"""Single precision: a batch may round otherwise than one customer."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = simulate_to(tmp_path_factory.mktemp("sequence") / "shop", Shop(n_customers=300, seed=3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence_pool, "fit_sequence", untrained_network)
        patch.setattr(sequence_pool, "learn_weight", lambda *_: WEIGHT)
        patch.setattr(sequence_pool, "_LEAST_CUSTOMERS", 10)
        patch.setattr(sequence_pool, "_LEAST_DAYS", 10)
        run_study(Study.from_toml(made.study, overrides=SETTINGS))
        run_study(Study.from_toml(made.study, overrides=SETTINGS))
    registry = Registry(made.study.parent / "runs")
    return registry.open(str(registry.champion_id()))


def test_the_members_of_the_pool_are_on_record(run: Run) -> None:
    for task in ("churn", "value"):
        assert run.summary[task]["algorithm"] == "sequence"
        assert run.summary[task]["sequence"]["weight"] == WEIGHT
        assert f"models/{task}/sequence-sequence.safetensors" in run.manifest["files"]
    assert pl.read_parquet_schema(run.file("tables/features.parquet"))[RECENT_DAYS] == (
        RECENT_DAYS_TYPE
    )
    assert compare_runs(run, run)["evidence"]


def test_one_customer_is_scored_as_in_the_batch(run: Run) -> None:
    scorer, features = Scorer(run), run.table("features")
    published = run.table("scores").rows_by_key("customer_id", named=True, unique=True)
    for row in features.gather_every(30).iter_rows(named=True):
        alone, batch = scorer.score(row), published[row["customer_id"]]
        for name in ("churn_probability", "expected_revenue"):
            assert alone[name] == pytest.approx(batch[name], rel=CLOSE, abs=CLOSE)


def test_one_customer_without_a_frame_is_the_same_customer_in_one(run: Run) -> None:
    scorer, later = Scorer(run), run.summary["cutoff_day"] + 20
    for row in run.table("features").gather_every(30).iter_rows(named=True):
        for cutoff_day in (row["cutoff_day"], later):
            values = {**row, "cutoff_day": cutoff_day}
            alone, framed = scorer.score(values), scorer.score_many([values])[0]
            for name in ("churn_probability", "expected_revenue"):
                assert alone[name] == pytest.approx(framed[name], rel=CLOSE)


@pytest.mark.parametrize(
    "days", ["yesterday", [1], [{"day": 5}], [{"day": 7}, {"day": "8"}], [{"day": 7}, {"day": 7}]]
)
def test_days_that_are_none_are_refused(run: Run, days: object) -> None:
    scorer, row = Scorer(run), run.table("features").row(3, named=True)
    known = {name: value for name, value in row.items() if name in scorer.kinds}
    whole = dict.fromkeys(READ_FIELDS, 0)
    filled = [whole | day for day in days] if isinstance(days, list) and len(days) == 2 else days
    with pytest.raises(DataError, match="'recent_days'") as refused:
        scorer.prepare_features({**known, RECENT_DAYS: filled})
    assert refused.value.parts["column"] == RECENT_DAYS


def test_every_horizon_of_one_customer_is_the_batchs(run: Run) -> None:
    scorer, row = Scorer(run), run.table("features").row(7, named=True)
    told = scorer.predict_horizons([row], [scorer.score(row)], cutoff_day=row["cutoff_day"])
    published = run.table("horizons").filter(customer_id=row["customer_id"])
    for name in ("churn_probability", "expected_revenue"):
        each = [length[name] for length in told[0]["horizons"]]
        np.testing.assert_allclose(each, published[name].to_numpy(), rtol=CLOSE)


def test_the_stream_scores_as_the_batch_does(run: Run) -> None:
    live = LiveModels.load(run)
    study = Study.from_toml(run.path.parent.parent / "holdfast.toml", overrides=SETTINGS)
    features, scores = run.table("features"), run.table("scores")
    with Warehouse.temporary() as warehouse:
        log = read_order_log(study, warehouse)
        activity = feature_tables.activity(warehouse, features["customer_id"])
    got = live.score(activity, read_attributes(study), cutoff_day=log.end_day)
    assert got.features[RECENT_DAYS].equals(features.sort("customer_id")[RECENT_DAYS])
    for name in ("churn_probability", "expected_revenue", "at_stake"):
        expected = scores.sort("customer_id")[name].to_numpy()
        np.testing.assert_allclose(got.scores[name].to_numpy(), expected, rtol=CLOSE, atol=CLOSE)


def test_without_days_the_other_members_answer_and_it_is_said(run: Run) -> None:
    scorer, row = Scorer(run), run.table("features").row(3, named=True)
    known = {name: value for name, value in row.items() if name in scorer.kinds}
    given = scorer.prepare_features(known)
    assert any("days on which the customer did something" in note for note in given.notes)
    model = scorer.models["churn"]
    others = model.predict_matrix(model.design.row(given.values))[0]
    assert scorer.score(given.values)["churn_probability"] == pytest.approx(others, rel=1e-12)


def test_reasons_and_what_if_know_the_days(run: Run) -> None:
    customer_id = run.table("scores")["customer_id"][0]
    features = read_customer_features(run, customer_id)
    answer = what_if(run, features, {})
    published = run.table("scores").filter(customer_id=customer_id)["churn_probability"][0]
    assert answer["churn_probability"] == pytest.approx(published, rel=CLOSE)
    changed = what_if(run, features, {"days_since_last_purchase": 200.0})
    assert changed["churn_probability"] != answer["churn_probability"]
    stays = "40% of the churn probability and 40% of the expected revenue come from a network"
    assert changed["warnings"][-1].startswith(stays)
    importance = run.table("importance").filter(feature=RECENT_DAYS)
    assert importance["task"].sort().to_list() == ["churn", "value"]
    days = run.table("reasons").filter(feature=RECENT_DAYS)["sentence"]
    assert days.str.contains("the course of \\d+ days? of activity, the last on 20").all()


def test_each_day_of_a_customer_says_what_it_adds(run: Run) -> None:
    row = run.table("features").sort("n_purchases").row(-1, named=True)
    told = tell_days(run, row["customer_id"])
    assert told.days is not None
    assert (len(told.days), told.weight) == (len(row[RECENT_DAYS]), WEIGHT)
    dates = [day["date"] for day in told.days]
    assert dates == sorted(dates, reverse=True)
    strongest = strongest_days(told, at_most=3)
    assert len(strongest) == 3
    assert all(line.endswith("the risk") for line in strongest)
    assert tell_days(run, "nobody").not_told == "the run has no days of this customer"


def test_the_report_tells_of_the_first_ten_the_day_that_raises_the_risk_most(run: Run) -> None:
    page = run.file("report.html").read_text(encoding="utf-8")
    section = page[page.index('id="customers-h"') :]
    for place, name in enumerate(first_customers(run.table("scores"), 11)["customer_id"]):
        days = tell_days(run, name).days or []
        worst = max(days, key=lambda day: day["against_usual"])
        if worst["against_usual"] > 0:
            row = section[section.index(f"<bdi>{name}</bdi>") :].partition("</tr>")[0]
            assert (escape(worst["sentence"][1:]) in row) == (place < 10)


def test_the_api_tells_the_days_and_reads_raw_orders_as_the_batch_does(run: Run) -> None:
    folder = run.path.parent.parent
    names = ("orders", "events", "treatments")
    raw = {name: rows_by_customer(folder / f"{name}.parquet") for name in names}
    customers = pl.read_parquet(folder / "customers.parquet")
    scores = run.table("scores").sort("churn_probability")
    with client_of(folder) as api:
        attributes = api.context.store.current.scorer.study.customers.attributes  # type: ignore[union-attr]
        for row in scores.gather_every(40).iter_rows(named=True):
            name = row["customer_id"]
            days = api.get(f"/customers/{name}/days").json()
            assert days["weight"] == WEIGHT
            assert days["days"][0]["sentence"]
            given = customers.filter(customer_id=name).select(attributes).row(0, named=True)
            rows = {kind: each.get(name, []) for kind, each in raw.items()}
            body = {"customer_id": name, "attributes": given, **rows}
            answer = posted(api, "/predict", body).json()
            for told, published in (
                ("churn_probability", "churn_probability"),
                ("predicted_ltv", "expected_revenue"),
            ):
                assert answer[told] == pytest.approx(row[published], rel=CLOSE, abs=CLOSE)


def test_a_study_that_does_not_ask_has_no_days(simulated_shop: Path) -> None:
    plain = Registry(simulated_shop / "runs").open("latest")
    assert RECENT_DAYS not in pl.read_parquet_schema(plain.file("tables/features.parquet"))
    assert not [name for name in plain.manifest["files"] if "sequence" in name]
    assert "sequence" not in plain.summary["churn"]
    name = plain.table("scores")["customer_id"][0]
    with client_of(simulated_shop) as api:
        told = api.get(f"/customers/{name}/days").json()
    assert told["days"] is None
    assert told["not_told"].startswith("no network is in the pool of churn")


def test_the_days_are_no_feature_to_give_or_to_watch(run: Run) -> None:
    assert RECENT_DAYS not in {each["name"] for each in list_features(Scorer(run))}
    assert RECENT_DAYS not in run.table("reference")["feature"].to_list()


def test_nothing_changed_between_two_runs_on_the_same_day(run: Run) -> None:
    changes = run.table("changes")
    assert changes.height > 0
    assert changes.select(pl.col("time").abs().max()).item() < CLOSE
    assert changes.select(pl.col("behaviour").abs().max()).item() < CLOSE
