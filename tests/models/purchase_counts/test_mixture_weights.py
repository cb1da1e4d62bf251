"""The router: weights of a pool from what its members said of windows that had ended."""

import numpy as np
import pytest

from holdfast.models.purchase_counts.mixture_weights import (
    GROUPS,
    MixtureWeights,
    PastWindow,
    fit_weights,
)


def certain(count: int, n: int) -> np.ndarray:
    pmf = np.full((n, 3), 0.05)
    pmf[:, count] = 0.9
    return pmf


def test_without_a_window_the_weights_are_those_given():
    mixture = fit_weights(("a", "b"), (0.25, 0.75), [])
    assert set(mixture.weights) == set(GROUPS)
    assert mixture.of(np.array([1.0, 50.0])).tolist() == [[0.25, 0.75]] * 2


def test_the_member_that_was_right_about_a_group_gets_half_way_to_all_of_its_weight():
    n = 20_000
    one_timers = PastWindow(np.ones(n), (certain(0, n), certain(2, n)), np.zeros(n))
    dense = PastWindow(np.full(n, 12.0), (certain(0, n), certain(2, n)), np.full(n, 2.0))
    mixture = fit_weights(("a", "b"), (0.5, 0.5), [one_timers, dense])
    assert mixture.weights["one-time"][0] == pytest.approx(0.74, abs=0.02)
    assert mixture.weights["dense"][1] == pytest.approx(0.74, abs=0.02)
    for weights in mixture.weights.values():
        assert sum(weights) == pytest.approx(1)


def test_a_group_of_few_borrows_from_all():
    many = PastWindow(np.ones(5_000), (certain(0, 5_000), certain(2, 5_000)), np.zeros(5_000))
    few = PastWindow(np.full(3, 12.0), (certain(0, 3), certain(2, 3)), np.full(3, 2.0))
    assert fit_weights(("a", "b"), (0.5, 0.5), [many, few]).weights["dense"][0] > 0.7


def test_equal_shares_are_everyones():
    assert MixtureWeights.equal(("a",), (1.0,)).of(np.array([3.0])).tolist() == [[1.0]]
