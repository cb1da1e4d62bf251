"""Level: moved towards what the BTYD models expect, and nobody overtakes anybody."""

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from holdfast.learners.algorithms import Learner, Recipe
from holdfast.learners.design import Design
from holdfast.learners.link_functions import logistic
from holdfast.models.churn import ChurnModel
from holdfast.models.horizon_chain import HorizonLink, HorizonModel
from holdfast.models.level_adjustment import TRUST, find_factor, find_power
from holdfast.models.value import ValueModel

N = 2_000


def line(design: Design, frame: pl.DataFrame, happened: npt.NDArray[np.bool_]) -> Learner:
    return Recipe("logistic", "probability", seed=1).fit(
        design.matrix(frame), np.asarray(happened, dtype=np.float64)
    )


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return pl.DataFrame({"days": np.random.default_rng(3).normal(size=N)})


@pytest.fixture(scope="module")
def churn(frame: pl.DataFrame) -> ChurnModel:
    """Silence over 90 days: .4 on average, the likelier the longer ago."""
    rng = np.random.default_rng(4)
    design = Design.learn(frame, columns=["days"])
    silent = rng.random(N) < logistic(frame["days"].to_numpy() - 0.5)
    return ChurnModel(design, line(design, frame, silent), None, 90)


def test_the_level_goes_most_of_the_way_and_the_order_stays(
    frame: pl.DataFrame, churn: ChurnModel
) -> None:
    before = churn.predict(frame)
    after = churn.at_level(frame, 0.65).predict(frame)
    assert before.mean() + TRUST / 2 * (0.65 - before.mean()) < after.mean() < 0.65
    assert np.array_equal(np.argsort(before), np.argsort(after))
    # In ratio of the logarithms, the way is exactly as long as it is said to be.
    whole = find_power(before, 0.65)
    np.testing.assert_allclose(np.log(after) / np.log(before), whole**TRUST, rtol=1e-6)


def test_a_level_that_is_there_already_changes_nothing(
    frame: pl.DataFrame, churn: ChurnModel
) -> None:
    same = churn.at_level(frame, float(churn.predict(frame).mean()))
    np.testing.assert_allclose(same.predict(frame), churn.predict(frame), atol=1e-6)


@pytest.mark.parametrize("learnt", [True, False])
def test_every_horizon_follows_and_none_contradicts_its_neighbour(
    learnt: bool, frame: pl.DataFrame, churn: ChurnModel
) -> None:
    rng = np.random.default_rng(5)
    learner = line(churn.design, frame, rng.random(N) < 0.5) if learnt else None
    model = HorizonModel({30: HorizonLink(30, 90, learner), 180: HorizonLink(90, 180, learner)}, {})
    expected = {30: 0.85, 90: 0.65, 180: 0.5}
    levelled = churn.at_level(frame, expected[90])
    before = model.silent(churn, frame, churn.predict(frame))
    after = model.at_level(levelled, frame, expected).silent(
        levelled, frame, levelled.predict(frame)
    )
    for days, share in expected.items():
        assert abs(after[days].mean() - share) < abs(before[days].mean() - share), days
    assert (after[30] >= after[90]).all()
    assert (after[90] >= after[180]).all()


def test_a_livelier_season_lifts_the_mean(frame: pl.DataFrame, churn: ChurnModel) -> None:
    amount = Recipe("ridge", "mean", seed=1).fit(churn.design.matrix(frame), np.full(N, 7.0))
    usual = ValueModel(churn.design, amount, level=2.0)
    np.testing.assert_allclose(usual.scale_level(1.5).predict(frame), 1.5 * usual.predict(frame))


def test_a_level_that_is_out_of_reach_is_approached_as_far_as_it_goes() -> None:
    assert find_factor(lambda factor: 0.5**factor, 0.0) == 30
    assert find_factor(lambda factor: 0.5**factor, 1.0) == pytest.approx(1 / 30)
