"""Horizons fit what a log can prove, and churn is looked at over twice its usual gap."""

from collections.abc import Mapping

import pytest

from holdfast.setup.horizons import candidate_lengths, churn_horizon, find_lacks, horizons_for

NOTHING_KNOWN: Mapping[int, tuple[int, int]] = {}


@pytest.mark.parametrize(
    ("span", "days", "longest", "history"),
    [
        (900, [30, 90, 180, 365], 405, 90),
        (270, [30, 90], 90, 90),
        (269, [30], 89, 90),
        (150, [30], 30, 90),
        (149, [30], 30, 60),
        (119, [21], 21, 42),
        (28, [7], 7, 14),
        (20, [7], 7, 14),
    ],
)
def test_a_horizon_is_learnt_from_and_proved_on_with_some_history_before(
    span: int, days: list[int], longest: int, history: int
) -> None:
    found = horizons_for(span)
    assert (found.days, found.longest, found.history_days) == (days, longest, history)


@pytest.mark.parametrize(("gap", "days"), [(30, 60), (7, 30), (60, 120), (200, 365)])
def test_churn_is_silence_of_about_two_usual_gaps(gap: float, days: int) -> None:
    assert churn_horizon(gap, horizons_for(900), NOTHING_KNOWN)[0] == days


def test_a_length_over_which_nobody_left_or_nobody_stayed_is_passed_over() -> None:
    over = {30: (0, 50), 60: (0, 50), 90: (4, 46), 120: (9, 41)}
    assert churn_horizon(20, horizons_for(400), over) == (
        90,
        "the usual gap is 20 days; over less, nobody left or nobody stayed",
    )


def test_two_gaps_longer_than_the_log_can_prove_are_said() -> None:
    assert churn_horizon(80, horizons_for(300), NOTHING_KNOWN) == (
        90,
        "the usual gap is 80 days; the log is too short for twice as long",
    )


def test_what_a_log_lacks_is_said_and_of_a_sound_one_nothing() -> None:
    assert list(find_lacks(400, 30, {30: (5, 5)})) == []
    (short,) = find_lacks(20, 7, {7: (5, 5)})
    assert "spans 20 days, and 28 are the least" in short
    (one_sided,) = find_lacks(400, 30, {30: (0, 5)})
    assert "30 days: 0 left, 5 stayed" in one_sided
    assert candidate_lengths(horizons_for(60)) == [14]
