import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from holdfast.btyd import GammaGamma
from holdfast.btyd.gamma_gamma import _log_likelihood
from holdfast.errors import DataError, NotEnoughData

MODEL = GammaGamma.from_parameters(p=6.25, q=3.74, gamma=15.44)


def test_the_likelihood_is_the_story_averaged_over_customers():
    # The mean of 3 orders, each Gamma(p, nu), is Gamma(3 p, 3 nu).
    def story(nu):
        return gamma.pdf(40.0, 6.25 * 3, scale=1 / (3 * nu)) * gamma.pdf(nu, 3.74, scale=1 / 15.44)

    value, score = _log_likelihood(np.array([3.0]), np.array([40.0]), 6.25, 3.74, 15.44)
    assert np.exp(value) == pytest.approx([quad(story, 0, 5, epsabs=1e-14)[0]], rel=1e-8)
    for index in range(3):
        ahead, behind = ([6.25, 3.74, 15.44] for _ in range(2))
        ahead[index] *= np.exp(1e-5)
        behind[index] *= np.exp(-1e-5)
        slope = (
            _log_likelihood(np.array([3.0]), np.array([40.0]), *ahead)[0]
            - _log_likelihood(np.array([3.0]), np.array([40.0]), *behind)[0]
        ) / 2e-5
        assert score[index] == pytest.approx(slope, rel=1e-6)


def test_a_customer_without_orders_is_expected_to_spend_what_the_population_does():
    population = 6.25 * 15.44 / (3.74 - 1)
    assert MODEL.expected_mean_order_value([0, 0], [0.0, 999.0]) == pytest.approx(
        [population, population]
    )


def test_the_more_orders_the_more_they_count():
    few, many, countless = MODEL.expected_mean_order_value(
        [1, 10, 1_000_000], [100.0, 100.0, 100.0]
    )
    assert 35 < few < many < countless
    assert countless == pytest.approx(100, abs=1e-3)


def test_the_fit_finds_the_parameters_customers_were_made_with():
    rng = np.random.default_rng(1)
    orders = rng.integers(1, 8, 5_000).astype(float)
    nu = rng.gamma(3.74, 1 / 15.44, 5_000)
    mean = rng.gamma(6.25 * orders) / nu / orders
    model = GammaGamma().fit(orders, mean)
    assert model.converged_
    for name, truth in {"p": 6.25, "q": 3.74, "gamma": 15.44}.items():
        assert abs(model.parameters_[name] - truth) < 4 * model.standard_errors_[name]
    cents = GammaGamma().fit(orders, 100 * mean)
    assert cents.parameters_["gamma"] == pytest.approx(100 * model.parameters_["gamma"], rel=1e-6)
    assert cents.parameters_["q"] == pytest.approx(model.parameters_["q"], rel=1e-6)


def test_weights_count_customers_and_those_without_orders_say_nothing():
    orders, mean = np.array([1.0, 2, 3, 0, 5]), np.array([10.0, 30, 20, 0, 12])
    weighted = GammaGamma().fit(orders, mean, weights=[2, 1, 1, 7, 1])
    repeated = GammaGamma().fit(
        np.append(orders[[0, 1, 2, 4]], 1), np.append(mean[[0, 1, 2, 4]], 10)
    )
    assert weighted.log_likelihood_ == pytest.approx(repeated.log_likelihood_)
    assert weighted.expected_mean_order_value(2, 15.0) == pytest.approx(
        repeated.expected_mean_order_value(2, 15.0)
    )


def test_customers_who_spread_too_far_to_have_a_mean_are_held_and_it_is_said():
    values = np.random.default_rng(0).pareto(0.7, 500) + 1
    model = GammaGamma().fit(np.ones(500), values)
    assert model.parameters_["q"] == pytest.approx(1.02)
    assert any("mean is not finite" in note for note in model.notes_)
    assert np.isfinite(model.expected_mean_order_value([0, 1], [0.0, 20.0])).all()


def test_equal_values_end_in_numbers():
    model = GammaGamma().fit([1, 2, 3], [10.0, 10.0, 10.0])
    assert model.notes_
    assert model.expected_mean_order_value([0, 4], [0.0, 10.0]) == pytest.approx(
        [10.0, 10.0], rel=1e-3
    )


def test_what_cannot_be_learnt_is_said():
    with pytest.raises(NotEnoughData, match="0 customers with orders"):
        GammaGamma().fit([0, 0], [0.0, 0.0])
    with pytest.raises(NotEnoughData, match="none different"):
        GammaGamma().fit([5, 5], [10.0, 10.0])
    with pytest.raises(DataError, match="1 of 2 customers have a mean order value of 0 or less"):
        GammaGamma().fit([5, 4], [10.0, 0.0])
    with pytest.raises(DataError, match="negative or not finite"):
        GammaGamma().fit([5, 4], [10.0, -3.0])
    with pytest.raises(DataError, match="q must be above 1"):
        GammaGamma.from_parameters(p=1.0, q=1.0, gamma=1.0)


def test_parameters_survive_json():
    assert (
        GammaGamma.from_parameters(**json.loads(json.dumps(MODEL.parameters_))).parameters_
        == MODEL.parameters_
    )
