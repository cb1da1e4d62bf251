"""A new run meets the published one on days that neither has learnt from, or not at all."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from holdfast.evaluation.evidence import Evidence
from holdfast.models.training_set import TrainingData
from holdfast.runs import challenge as room
from holdfast.runs.challenge import Challenge, challenge
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.tables import EVIDENCE, LABELS, PREDICTIONS
from holdfast.windows import date_of

FIRST, LAST, N = 20_000, 20_090, 300
"""Test cutoffs, and customers at each."""


def make_study(**monitor: Any) -> Study:
    columns = {"customer_id": "customer", "occurred_at": "at"}
    return Study.from_dict(
        {"study": {"name": "shop"}, "transactions": {"path": "orders.csv", "columns": columns},
         "monitor": monitor}
    )  # fmt: skip


def run_at(day: int, *, study: str = "same", name: str = "") -> Run:
    manifest = {"cutoff_date": date_of(day).isoformat(), "study_sha256": study}
    return cast(Run, SimpleNamespace(run_id=name or f"R{day}", manifest=manifest))


class _Knows:
    """A published model that knows each customer's probability."""

    horizon_days = 90

    def predict(self, frame: pl.DataFrame) -> np.ndarray:
        return frame["p"].to_numpy()


def world(*, noise: float) -> tuple[TrainingData, Evidence]:
    """The new run's backtest, which is off by so much, and the features at its cutoffs."""
    rng = np.random.default_rng(3)
    features, said = [], []
    for cutoff in (FIRST, LAST):
        z = rng.normal(size=N) * 1.5
        p, off = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(-z - noise * rng.normal(size=N)))
        ids = {"customer_id": [f"C{k}" for k in range(N)], "cutoff_day": np.full(N, cutoff, "i4")}
        features.append(pl.DataFrame({**ids, "p": p}))
        said.append(pl.DataFrame({**ids, "churned": rng.random(N) < p, "churn_probability": off,
                                  "churn_baseline": np.full(N, 0.5)}))  # fmt: skip
    table = pl.concat(said)
    missing = [pl.lit(None, t).alias(n) for n, t in PREDICTIONS.schema.items() if n not in table]
    data = TrainingData(pl.concat(features), LABELS.empty(), pl.DataFrame(), 19_000, 20_180)
    proof = Evidence(evidence=EVIDENCE.empty(), predictions=table.with_columns(missing))
    return data, proof


@pytest.fixture(autouse=True)
def _published_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "load_models", lambda _: {"churn": _Knows()})


def held(noise: float, *published: Run, **monitor: Any) -> Challenge:
    data, proof = world(noise=noise)
    return challenge(make_study(**monitor), data, proof, published, by_rule=())


def test_a_run_that_is_certainly_worse_is_refused_and_says_so() -> None:
    lost = held(3.0, run_at(FIRST))
    assert lost.is_refused(make_study())
    (finding,) = lost.findings(make_study())
    assert (finding.name, "R20000" in finding.evidence) == ("challenger-refused", True)


def test_a_run_that_is_as_good_is_not() -> None:
    assert not held(0.05, run_at(FIRST)).is_refused(make_study())


def test_warned_of_it_is_published_all_the_same() -> None:
    lost, study = held(3.0, run_at(FIRST)), make_study(challenger="warn")
    assert not lost.is_refused(study)
    assert [finding.name for finding in lost.findings(study)] == ["challenger-worse"]


def test_switched_off_nothing_is_compared() -> None:
    assert held(3.0, run_at(FIRST), challenger="off") == Challenge()


def test_without_a_published_run_nothing_is_compared() -> None:
    assert held(3.0) == Challenge()


def test_the_published_run_is_not_asked_of_a_cutoff_before_its_own_day() -> None:
    contest, _ = held(3.0, run_at(FIRST + 1)).contests["churn"]
    assert contest.cutoffs == (LAST,)


def test_a_run_fitted_on_a_cutoffs_own_day_has_not_seen_what_came_after() -> None:
    contest, _ = held(3.0, run_at(LAST)).contests["churn"]
    assert contest.cutoffs == (LAST,)


def test_a_published_run_that_is_too_young_is_stood_in_for_by_its_forerunner() -> None:
    lost = held(3.0, run_at(LAST + 1), run_at(FIRST, name="forerunner"))
    assert lost.contests["churn"][1] == "forerunner"


def test_a_run_of_another_study_is_no_forerunner() -> None:
    lost = held(3.0, run_at(LAST + 1), run_at(FIRST, study="other"))
    assert not lost.contests
    assert "has learnt from days after" in lost.not_held["churn"]


def test_a_model_of_another_horizon_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Knows, "horizon_days", 60)
    lost = held(3.0, run_at(FIRST))
    assert not lost.contests
    assert lost.not_held == {"churn": "run R20000 was not asked for churn over 90 days"}


def test_what_the_rule_predicts_is_compared_where_the_rule_is_published() -> None:
    data, proof = world(noise=0.05)
    lost = challenge(make_study(), data, proof, [run_at(FIRST)], by_rule=("churn",))
    # The naive baseline says 0.5 of everybody: its log loss is the logarithm of two.
    assert lost.contests["churn"][0].error == pytest.approx(np.log(2))
