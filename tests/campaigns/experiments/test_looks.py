"""Bounds of planned looks: the published ones, and the chance of a false alarm they leave."""

import numpy as np
import pytest
from scipy.stats import norm

from holdfast.campaigns.experiments.looks import look_bounds, spend
from holdfast.errors import InputError


def test_four_equal_looks_have_the_published_bounds() -> None:
    # Lan-DeMets spending of O'Brien-Fleming's shape, two-sided .05 (R's gsDesign, sfLDOF).
    assert look_bounds([0.25, 0.5, 0.75, 1]) == pytest.approx(
        [4.333, 2.963, 2.359, 2.014], abs=5e-4
    )


def test_a_single_look_is_the_usual_test() -> None:
    assert look_bounds([1.0], alpha=0.1) == pytest.approx([norm.ppf(0.95)])


def test_everything_is_spent_by_the_end_and_hardly_anything_early() -> None:
    assert spend(np.array([1.0]), alpha=0.05)[0] == pytest.approx(0.05)
    assert spend(np.array([0.25]), alpha=0.05)[0] < 1e-4


def test_looking_five_times_raises_no_more_false_alarms_than_once() -> None:
    time = np.array([0.1, 0.3, 0.5, 0.8, 1.0])
    steps = np.random.default_rng(2).standard_normal((40_000, 5)) * np.sqrt(
        np.diff(time, prepend=0)
    )
    z = np.cumsum(steps, axis=1) / np.sqrt(time)
    alarms = (np.abs(z) > look_bounds(time.tolist())).any(axis=1).mean()
    assert alarms == pytest.approx(0.05, abs=0.0045)


@pytest.mark.parametrize("shares", [[], [0.0, 1.0], [0.5, 0.5], [0.5, 1.2]])
def test_looks_must_rise_to_the_whole(shares: list[float]) -> None:
    with pytest.raises(InputError, match="looks are at"):
        look_bounds(shares)
