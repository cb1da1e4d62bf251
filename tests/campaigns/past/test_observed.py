"""Campaigns without a hold-out: the gates, and the ranges of what is unseen."""

from itertools import product

import numpy as np
import pytest

from holdfast.campaigns.past.observed import Window, e_value, observe, sensitivity_range
from holdfast.errors import InputError, NotEnoughData


def history(
    lean: float, *, n: int = 3_000, unseen: float = 0.0
) -> tuple[np.ndarray, Window, Window]:
    """Contact by one thing that is seen and one that is not; the effect is 1."""
    rng = np.random.default_rng(7)
    seen, hidden = rng.standard_normal((n, 1)), rng.standard_normal(n)
    odds = lean * seen[:, 0] + unseen * hidden
    contacted = rng.random(n) < 1 / (1 + np.exp(-odds))
    base = 5 + 2 * seen[:, 0] + 2 * hidden
    outcomes = [base + rng.normal(0, 1, n) + contacted, base + rng.normal(0, 1, n)]
    return contacted, *(Window(features=seen, outcome=outcome) for outcome in outcomes)


def test_what_is_seen_is_adjusted_for() -> None:
    contacted, window, before = history(0.8)
    naive = window.outcome[contacted].mean() - window.outcome[~contacted].mean()
    answer = observe(contacted, window, before)
    assert naive > 2
    assert answer.refused is None
    assert answer.uplift_source == "observed"
    assert answer.effect is not None
    assert answer.standard_error is not None
    assert abs(answer.effect - 1) < 3 * answer.standard_error
    assert answer.test_size is not None
    assert answer.test_size > 50


def test_ranges_widen_with_what_the_unseen_may_do() -> None:
    answer = observe(*history(0.8))
    assert answer.effect is not None
    ends = [answer.ranges[each] for each in (1.25, 1.5, 2.0)]
    assert ends[0][0] > ends[1][0] > ends[2][0]
    assert ends[0][1] < ends[1][1] < ends[2][1]
    assert ends[0][0] < answer.effect < ends[0][1]


def test_a_difference_before_the_campaign_refuses_it() -> None:
    answer = observe(*history(0.5, unseen=0.8))
    assert answer.refused is not None
    assert "window before the campaign" in answer.refused
    assert (answer.effect, answer.e_value, answer.test_size) == (None, None, None)


def test_customers_without_their_like_refuse_it() -> None:
    answer = observe(*history(9.0))
    assert answer.refused is not None
    assert "nobody to compare with" in answer.refused
    assert answer.placebo is None


def test_few_contacts_say_nothing() -> None:
    _, window, before = history(0.5)
    with pytest.raises(NotEnoughData, match="0 customers were contacted"):
        observe(np.zeros(3_000, dtype=bool), window, before)


def test_windows_are_of_the_same_customers() -> None:
    contacted, window, before = history(0.5)
    with pytest.raises(InputError, match="for 2999 contacts"):
        observe(contacted[1:], window, before)


def test_the_ends_of_the_range_are_those_of_all_weights_there_may_be() -> None:
    off = np.array([3.0, -1.0, 0.5, 2.0, -2.0, 1.0])
    treated = np.array([True, True, True, False, False, False])
    chance = np.array([0.3, 0.6, 0.5, 0.2, 0.4, 0.7])
    means: dict[bool, list[float]] = {}
    for arm, probability in ((True, chance), (False, 1 - chance)):
        here = treated == arm
        options = [(1 + (1 / p - 1) / 2, 1 + (1 / p - 1) * 2) for p in probability[here]]
        means[arm] = [float(np.average(off[here], weights=w)) for w in product(*options)]
        means[arm].append(float(np.average(off[here], weights=1 / probability[here])))
    (one, zero) = (means[arm] for arm in (True, False))
    low, high = sensitivity_range(treated, chance, off, 0.0, 2.0)
    assert low == pytest.approx(min(one) - one[-1] - (max(zero) - zero[-1]))
    assert high == pytest.approx(max(one) - one[-1] - (min(zero) - zero[-1]))


def test_the_e_value_of_a_doubled_risk_is_the_published_one() -> None:
    # RR 2: 2 + sqrt(2 x 1) = 3.41 (VanderWeele and Ding 2017).
    assert e_value(np.log(2) / 0.91) == pytest.approx(2 + np.sqrt(2))
    assert e_value(0.0) == 1.0
    assert e_value(-0.4) == e_value(0.4)
