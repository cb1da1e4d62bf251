"""Linear models: columns are scaled, missing numbers count as the average, reasons add up."""

import numpy as np
import pytest

from holdfast.learners.linear import LinearModel, Scaling, constant

MATRIX = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, np.nan], [6.0, 1.0]])


def test_a_scaled_column_has_mean_0_and_deviation_1_and_a_missing_number_is_0() -> None:
    scaled = Scaling.learn(MATRIX).apply(MATRIX)
    assert scaled[:, 0].mean() == pytest.approx(0)
    assert scaled[:, 0].std() == pytest.approx(1)
    # A column of one value says nothing.
    assert scaled[:, 1].tolist() == [0, 0, 0, 0]


def test_a_column_without_any_value_is_0_for_everyone() -> None:
    empty = np.full((3, 1), np.nan)
    assert Scaling.learn(empty).apply(empty).tolist() == [[0], [0], [0]]


def test_reasons_are_weight_times_z_and_add_up_to_the_raw_score() -> None:
    model = LinearModel("ridge", "identity", Scaling.learn(MATRIX), [2.0, 5.0], 7.0)
    contributions = model.contributions(MATRIX)
    np.testing.assert_allclose(contributions.sum(axis=1), model.raw(MATRIX))
    assert contributions[:, -1].tolist() == [7, 7, 7, 7]
    np.testing.assert_allclose(contributions[:, 0], 2 * model.scaling.apply(MATRIX)[:, 0])


def test_a_constant_says_the_same_of_everyone() -> None:
    assert constant("ridge", 3.0, n_columns=2).predict(MATRIX).tolist() == [3, 3, 3, 3]
    assert constant("logistic", 0.0, n_columns=2).predict(MATRIX).tolist() == [0.5] * 4
