import numpy as np
import pytest
from scipy.special import gammaincc
from scipy.stats import beta, gamma

from holdfast.btyd import MBGNBD, MBGCNBDk
from holdfast.btyd.histories import check_histories
from holdfast.errors import DataError

PARAMETERS = {"r": 1.3, "alpha": 3.0, "a": 0.9, "b": 2.0}


@pytest.mark.parametrize("history", [(0, 0, 20), (1, 3, 20), (6, 18, 20), (6, 20, 20)])
def test_the_likelihood_is_the_story_averaged_over_customers(history, averaged):
    x, t_x, T = history
    k = 3

    def story(rate, p):
        # x Erlang gaps but for their spacing, then either gone at t_x or no k-th tick until T.
        ticks = rate ** (k * x) * np.exp(-rate * t_x)
        return ticks * ((1 - p) ** (x + 1) * gammaincc(k, rate * (T - t_x)) + p * (1 - p) ** x)

    by_hand = averaged(story, gamma(1.3, scale=1 / 3.0), beta(0.9, 2.0))
    model = MBGCNBDk.from_parameters(k=k, **PARAMETERS)
    histories = check_histories(*history)
    value = model._log_likelihood(histories, model._parameters_of(histories, *model._values()))[0]
    assert value == pytest.approx([np.log(by_hand)], rel=1e-7)


def test_k_equal_to_1_is_the_mbg_nbd():
    rhythmless, known = (
        MBGCNBDk.from_parameters(k=1, **PARAMETERS),
        MBGNBD.from_parameters(**PARAMETERS),
    )
    histories = ([0, 1, 2, 30], [0, 3, 30, 30], [39, 20, 38, 36])
    for ask in (
        lambda m: m.expected_purchases(*histories, start=4, end=52),
        lambda m: m.probability_alive(*histories, at=13),
        lambda m: m.probability_no_purchase(*histories, horizon=13),
        lambda m: m.purchase_pmf(*histories, horizon=13, max_purchases=20),
    ):
        np.testing.assert_allclose(ask(rhythmless), ask(known), rtol=1e-9, atol=1e-11)


def test_forecasts_of_thousands_of_purchases_stay_exact():
    rhythmless, known = (
        MBGCNBDk.from_parameters(k=1, r=0.5, alpha=6.0, a=0.4, b=1.6),
        MBGNBD.from_parameters(r=0.5, alpha=6.0, a=0.4, b=1.6),
    )
    histories = ([900.0, 900.0], [10.0, 9.9], [10.0, 10.0])
    answers = [model.expected_purchases(*histories, end=52) for model in (rhythmless, known)]
    assert answers[0][0] > 1000
    np.testing.assert_allclose(answers[0], answers[1], rtol=3e-5)


def test_an_overdue_customer_with_a_rhythm_is_more_likely_gone():
    regular, at_random = (
        MBGCNBDk.from_parameters(k=k, r=1.3, alpha=3.0 * k, a=0.9, b=2.0) for k in (4, 1)
    )
    assert regular.probability_alive(9, 27, 39) < at_random.probability_alive(9, 27, 39)


def test_the_times_between_purchases_reveal_k():
    rng = np.random.default_rng(3)
    n, k = 800, 3
    rate, T = rng.gamma(1.3, 1 / 3.0, n), np.full(n, 40.0)
    purchases = np.cumsum(rng.gamma(k, 1.0, (n, 200)) / rate[:, None], axis=1)
    last = rng.geometric(rng.beta(0.9, 2.0, n)) - 1
    seen = (purchases <= T[:, None]) & (np.arange(200) < last[:, None])
    gaps = np.diff(purchases, axis=1, prepend=0.0)
    log_gaps = np.where(seen, np.log(gaps), 0.0).sum(axis=1)
    histories = seen.sum(axis=1), np.where(seen, purchases, 0.0).max(axis=1), T
    model = MBGCNBDk().fit(*histories, sum_log_gaps=log_gaps)
    assert model.k_ == 3
    # The likelihood is that of all purchase times: k = 3 beats its neighbours, and k given is not
    # searched.
    others = [MBGCNBDk(k=other).fit(*histories, sum_log_gaps=log_gaps) for other in (2, 4)]
    assert [other.k_ for other in others] == [2, 4]
    assert all(model.log_likelihood_ > other.log_likelihood_ for other in others)


def test_impossible_rhythms_are_refused():
    with pytest.raises(DataError, match="k is 0, not a whole number"):
        MBGCNBDk(k=0).fit([1, 2], [1, 2], [3, 3])
    with pytest.raises(DataError, match="sum_log_gaps must be 2 finite numbers"):
        MBGCNBDk().fit([1, 2], [1, 2], [3, 3], sum_log_gaps=[0.0, -np.inf])
    with pytest.raises(DataError, match="k is 0"):
        MBGCNBDk.from_parameters(**PARAMETERS)
