"""Tests of effects hold their error rates, and see what is there."""

import numpy as np
import pytest

from holdfast.evaluation.effect_tests import holm, interaction_test, largest_of
from holdfast.evaluation.policy import mean_effect


def test_holm_multiplies_the_smallest_most_and_never_turns_the_order() -> None:
    adjusted = holm({"a": 0.012, "b": 0.9, "c": 0.02, "d": 0.021})
    assert adjusted == pytest.approx({"a": 0.048, "b": 0.9, "c": 0.06, "d": 0.06})


def test_interactions_of_nothing_are_seen_in_one_of_twenty() -> None:
    rng = np.random.default_rng(8)
    p_values = [
        interaction_test(rng.exponential(1.0, 400) ** 2, rng.normal(size=(400, 4)))
        for _ in range(400)
    ]
    # Binomial error of 400 draws: 1.1 points.
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.033)


def test_an_effect_that_follows_a_feature_is_seen_whatever_its_unit() -> None:
    rng = np.random.default_rng(3)
    x = rng.lognormal(8.0, 1.0, (500, 2))
    psi = 0.5 * np.log(x[:, 0]) + rng.normal(size=500)
    assert interaction_test(psi, x) < 1e-6
    assert interaction_test(psi, np.column_stack([x, x[:, 0], np.full(500, np.nan)])) < 1e-6


def test_features_that_never_vary_say_nothing() -> None:
    assert interaction_test(np.arange(100.0), np.ones((100, 3))) == 1.0


def test_rows_seen_twice_are_not_twice_the_evidence() -> None:
    rng = np.random.default_rng(6)
    x, twice = rng.normal(size=(200, 3)), np.repeat(np.arange(200), 2)
    psi = rng.normal(size=200)
    clustered = interaction_test(psi[twice], x[twice], twice)
    assert clustered == pytest.approx(interaction_test(psi, x), abs=0.03)
    assert interaction_test(psi[twice], x[twice]) < clustered


def test_of_many_columns_the_leading_components_are_tested() -> None:
    rng = np.random.default_rng(7)
    factor = rng.normal(size=600)
    many = factor[:, None] + 0.1 * rng.normal(size=(600, 80))
    assert interaction_test(0.5 * factor + rng.normal(size=600), many) < 1e-6


def test_the_same_rule_twice_costs_nothing_and_two_rules_cost_more() -> None:
    rng = np.random.default_rng(5)
    one = mean_effect(rng.normal(0.12, 1.0, 400))
    other = mean_effect(rng.normal(0.0, 1.0, 400))
    (alone,) = largest_of([one], seed=1)
    assert alone == pytest.approx(one.p, abs=0.02)
    assert largest_of([one, one], seed=1)[0] == alone
    assert largest_of([one, other], seed=1)[0] > alone
