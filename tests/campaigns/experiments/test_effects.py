"""Effects of two arms: by hand, tea-tasting's formula, and clusters."""

import numpy as np
import pytest
from scipy import stats

from holdfast.campaigns.experiments.effects import arm_of, compare, method_for


def draw(seed: int = 1, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.gamma(1, 5, n)
    return x * rng.uniform(0, 2, n) + rng.normal(0, 1, n), x


def test_a_plain_difference_is_welchs() -> None:
    one, zero = (
        arm_of(np.array([1.0, 2, 3, 6]), np.zeros(4)),
        arm_of(np.array([0.0, 1, 2]), np.zeros(3)),
    )
    effect = compare(one, zero, adjusted=False)
    # Means 3 and 1, variances 14/3 and 1: 2 and sqrt(14/12 + 1/3).
    assert effect.estimate == pytest.approx(2)
    assert effect.standard_error == pytest.approx(np.sqrt(1.5))
    expected = stats.ttest_ind([1.0, 2, 3, 6], [0.0, 1, 2], equal_var=False)
    assert effect.p_value == pytest.approx(expected.pvalue)
    assert effect.interval() == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_the_pooled_variance_is_students() -> None:
    y, x = draw()
    effect = compare(
        arm_of(y[:250], x[:250]), arm_of(y[250:], x[250:]), adjusted=False, pooled=True
    )
    expected = stats.ttest_ind(y[:250], y[250:])
    assert effect.p_value == pytest.approx(expected.pvalue)
    assert effect.interval() == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_the_adjusted_effect_is_tea_tastings() -> None:
    # tea_tasting.metrics.Mean with a covariate: theta from both arms as one sample, means moved
    # to the common mean of the covariate, Welch on var(y) - 2 theta cov + theta^2 var(x).
    y, x = draw()
    treated = np.arange(300) < 100
    theta = np.cov(y, x)[0, 1] / np.var(x, ddof=1)
    moved = y - theta * (x - x.mean())
    expected = stats.ttest_ind(moved[treated], moved[~treated], equal_var=False)
    effect = compare(arm_of(y[treated], x[treated]), arm_of(y[~treated], x[~treated]))
    assert effect.estimate == pytest.approx(
        moved[treated].mean() - moved[~treated].mean(), abs=1e-9
    )
    assert effect.p_value == pytest.approx(expected.pvalue, abs=1e-9)
    assert effect.interval() == pytest.approx(tuple(expected.confidence_interval(0.95)), abs=1e-9)


def test_a_prediction_that_is_the_same_for_all_changes_nothing() -> None:
    y, _ = draw()
    same = np.full(300, 7.0)
    arms = arm_of(y[:150], same[:150]), arm_of(y[150:], same[150:])
    assert compare(*arms).interval() == compare(*arms, adjusted=False).interval()


def test_twins_in_one_household_count_once() -> None:
    y, x = draw(n=200)
    alone = compare(arm_of(y[:100], x[:100]), arm_of(y[100:], x[100:]), adjusted=False)
    twice = [np.repeat(each, 2) for each in (y[:100], x[:100], y[100:], x[100:])]
    homes = np.repeat(np.arange(100), 2)
    naive = compare(arm_of(*twice[:2]), arm_of(*twice[2:]), adjusted=False)
    clustered = compare(arm_of(*twice[:2], homes), arm_of(*twice[2:], homes), adjusted=False)
    assert clustered.standard_error == pytest.approx(alone.standard_error)
    assert naive.standard_error == pytest.approx(alone.standard_error / np.sqrt(2), rel=0.01)


def test_everyone_a_household_of_their_own_is_no_household() -> None:
    y, x = draw()
    arms = [arm_of(y[part], x[part], homes) for part, homes in
            ((slice(0, 100), np.arange(100)), (slice(100, 300), np.arange(200)))]  # fmt: skip
    plain = [arm_of(y[:100], x[:100]), arm_of(y[100:], x[100:])]
    for pooled in (False, True):
        assert compare(*arms, pooled=pooled).standard_error == pytest.approx(
            compare(*plain, pooled=pooled).standard_error
        )


def test_a_planned_look_reaches_as_far_as_its_bound() -> None:
    y, x = draw()
    effect = compare(arm_of(y[:150], x[:150]), arm_of(y[150:], x[150:]))
    low, high = effect.interval(critical=3.0)
    assert high - low == pytest.approx(6 * effect.standard_error)


def test_arms_without_any_variance_are_sure() -> None:
    effect = compare(arm_of(np.ones(30), np.zeros(30)), arm_of(np.ones(30), np.zeros(30)))
    assert (effect.estimate, effect.p_value, effect.interval()) == (0.0, 1.0, (0.0, 0.0))


def test_money_is_pooled_where_one_arm_has_more_than_twice_the_others() -> None:
    assert [method_for(n, 100) for n in (100, 200, 201)] == ["adjusted"] * 2 + ["adjusted, pooled"]
