"""Estimates of rankings and decisions: by hand, by enumeration, and against scikit-uplift."""

from itertools import permutations

import numpy as np
import pytest

from holdfast.evaluation.policy import (
    Estimate,
    calibration_slope,
    effect_of_top,
    gates,
    mean_effect,
    normalised_qini,
    policy_gain,
    qini,
    uplift_at,
)


def test_qini_is_the_mean_of_the_effects_weighted_by_the_places() -> None:
    # Places 1/8, 3/8, 5/8, 7/8: only the last customer has an effect, 4 x (7/8 - 1/2) / 4.
    estimate = qini(np.array([0.0, 0, 0, 4]), np.array([1.0, 2, 3, 9]))
    assert estimate.value == pytest.approx(0.375)
    assert qini(np.array([0.0, 0, 0, 4]), np.array([9.0, 2, 3, 1])).value == pytest.approx(-0.375)


def test_equal_scores_count_as_the_mean_over_all_their_orders() -> None:
    psi, score = np.array([1.0, -2.0, 5.0, 0.5]), np.array([1.0, 2.0, 2.0, 2.0])
    orders = []
    for places in permutations((2.0, 3.0, 4.0)):
        orders.append(qini(psi, np.array([1.0, *places])).value)
    assert qini(psi, score).value == pytest.approx(np.mean(orders))


def test_the_same_score_for_everybody_is_worth_nothing() -> None:
    estimate = qini(np.array([1.0, 2.0, 3.0]), np.ones(3))
    assert (estimate.value, estimate.p) == (pytest.approx(0.0), 1.0)


def test_the_standard_error_of_qini_is_the_spread_over_repeated_samples() -> None:
    rng = np.random.default_rng(4)
    values, errors = [], []
    for _ in range(400):
        score = rng.choice(6, 300).astype(float)
        estimate = qini(rng.normal(score, 3.0), score)
        values.append(estimate.value)
        errors.append(estimate.se)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_rows_of_one_cluster_are_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(1)
    psi, score = rng.normal(size=50), rng.normal(size=50)
    twice, cluster = np.repeat(np.arange(50), 2), np.repeat(np.arange(50), 2)
    alone, doubled = mean_effect(psi), mean_effect(psi[twice], cluster)
    assert (doubled.value, doubled.se) == (pytest.approx(alone.value), pytest.approx(alone.se))
    assert qini(psi[twice], score[twice], cluster).se == pytest.approx(
        qini(psi, score).se, rel=0.02
    )


def test_a_difference_of_two_rankings_knows_that_the_customers_are_the_same() -> None:
    psi, score = np.array([1.0, 4.0, -2.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0])
    difference = qini(psi, score).minus(qini(psi, score * 10))
    assert (difference.value, difference.se) == (0.0, 0.0)


def test_the_top_share_takes_a_part_of_those_who_score_the_same() -> None:
    # Of four, the top half: the first, and a third of each of the next three.
    estimate = uplift_at(np.array([6.0, 3.0, 0.0, 3.0]), np.array([9.0, 1.0, 1.0, 1.0]), share=0.5)
    assert estimate.value == pytest.approx((6 + (3 + 0 + 3) / 3) / 2)


def test_the_top_share_adds_the_sum_of_its_effects_over_all_customers() -> None:
    psi, score = np.array([6.0, 3.0, 0.0, 3.0]), np.array([9.0, 1.0, 1.0, 1.0])
    adds = [effect_of_top(psi, score, share=share).value for share in (0.0, 0.25, 0.5, 1.0)]
    # Half of four: the first, and a third of each of the next three.
    assert adds == pytest.approx([0.0, 6 / 4, (6 + 6 / 3) / 4, 12 / 4])


@pytest.mark.parametrize("n_scores", [37, 5])
def test_the_area_above_a_straight_line_is_qini(n_scores: int) -> None:
    rng = np.random.default_rng(3)
    psi, score = rng.normal(size=37), rng.integers(0, n_scores, 37).astype(float)
    shares = np.arange(38) / 37  # between them the curve is straight
    curve = [effect_of_top(psi, score, share=share).value for share in shares]
    area = np.trapezoid(curve - shares * curve[-1], shares)
    assert area == pytest.approx(qini(psi, score).value, abs=1e-9)


def test_at_all_customers_the_curve_is_the_mean_effect_and_as_sure() -> None:
    psi, score = np.array([1.0, 4.0, -2.0, 3.0]), np.array([1.0, 2.0, 2.0, 4.0])
    end, mean = effect_of_top(psi, score, share=1.0), mean_effect(psi)
    assert (end.value, end.se) == (pytest.approx(mean.value), pytest.approx(mean.se))


@pytest.mark.parametrize("kind", ["each its own score", "few scores"])
def test_the_interval_of_a_point_of_the_curve_holds_the_truth_in_95_of_100_samples(
    kind: str,
) -> None:
    rng, share, held = np.random.default_rng(8), 0.3, 0
    for _ in range(600):
        place = rng.random(400)
        score = place if kind == "each its own score" else np.floor(5 * place)
        # Above 0 for the first, below for the last; drawn with much noise.
        estimate = effect_of_top(rng.normal(4 * score / score.max() - 1, 2.0), score, share=share)
        # Of the first 30 %: of 4u - 1, u from .7 to 1; of fifths worth 3 and 2, one and a half.
        truth = 0.3 * 2.4 if kind == "each its own score" else 0.2 * 3 + 0.1 * 2
        held += estimate.low <= truth <= estimate.high
    assert held / 600 == pytest.approx(0.95, abs=0.025)


def test_a_score_half_the_size_of_the_effects_has_the_slope_two() -> None:
    score = np.array([1.0, 2.0, 3.0, 4.0])
    slope = calibration_slope(2 * score + 7, score)
    assert slope is not None
    assert (slope.value, slope.se) == (pytest.approx(2.0), pytest.approx(0.0))
    assert calibration_slope(score, np.ones(4)) is None


def test_groups_are_fifths_of_the_ranking_and_equal_scores_are_not_parted() -> None:
    psi, score = np.arange(10.0), np.arange(10.0)
    fifths = gates(psi, score)
    assert [group.effect.value for group in fifths] == pytest.approx([0.5, 2.5, 4.5, 6.5, 8.5])
    assert [group.share for group in fifths] == pytest.approx([0.2] * 5)
    flag = gates(psi, (score >= 4).astype(float))
    assert [group.share for group in flag] == pytest.approx([0.4, 0.6])
    assert [group.effect.value for group in flag] == pytest.approx([1.5, 6.5])


def test_a_decision_gains_the_effects_of_its_offers_less_their_cost() -> None:
    psi = np.array([[1.0, 3.0], [2.0, -1.0], [0.25, 9.0]])
    gain = policy_gain(psi, np.array([2, 0, 1]), cost=[0.5, 1.0])
    assert gain.value == pytest.approx((2.0 + 0.0 - 0.25) / 3)
    # The spread of 2, 0 and -.25: sum of squares 2.0417, over 3 x 2.
    squares = np.var([2.0, 0.0, -0.25]) * 3
    assert gain.se == pytest.approx(np.sqrt(squares / 3 / 2))


def test_the_mean_of_several_splits_is_not_more_certain_than_its_customers() -> None:
    one = Estimate.of(2.0, np.array([1.0, -1.0, 3.0, -3.0]))
    assert Estimate.mean([one, one, one]).se == pytest.approx(one.se)


# qini_auc_score of scikit-uplift 0.5.1 on the arrays below.
@pytest.mark.parametrize(
    ("modulus", "expected"), [(60, -0.07758620689655173), (7, -0.1100762314767381)]
)
def test_the_normalised_qini_is_scikit_uplifts(modulus: int, expected: float) -> None:
    i = np.arange(60)
    treated = ((i * 7 + i // 3) % 2).astype(float)
    outcome = ((i * 11 + 3) % 5 < 2 + treated).astype(float)
    score = (i * 37 % modulus).astype(float)
    assert normalised_qini(outcome, treated, score) == pytest.approx(expected, abs=1e-12)
