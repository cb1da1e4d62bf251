from time import process_time

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import hyp2f1
from scipy.stats import beta, gamma

from holdfast.btyd import BGNBD, MBGNBD
from holdfast.btyd.histories import check_histories
from holdfast.errors import DataError

PARAMETERS = {"r": 0.8, "alpha": 4.0, "a": 1.7, "b": 2.4}


def log_likelihood(model, *history):
    histories = check_histories(*history)
    return model._log_likelihood(histories, model._parameters_of(histories, *model._values()))[0]


@pytest.mark.parametrize("history", [(0, 0, 20), (1, 3, 20), (6, 18, 20)])
@pytest.mark.parametrize("model", [BGNBD, MBGNBD])
def test_the_likelihood_is_the_story_averaged_over_customers(model, history, averaged):
    x, t_x, T = history
    chances = x + (model is MBGNBD)

    def story(rate, p):
        # Survived every chance to leave, or left at the last one.
        stayed = (1 - p) ** chances * rate**x * np.exp(-rate * T)
        left = p * (1 - p) ** (chances - 1) * rate**x * np.exp(-rate * t_x) if chances else 0.0
        return stayed + left

    by_hand = averaged(story, gamma(0.8, scale=1 / 4.0), beta(1.7, 2.4))
    assert log_likelihood(model.from_parameters(**PARAMETERS), *history) == pytest.approx(
        [np.log(by_hand)], rel=1e-7
    )


def test_expected_purchases_of_a_new_customer_are_the_papers_hypergeometric_formula():
    r, alpha, a, b, t = 0.8, 4.0, 1.7, 2.4, 30.0
    ratio = hyp2f1(r, b, a + b - 1, t / (alpha + t))
    by_hand = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + t)) ** r * ratio)  # eq. 9
    assert BGNBD.from_parameters(**PARAMETERS).expected_purchases_new_customer(t) == pytest.approx(
        [by_hand], rel=1e-10
    )


def test_the_pole_of_the_formula_at_a_equal_to_1_does_no_harm():
    at_pole, beside = (
        BGNBD.from_parameters(r=0.8, alpha=4.0, a=a, b=2.4).expected_purchases(3, 10, 20, end=30)
        for a in (1.0, 1 + 1e-9)
    )
    assert at_pole == pytest.approx(beside, rel=1e-7)


def test_a_customer_is_alive_later_if_it_did_not_leave_with_a_purchase_in_between():
    # Departures of an alive customer come at the rate lambda p.
    shape, rate, a, b, t = 0.8 + 3, 4.0 + 20, 1.7, 2.4 + 3, 15.0
    stays = quad(
        lambda p: beta.pdf(p, a, b) * (rate / (rate + p * t)) ** shape, 0, 1, epsabs=1e-13
    )[0]
    model = BGNBD.from_parameters(**PARAMETERS)
    now, later = (model.probability_alive(3, 10, 20, at=at) for at in (0, t))
    assert later / now == pytest.approx([stays], rel=1e-9)


def test_a_one_time_buyer_is_alive_for_the_bg_nbd_and_may_be_gone_for_the_mbg_nbd():
    assert BGNBD.from_parameters(**PARAMETERS).probability_alive(0, 0, 50) == [1.0]
    assert MBGNBD.from_parameters(**PARAMETERS).probability_alive(0, 0, 50)[0] < 0.5
    # A newcomer of the MBG/NBD has had one chance to leave: b / (a + b).
    assert MBGNBD.from_parameters(**PARAMETERS).probability_alive(0, 0, 0) == pytest.approx(
        [2.4 / 4.1]
    )


def test_covariates_scale_the_parameters_of_each_customer():
    plain = BGNBD.from_parameters(**PARAMETERS)
    model = BGNBD.from_parameters(**PARAMETERS, alpha_web=-0.5, a_web=0.2, b_web=0.1)
    assert model.covariates == ("web",)
    web, shop = model.expected_purchases(
        [2, 2], [9, 9], [20, 20], end=10, covariates=[[1.0], [0.0]]
    )
    assert shop == plain.expected_purchases(2, 9, 20, end=10)
    scaled = BGNBD.from_parameters(
        r=0.8, alpha=4 * np.exp(-0.5), a=1.7 * np.exp(0.2), b=2.4 * np.exp(0.1)
    )
    assert web == pytest.approx(scaled.expected_purchases(2, 9, 20, end=10)[0], rel=1e-12)


def test_the_effect_of_a_covariate_is_learnt(simulate):
    shop = simulate("BGNBD", n=6_000, horizon=1.0, seed=1, r=0.8, alpha=6.0, a=0.8, b=2.5)
    web = simulate(
        "BGNBD", n=6_000, horizon=1.0, seed=2, r=0.8, alpha=6.0 * np.exp(-0.7), a=0.8, b=2.5
    )
    histories = [np.concatenate(pair) for pair in zip(shop.histories, web.histories, strict=True)]
    model = BGNBD(covariates=("web",)).fit(*histories, covariates=np.repeat([0.0, 1.0], 6_000))
    assert model.converged_
    for name, truth in {"alpha": 6.0, "alpha_web": -0.7, "a_web": 0.0, "b_web": 0.0}.items():
        assert abs(model.parameters_[name] - truth) < 4 * model.standard_errors_[name]
    assert model.standard_errors_["alpha_web"] < 0.1


def test_covariates_that_say_nothing_change_nothing(simulate):
    customers = simulate("BGNBD", n=3_000, horizon=1.0, seed=3, r=0.8, alpha=6.0, a=0.8, b=2.5)
    plain = BGNBD().fit(*customers.histories)
    constant = BGNBD(covariates=("nothing",)).fit(*customers.histories, covariates=np.zeros(3_000))
    assert {name: constant.parameters_[name] for name in plain.parameters_} == pytest.approx(
        plain.parameters_, rel=1e-5
    )


def test_covariates_must_be_passed_as_named():
    model = BGNBD.from_parameters(**PARAMETERS, alpha_web=-0.5, a_web=0.2, b_web=0.1)
    with pytest.raises(DataError, match=r"shape \(1, 0\), expected \(1, 1\): web"):
        model.expected_purchases(2, 9, 20, end=10)
    with pytest.raises(DataError, match="the model has none"):
        BGNBD.from_parameters(**PARAMETERS).expected_purchases(2, 9, 20, end=10, covariates=[[1.0]])


def test_customers_who_do_not_differ_in_dropout_send_a_and_b_to_the_limit_and_it_is_said():
    # All leave with their fifth repeat purchase: more alike than any equal chance to leave would
    # make them.
    rng = np.random.default_rng(4)
    rate, T = rng.gamma(1.0, 1 / 10.0, 2_000), rng.uniform(20, 60, 2_000)
    purchases = np.cumsum(rng.exponential(1.0, (2_000, 5)) / rate[:, None], axis=1)
    seen = purchases <= T[:, None]
    model = BGNBD().fit(seen.sum(axis=1), np.where(seen, purchases, 0.0).max(axis=1), T)
    assert any("b (" in note for note in model.notes_)
    assert set(model.standard_errors_) == {"r", "alpha"}
    assert np.isfinite(list(model.parameters_.values())).all()


@pytest.mark.slow
def test_a_million_customers_are_fitted_in_ten_seconds():
    rng = np.random.default_rng(0)
    n = 1_000_000
    T = rng.integers(30, 731, n).astype(float)
    events = rng.poisson(rng.gamma(0.8, 1 / 40, n) * T)
    last = rng.geometric(np.maximum(rng.beta(0.8, 2.5, n), 1e-9))
    gone = last <= events
    share = np.where(
        gone,
        rng.beta(np.minimum(last, events + 1), np.maximum(events - last + 1, 1)),
        rng.beta(events + 1, 1),
    )
    frequency = np.minimum(last, events).astype(float)
    recency = np.where(frequency > 0, np.clip(np.ceil(share * T), 1, T), 0.0)
    started = process_time()
    model = BGNBD().fit(frequency, recency, T)
    assert process_time() - started < 10
    assert model.converged_
