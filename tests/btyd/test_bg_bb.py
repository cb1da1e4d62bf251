from itertools import product

import numpy as np
import pytest
from scipy.stats import beta

from holdfast.btyd import BGBB
from holdfast.btyd.histories import check_histories
from holdfast.errors import DataError

MODEL = BGBB.from_parameters(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)


@pytest.mark.parametrize("string", [(0, 0, 0), (1, 0, 1, 0), (0, 1, 1)])
def test_the_likelihood_is_the_story_averaged_over_customers(string, averaged):
    x, n = sum(string), len(string)
    t_x = max((i + 1 for i, bought in enumerate(string) if bought), default=0)

    def story(p, theta):
        alive = p**x * (1 - p) ** (n - x) * (1 - theta) ** n
        return alive + sum(
            p**x * (1 - p) ** (t - x) * theta * (1 - theta) ** t for t in range(t_x, n)
        )

    by_hand = averaged(story, beta(1.2, 0.75), beta(0.66, 2.8))
    histories = check_histories(x, t_x, n)
    value = MODEL._log_likelihood(histories, MODEL._parameters_of(histories, *MODEL._values()))[0]
    assert np.exp(value) == pytest.approx([by_hand], rel=1e-7)


def test_all_futures_of_a_customer_add_up():
    histories, horizon = ([2, 0, 5], [4, 0, 5], [5, 5, 5]), 4

    def likelihood(x, t_x, n):
        one = check_histories(x, t_x, n)
        return np.exp(MODEL._log_likelihood(one, MODEL._parameters_of(one, *MODEL._values()))[0][0])

    for row, (x, t_x, n) in enumerate(zip(*histories, strict=True)):
        chances = np.zeros(horizon + 1)
        for future in product((0, 1), repeat=horizon):
            last = max((n + i + 1 for i, bought in enumerate(future) if bought), default=t_x)
            chances[sum(future)] += likelihood(x + sum(future), last, n + horizon) / likelihood(
                x, t_x, n
            )
        assert chances.sum() == pytest.approx(1)
        pmf = MODEL.purchase_pmf(*histories, horizon=horizon, max_purchases=horizon)[row]
        np.testing.assert_allclose(pmf, chances, atol=1e-12)
        silent = MODEL.probability_no_purchase(*histories, horizon=horizon)[row]
        assert silent == pytest.approx(chances[0])
        expected = MODEL.expected_purchases(*histories, end=horizon)[row]
        assert expected == pytest.approx(chances @ np.arange(horizon + 1))


def test_who_bought_at_the_last_opportunity_is_alive_and_may_leave_before_the_next():
    now, next_time = (MODEL.probability_alive(6, 6, 6, at=at) for at in (0, 1))
    assert now == pytest.approx([1.0])
    assert next_time == pytest.approx([(2.8 + 6) / (0.66 + 2.8 + 6)])


def test_an_interval_ahead_is_the_difference_of_two():
    ask = ([2, 0], [4, 0], [5, 5])
    far, near = (MODEL.expected_purchases(*ask, end=end) for end in (9, 3))
    np.testing.assert_allclose(MODEL.expected_purchases(*ask, start=3, end=9), far - near)


def test_only_whole_opportunities_count():
    with pytest.raises(DataError, match="recency holds a fraction"):
        MODEL.probability_alive(1, 1.5, 3)
    with pytest.raises(DataError, match="horizon holds a fraction"):
        MODEL.probability_no_purchase(1, 1, 3, horizon=1.5)
    with pytest.raises(DataError, match="more often than they had opportunities"):
        MODEL.probability_alive(3, 2, 3)


def test_random_donors_give_no_nan():
    rng = np.random.default_rng(5)
    T = rng.integers(1, 60, 3_000)
    recency = rng.integers(0, T + 1)
    frequency = np.where(recency > 0, rng.integers(1, np.maximum(recency, 1) + 1), 0)
    for answer in (
        MODEL.probability_alive(frequency, recency, T, at=5),
        MODEL.probability_no_purchase(frequency, recency, T, horizon=12),
        MODEL.purchase_pmf(frequency, recency, T, horizon=12, max_purchases=12).sum(axis=1),
    ):
        assert ((answer >= 0) & (answer <= 1 + 1e-9)).all()
    assert (MODEL.expected_purchases(frequency, recency, T, end=12) <= 12).all()
