"""Churn: chosen, fitted and calibrated on unseen rows, and the same after it was published."""

import numpy as np
import polars as pl
import pytest

from holdfast.arrays import Split
from holdfast.errors import NotEnoughData
from holdfast.models.churn import ChurnModel, learn_churn
from holdfast.study import Churn

N = 3_000
FEW = {"n_estimators": 40}


@pytest.fixture(scope="module")
def base() -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
    """Customers whose true risk is known: .8 or .2 by plan, and no other column says anything."""
    rng = np.random.default_rng(5)
    monthly = rng.random(N) < 0.5
    risk = np.where(monthly, 0.8, 0.2)
    frame = pl.DataFrame({"plan": np.where(monthly, "month", "year"), "noise": rng.normal(size=N)})
    return frame, rng.random(N) < risk, risk


def halves() -> list[Split]:
    even, odd = np.arange(0, N, 2), np.arange(1, N, 2)
    return [Split(even, odd), Split(odd, even)]


def learnt(base: tuple[pl.DataFrame, np.ndarray, np.ndarray], **settings: object) -> ChurnModel:
    return learn_churn(
        base[0],
        base[1],
        columns=["plan", "noise"],
        settings=Churn(**{"algorithm": "lightgbm", "parameters": FEW, **settings}),
        seed=1,
        splits=halves(),
    )


def test_the_probability_is_the_true_risk(
    base: tuple[pl.DataFrame, np.ndarray, np.ndarray],
) -> None:
    said = learnt(base).predict(base[0])
    for risk in (0.2, 0.8):
        assert said[base[2] == risk].mean() == pytest.approx(risk, abs=0.03)


def test_weighted_classes_distort_the_probability_and_calibration_repairs_it() -> None:
    rng = np.random.default_rng(8)
    frame = pl.DataFrame({"plan": rng.choice(["month", "year"], N), "noise": rng.normal(size=N)})
    risk = np.where(frame["plan"] == "month", 0.15, 0.05)
    rare = frame, rng.random(N) < risk, risk
    weighted = {"parameters": FEW | {"class_weight": "balanced"}}
    assert learnt(rare, calibrate=False, **weighted).predict(frame).mean() > 0.3
    assert learnt(rare, calibrate=True, **weighted).predict(frame).mean() == pytest.approx(
        rare[1].mean(), abs=1e-6
    )


def test_a_column_that_says_nothing_gives_hardly_a_reason(
    base: tuple[pl.DataFrame, np.ndarray, np.ndarray],
) -> None:
    found = learnt(base).contributions(base[0])
    plan, noise = np.abs(found.values).mean(axis=0)
    assert found.columns == ("plan", "noise")
    assert plan > 5 * noise


def test_reasons_add_up_to_the_score(base: tuple[pl.DataFrame, np.ndarray, np.ndarray]) -> None:
    model = learnt(base)
    np.testing.assert_allclose(model.contributions(base[0]).total, model.raw(base[0]), atol=1e-9)


def test_what_comes_back_from_the_published_parts_says_the_same(
    base: tuple[pl.DataFrame, np.ndarray, np.ndarray],
) -> None:
    model = learnt(base)
    again = ChurnModel.from_parts(model.parts())
    np.testing.assert_array_equal(again.predict(base[0]), model.predict(base[0]))
    assert again.columns == ("plan", "noise")


def test_one_customer_alone_gets_the_probability_of_the_batch(
    base: tuple[pl.DataFrame, np.ndarray, np.ndarray],
) -> None:
    model = learnt(base)
    together = model.predict(base[0])
    assert [model.predict(base[0][i])[0] for i in range(40)] == together[:40].tolist()


def test_the_candidate_that_predicts_unseen_rows_best_becomes_the_champion() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"plan": rng.normal(size=N), "noise": rng.normal(size=N)})
    # Far from 0 on either side everyone leaves: no line parts them, a tree does.
    apart = frame, (frame["plan"].abs() > 0.7).to_numpy(), np.zeros(N)
    assert (
        learnt(
            apart, algorithm="auto", candidates=["logistic", "lightgbm"], parameters={}
        ).algorithm
        == "lightgbm"
    )
    # A risk that grows evenly is a line's.
    even = frame, rng.random(N) < 1 / (1 + np.exp(-frame["plan"].to_numpy())), np.zeros(N)
    assert (
        learnt(even, algorithm="auto", candidates=["logistic", "lightgbm"], parameters={}).algorithm
        == "logistic"
    )


@pytest.mark.parametrize(("share", "told"), [(0.0, "0 of 3,000"), (1.0, "3,000 of 3,000")])
def test_where_nobody_or_everybody_left_there_is_nothing_to_learn(
    share: float, told: str, base: tuple[pl.DataFrame, np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(NotEnoughData, match=f"{told} customers churned"):
        learnt((base[0], np.full(N, bool(share)), base[2]))
