"""Proving: nothing after a cutoff is used before it, and what is claimed is what was predicted."""

from importlib.util import find_spec
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import holdfast.training.backtest
from holdfast.errors import InputError, NotEnoughData
from holdfast.evaluation.evidence import CHAMPION, Evidence
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.models.training_set import TrainingData
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.tables import EVIDENCE, HORIZON_EVIDENCE, PREDICTIONS
from holdfast.training.backtest import backtest, forecasts_by_horizon
from holdfast.training.comparison import compare
from holdfast.training.training_data import read_training_data
from holdfast.windows import date_of, day_of

HORIZON = {"churn": 60, "value": 90}
SETTINGS = {
    "churn.horizon_days": "60",
    "value.horizon_days": "90",
    "backtest.max_training_cutoffs": "4",
    "horizons_days": "[30]",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "full"
    simulate_to(folder, Shop(n_customers=600, n_days=450, seed=5))
    return folder


@pytest.fixture(scope="module")
def cutoff(shop: Path) -> int:
    last = pl.read_parquet(shop / "orders.parquet")["occurred_at"].max()
    return day_of(last.date()) - 120  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def proof(shop: Path, cutoff: int) -> Evidence:
    return backtest(Study.from_toml(shop / "holdfast.toml", overrides=SETTINGS), cutoffs=[cutoff])


def without_rows_from(day: int, shop: Path, folder: Path) -> Path:
    """A copy of the shop's log as it lay there at the start of a day, plus one order of nobody much
    later.
    """
    folder.mkdir()
    for name in ("orders", "events", "treatments"):
        frame = pl.read_parquet(shop / f"{name}.parquet")
        frame.filter(pl.col("occurred_at").dt.date() < date_of(day)).write_parquet(
            folder / f"{name}.parquet"
        )
    pl.read_parquet(shop / "customers.parquet").write_parquet(folder / "customers.parquet")
    (folder / "holdfast.toml").write_bytes((shop / "holdfast.toml").read_bytes())
    return folder


def test_the_tables_keep_their_contracts(proof: Evidence) -> None:
    assert EVIDENCE.check(proof.evidence).height
    assert PREDICTIONS.check(proof.predictions).height


def with_calendar(folder: Path, cutoff: int) -> Study:
    """A study that knows of one sale before the cutoff, and of one planned after it."""
    days = [(f"{date_of(first)}", f"{date_of(first + 6)}") for first in (cutoff - 100, cutoff + 20)]
    planned = ", ".join(
        f'{{ name = "sale", first_day = "{first}", last_day = "{last}" }}' for first, last in days
    )
    return Study.from_toml(
        folder / "holdfast.toml", overrides=SETTINGS | {"calendar.promotions": f"[{planned}]"}
    )


def with_nothing_after(cutoff: int, shop: Path, folder: Path) -> Path:
    """The shop's log up to the cutoff; one late order keeps the windows complete, and is all that
    happens in them.
    """
    cut = without_rows_from(cutoff, shop, folder)
    late = (
        pl.read_parquet(shop / "orders.parquet")
        .sort("occurred_at")
        .tail(1)
        .with_columns(customer_id=pl.lit("late"))
    )
    pl.concat([pl.read_parquet(cut / "orders.parquet"), late]).write_parquet(cut / "orders.parquet")
    return cut


def same_predictions(one: Evidence, other: Evidence) -> None:
    for column in ("churn_probability", "expected_revenue", "churn_baseline", "value_baseline"):
        assert np.array_equal(
            one.predictions[column].to_numpy(), other.predictions[column].to_numpy()
        ), column


def test_what_came_after_the_cutoff_cannot_change_what_was_predicted(
    shop: Path, cutoff: int, proof: Evidence, tmp_path: Path
) -> None:
    cut = with_nothing_after(cutoff, shop, tmp_path / "cut")
    blind = backtest(Study.from_toml(cut / "holdfast.toml", overrides=SETTINGS), cutoffs=[cutoff])
    same_predictions(blind, proof)
    assert blind.predictions["churned"].all()
    assert not proof.predictions["churned"].all()


def promised(study: Study, cutoff: int, scratch: Path) -> dict[int, list[np.ndarray]]:
    """What a run at the cutoff would have said of every horizon: churn, then revenue."""
    with Warehouse(scratch) as warehouse:
        got = read_order_log(study, warehouse)
        history = read_training_data(
            study, warehouse, first_day=got.first_day, end_day=got.end_day, cutoffs=[cutoff]
        )
        told = forecasts_by_horizon(study, history, cutoff, fitted={})
    return {
        days: [forecast.predicted[CHAMPION] for forecast in forecasts]
        for days, forecasts in told.items()
    }


def test_cutoffs_proved_side_by_side_say_what_they_say_one_by_one(
    shop: Path, cutoff: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, told = Study.from_toml(shop / "holdfast.toml", overrides=SETTINGS), []
    for at_once in (1, 2):
        monkeypatch.setattr(holdfast.training.backtest, "_FOLDS_AT_ONCE", at_once)
        told.append(backtest(study, cutoffs=[cutoff - 30, cutoff]))
    one, two = told
    assert two.findings == one.findings
    for table in ("evidence", "predictions", "horizon_evidence"):
        assert_frame_equal(getattr(two, table), getattr(one, table), check_exact=True)


def test_of_a_cutoff_that_fails_the_error_is_told_and_the_other_one_goes_no_further(
    shop: Path, cutoff: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, both, stopped = [], Barrier(2, timeout=60), Event()
    stop = holdfast.training.backtest._Folds.stop

    def fit(study: Study, task: str, data: TrainingData, *, now: int) -> None:
        begun.append((task, now))
        both.wait()
        if now < cutoff:
            raise NotEnoughData("nothing can be learnt")
        assert stopped.wait(60)

    def stop_and_tell(folds: Any) -> None:
        stop(folds)
        stopped.set()

    monkeypatch.setattr(holdfast.training.backtest, "fit_task", fit)
    monkeypatch.setattr(holdfast.training.backtest, "forecast_at", lambda *_, **__: None)
    monkeypatch.setattr(holdfast.training.backtest._Folds, "stop", stop_and_tell)
    study = Study.from_toml(shop / "holdfast.toml", overrides=SETTINGS)
    with pytest.raises(NotEnoughData, match="nothing can be learnt"):
        backtest(study, cutoffs=[cutoff - 30, cutoff])
    assert stopped.is_set()
    assert sorted(begun) == [("churn", cutoff - 30), ("churn", cutoff)]


def test_what_came_after_the_cutoff_cannot_change_what_was_said_of_any_horizon(
    shop: Path, cutoff: int, tmp_path: Path
) -> None:
    cut = with_nothing_after(cutoff, shop, tmp_path / "cut")
    studies = [
        Study.from_toml(folder / "holdfast.toml", overrides=SETTINGS) for folder in (shop, cut)
    ]
    scratches = [tmp_path / name for name in ("one", "other")]
    for scratch in scratches:
        scratch.mkdir()
    known, blind = (
        promised(study, cutoff, scratch) for study, scratch in zip(studies, scratches, strict=True)
    )
    assert known.keys() == blind.keys() == {30, 60, 90}
    for days in known:
        for one, other in zip(known[days], blind[days], strict=True):
            assert np.array_equal(one, other), days


def test_every_horizon_whose_window_has_ended_is_held_against_it(proof: Evidence) -> None:
    told = HORIZON_EVIDENCE.check(proof.horizon_evidence)
    assert set(told["horizon_days"]) == {30, 60, 90}
    for days, task in ((60, "churn"), (90, "value")):
        # A task's own horizon is proved twice, and both ways to the same figures.
        both = told.filter(horizon_days=days, task=task).join(
            proof.evidence, on=["cutoff_day", "task", "model", "metric"], suffix="_own"
        )
        assert both.height >= 4
        assert both["value"].to_list() == pytest.approx(both["value_own"].to_list())
    assert set(told.filter(horizon_days=30, task="churn")["model"]) == {
        "champion",
        "baseline: recency rank",
    }


def test_churn_is_pooled_with_the_btyd_models_unless_it_is_left_uncalibrated(
    shop: Path, cutoff: int, proof: Evidence
) -> None:
    raw = Study.from_toml(shop / "holdfast.toml", overrides=SETTINGS | {"churn.calibrate": "false"})
    learnt = backtest(raw, cutoffs=[cutoff]).evidence
    pooled = proof.evidence.filter(cutoff_day=cutoff)
    brier = [each.filter(model=CHAMPION, metric="brier")["value"][0] for each in (learnt, pooled)]
    naive = pooled.filter(model="baseline: recency rank", metric="brier")["value"][0]
    assert brier[0] != brier[1] < naive


def test_a_business_older_than_its_log_has_its_total_before_a_year_is_learnt(
    tmp_path: Path,
) -> None:
    shop = Shop(n_customers=1500, n_days=500, truncated_days=900, seed=5, december_factor=1.0)
    simulate_to(tmp_path / "shop", shop)
    study = Study.from_toml(tmp_path / "shop" / "holdfast.toml", overrides=SETTINGS)
    evidence = backtest(study, cutoffs=[day_of(shop.start) + 380]).evidence
    (total,) = evidence.filter(task="value", model=CHAMPION, metric="total_ratio")["value"]
    assert abs(total - 1) < 0.2


def test_every_horizon_is_proved_also_where_horizons_and_steps_do_not_fit_together(
    shop: Path,
) -> None:
    odd = {
        "churn.horizon_days": "45",
        "value.horizon_days": "100",
        "horizons_days": "[20]",
        "backtest.count": "1",
    }
    told = backtest(Study.from_toml(shop / "holdfast.toml", overrides=odd)).horizon_evidence
    assert set(told["horizon_days"]) == {20, 45, 100}
    assert told.filter(model="baseline: recency rank", metric="brier").height == 3


def test_of_a_planned_promotion_the_days_are_known_and_not_what_it_brought(
    tmp_path: Path, cutoff: int
) -> None:
    sales = tuple((date_of(first), 7) for first in (cutoff - 100, cutoff + 20))
    simulate_to(
        tmp_path / "full",
        Shop(n_customers=600, n_days=450, seed=5, promotions=sales, promotion_factor=5.0),
    )
    told = backtest(with_calendar(tmp_path / "full", cutoff), cutoffs=[cutoff])
    cut = with_nothing_after(cutoff, tmp_path / "full", tmp_path / "cut")
    same_predictions(backtest(with_calendar(cut, cutoff), cutoffs=[cutoff]), told)
    plain = backtest(
        Study.from_toml(tmp_path / "full" / "holdfast.toml", overrides=SETTINGS), cutoffs=[cutoff]
    )
    promised = [found.predictions["expected_revenue"].sum() for found in (told, plain)]
    came = told.predictions["future_revenue"].sum()
    assert abs(promised[0] - came) < abs(promised[1] - came)


def test_the_figures_are_those_of_the_predictions(proof: Evidence) -> None:
    said = proof.predictions.drop_nulls("churned")
    missed = said["churn_probability"] - said["churned"].cast(pl.Float64)
    brier = float((missed.to_numpy() ** 2).mean())
    told = proof.evidence.filter(metric="brier", model="champion")["value"][0]
    assert told == pytest.approx(brier)
    money = proof.predictions.drop_nulls("future_revenue")
    ratio = money["expected_revenue"].sum() / money["future_revenue"].sum()
    assert proof.evidence.filter(metric="total_ratio", model="champion")["value"][
        0
    ] == pytest.approx(ratio)


def test_the_truth_is_what_the_log_shows(shop: Path, cutoff: int, proof: Evidence) -> None:
    orders = pl.read_parquet(shop / "orders.parquet").with_columns(
        date=pl.col("occurred_at").dt.date()
    )
    window = orders.filter(
        pl.col("date").is_between(date_of(cutoff), date_of(cutoff + HORIZON["churn"] - 1))
    )
    buyers = set(window.filter(~pl.col("order_id").str.starts_with("R"))["customer_id"])
    said = proof.predictions.drop_nulls("churned")
    assert said["churned"].to_list() == [name not in buyers for name in said["customer_id"]]


def test_the_model_beats_the_naive_baseline_where_there_is_something_to_learn(
    proof: Evidence,
) -> None:
    found = proof.evidence.filter(metric="roc_auc").sort("model")["value"].to_list()
    assert found[1] > found[0], "champion, after baseline in the alphabet"


def test_compare_names_the_tasks_it_knows(shop: Path) -> None:
    with pytest.raises(InputError, match="no task 'valu'; did you mean 'value'"):
        compare(Study.from_toml(shop / "holdfast.toml"), task="valu")


@pytest.mark.slow
def test_every_algorithm_is_compared_on_the_same_customers(shop: Path, cutoff: int) -> None:
    n_algorithms = 7 if find_spec("torch") else 6
    settings = SETTINGS | {"backtest.cutoffs": f'["{date_of(cutoff)}"]'}
    found = compare(Study.from_toml(shop / "holdfast.toml", overrides=settings)).evidence
    for task in ("churn", "value"):
        models = found.filter(task=task)["model"].unique()
        assert models.len() == n_algorithms + 1
        assert sum(name.startswith("baseline") for name in models) == 1
