import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma, nbinom

from holdfast.btyd import ParetoNBD
from holdfast.btyd.histories import check_histories

PARAMETERS = {"r": 0.8, "alpha": 4.0, "s": 1.3, "beta": 9.0}
MODEL = ParetoNBD.from_parameters(**PARAMETERS)


def log_likelihood(model, *history):
    histories = check_histories(*history)
    return model._log_likelihood(histories, model._parameters_of(histories, *model._values()))[0]


@pytest.mark.parametrize("history", [(0, 0, 20), (1, 3, 20), (6, 18, 20), (6, 20, 20)])
def test_the_likelihood_is_the_story_averaged_over_customers(history, averaged):
    x, t_x, T = history

    def story(rate, death_rate):
        both = rate + death_rate
        dead = death_rate / both * (np.exp(-both * t_x) - np.exp(-both * T))
        return rate**x * (dead + np.exp(-both * T))

    by_hand = averaged(story, gamma(0.8, scale=1 / 4.0), gamma(1.3, scale=1 / 9.0))
    assert log_likelihood(MODEL, *history) == pytest.approx([np.log(by_hand)], rel=1e-7)


@pytest.mark.parametrize("busy", [(500, 199.0, 200.0), (2000, 3.0, 200.0), (1, 1e-6, 1e4)])
@pytest.mark.parametrize(("alpha", "beta"), [(4.0, 9.0), (9.0, 4.0), (1e-3, 50.0), (50.0, 1e-3)])
def test_the_integral_over_the_moment_of_death_holds_for_extreme_customers(busy, alpha, beta):
    x, t_x, T = busy
    r, s = 0.6, 0.7

    def relative(v):
        # The integrand over its value at t_x, in log-distance from t_x: smooth for the oracle as
        # well.
        y = t_x + 1e-9 * np.expm1(v)
        fall = (r + x) * np.log1p((y - t_x) / (alpha + t_x)) + (s + 1) * np.log1p(
            (y - t_x) / (beta + t_x)
        )
        return np.exp(-fall) * 1e-9 * np.exp(v)

    end = np.log1p((T - t_x) / 1e-9)
    integral = sum(
        quad(relative, lo, lo + end / 40, epsabs=0, epsrel=1e-11)[0]
        for lo in np.arange(40) * end / 40
    )
    dead = s * integral / (beta + t_x)
    alive = np.exp(
        -(r + x) * np.log((alpha + T) / (alpha + t_x)) - s * np.log((beta + T) / (beta + t_x))
    )
    model = ParetoNBD.from_parameters(r=r, alpha=alpha, s=s, beta=beta)
    assert model.probability_alive(*busy) == pytest.approx([alive / (alive + dead)], rel=1e-9)


def test_an_alive_customer_lives_on_as_a_pareto():
    now, later = (MODEL.probability_alive(3, 10, 20, at=at) for at in (0, 15))
    assert later / now == pytest.approx([(29 / 44) ** 1.3], rel=1e-12)


def test_expected_purchases_need_no_special_case_at_s_equal_to_1():
    at_pole, beside = (
        ParetoNBD.from_parameters(r=0.8, alpha=4.0, s=s, beta=9.0).expected_purchases(
            3, 10, 20, start=2, end=30
        )
        for s in (1.0, 1 + 1e-7)
    )
    assert at_pole == pytest.approx(beside, rel=1e-6)


def test_the_number_of_purchases_is_a_negative_binomial_up_to_death():
    shape, rate, life, horizon = 0.8 + 3, 4.0 + 20, 9.0 + 20, 15.0

    def bought(k, t):
        return nbinom.pmf(k, shape, rate / (rate + t))

    def until_death(t, k):
        return 1.3 / life * (1 + t / life) ** -2.3 * bought(k, t)

    lived = (1 + horizon / life) ** -1.3
    by_hand = [
        lived * bought(k, horizon) + quad(until_death, 0, horizon, args=(k,))[0] for k in range(6)
    ]
    alive = MODEL.probability_alive(3, 10, 20)
    pmf = MODEL.purchase_pmf(3, 10, 20, horizon=horizon, max_purchases=5)[0]
    assert pmf[1:] == pytest.approx(alive * by_hand[1:], rel=1e-9)
    assert pmf[0] == pytest.approx(1 - alive[0] + alive[0] * by_hand[0], rel=1e-9)


def test_covariates_scale_buying_and_dying():
    model = ParetoNBD.from_parameters(**PARAMETERS, alpha_web=-0.5, beta_web=0.4)
    scaled = ParetoNBD.from_parameters(r=0.8, alpha=4 * np.exp(-0.5), s=1.3, beta=9 * np.exp(0.4))
    for ask in (
        lambda m, **z: m.expected_purchases(2, 9, 20, end=10, **z),
        lambda m, **z: m.probability_no_purchase(2, 9, 20, horizon=10, **z),
        lambda m, **z: m.purchase_pmf(2, 9, 20, horizon=10, max_purchases=4, **z),
        lambda m, **z: m.expected_purchases_new_customer(10, **z),
    ):
        np.testing.assert_allclose(ask(model, covariates=[[1.0]]), ask(scaled), rtol=1e-12)


def test_the_effect_of_a_covariate_is_learnt(simulate):
    truth = {"r": 0.9, "alpha": 7.0, "s": 0.8, "beta": 15.0}
    shop = simulate("ParetoNBD", n=4_000, horizon=1.0, seed=1, **truth)
    web = simulate(
        "ParetoNBD", n=4_000, horizon=1.0, seed=2, **truth | {"alpha": 7.0 * np.exp(-0.7)}
    )
    histories = [np.concatenate(pair) for pair in zip(shop.histories, web.histories, strict=True)]
    model = ParetoNBD(covariates=("web",)).fit(*histories, covariates=np.repeat([0.0, 1.0], 4_000))
    assert model.converged_
    for name, value in {"alpha_web": -0.7, "beta_web": 0.0}.items():
        assert abs(model.parameters_[name] - value) < 4 * model.standard_errors_[name]
