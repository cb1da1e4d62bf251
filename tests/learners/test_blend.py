"""Blend: two models, one score that adds up and comes back."""

from dataclasses import replace

import numpy as np
import pytest

from holdfast.errors import StudyError
from holdfast.learners.algorithms import Learner, Recipe
from holdfast.learners.blend import BlendWeights, Hinges
from holdfast.learners.parts import rebuild


def test_a_hinge_starts_at_its_knot_and_few_values_have_none() -> None:
    matrix = np.column_stack([np.arange(11.0), np.arange(11) % 2])
    hinges = Hinges.learn(matrix)
    assert hinges.knots == ((2.0, 4.0, 6.0, 8.0), ())
    assert hinges.apply(np.array([[5.0, 1.0]])).tolist() == [[5.0, 3.0, 1.0, 0.0, 0.0, 1.0]]
    # What a column and its hinges add is one number again; the base stays.
    assert hinges.fold(np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]])).tolist() == [
        [15.0, 6.0, 7.0]
    ]


def test_reasons_add_up_and_the_model_comes_back_from_its_parts() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(500, 4))
    matrix[rng.random(500) < 0.1, 2] = np.nan
    truth = (np.abs(matrix[:, 0]) + matrix[:, 1] + rng.normal(size=500) > 1).astype(np.float64)
    learner = Recipe("blend", "probability", seed=1, parameters={"n_estimators": 20}).fit(
        matrix, truth
    )
    again = rebuild(Learner, learner.parts())
    assert again.algorithm == "blend"
    assert (again.predict(matrix) == learner.predict(matrix)).all()
    assert learner.contributions(matrix).sum(axis=1) == pytest.approx(learner.raw(matrix), abs=1e-9)
    # |x| bends: a straight line could not tell both ends from the middle.
    ends, middle = np.array([[-2.5, 0, 0, 0], [2.5, 0, 0, 0]]), np.zeros((1, 4))
    assert (learner.predict(ends) > learner.predict(middle) + 0.2).all()


def test_weights_are_learnt_and_none_of_an_earlier_version_mean_halves() -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(size=4_000)
    truth = (rng.random(4_000) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    weights = BlendWeights.learn(2 * odds, rng.normal(size=4_000), truth)
    # Twice the log-odds count half, noise counts nothing.
    assert weights.trees == pytest.approx(0.5, abs=0.05)
    assert weights.line == pytest.approx(0.0, abs=0.05)
    assert weights.intercept == pytest.approx(0.0, abs=0.1)
    matrix = rng.normal(size=(200, 2))
    learner = Recipe("blend", "probability", seed=1, parameters={"n_estimators": 5}).fit(
        matrix, (matrix[:, 0] > 0).astype(np.float64)
    )
    halves = replace(learner, weights=BlendWeights())
    assert "blend_weights.json" not in learner.parts()
    assert (halves.predict(matrix) == learner.predict(matrix)).all()
    assert rebuild(Learner, halves.parts()) == halves


def test_money_is_not_blended() -> None:
    with pytest.raises(StudyError, match="blend cannot predict a mean; use lightgbm"):
        Recipe("blend", "mean", seed=1)
