"""Attribution of a product: the factors' Shapley values, worked out by hand for two."""

import numpy as np
import polars as pl

from holdfast.learners.algorithms import Recipe
from holdfast.learners.attribution import Factor, explain_factor, mean_of, product
from holdfast.learners.design import Attribution, Design


def test_a_product_of_two_is_shared_by_their_changes_times_the_others_mean() -> None:
    # From 2 x 3 = 6 to 4 x 7 = 28: the first adds 2 x (3 + 7) / 2, the second 4 x (2 + 4) / 2.
    first = Factor(np.array([4.0]), np.array([2.0]), np.array([[2.0, 0.0]]))
    second = Factor(np.array([7.0]), np.array([3.0]), np.array([[1.0, 3.0]]))
    shared = product(("a", "b"), (first, second), level=10.0)
    assert shared.base.tolist() == [60]
    assert shared.values.tolist() == [[100 + 30, 90]]
    assert shared.total.tolist() == [280]


def test_three_factors_add_up_too() -> None:
    rng = np.random.default_rng(3)
    factors = []
    for _ in range(3):
        base, shares = rng.uniform(1, 2, 5), rng.normal(size=(5, 2)) / 9
        factors.append(Factor(base + shares.sum(axis=1), base, shares))
    expected = np.prod([factor.value for factor in factors], axis=0)
    np.testing.assert_allclose(product(("a", "b"), factors, level=1.0).total, expected)


def test_the_mean_of_two_attributions_is_halfway_between_them() -> None:
    one = Attribution(("a", "b"), np.array([[2.0, 4.0]]), np.array([1.0]))
    other = Attribution(("b",), np.array([[6.0]]), np.array([3.0]))
    both = mean_of(one, other, 0.5)
    assert both.values.tolist() == [[1, 5]]
    assert both.base.tolist() == [2]
    alone = mean_of(one, other, 1.0)
    assert (alone.values.tolist(), alone.base.tolist()) == ([[0, 6]], [3])


def test_a_learners_reasons_are_in_the_unit_of_its_prediction() -> None:
    rng = np.random.default_rng(5)
    frame = pl.DataFrame({"x": rng.normal(size=300), "word": rng.choice(["p", "q"], 300)})
    design = Design.learn(frame, columns=("x", "word"))
    matrix = design.matrix(frame)
    learner = Recipe("logistic", "probability", seed=1).fit(matrix, (matrix[:, 0] > 0) * 1.0)
    factor = explain_factor(design, learner, matrix)
    assert factor.shares.shape == (300, 2)
    np.testing.assert_allclose(factor.base + factor.shares.sum(axis=1), learner.predict(matrix))
