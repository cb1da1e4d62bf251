"""Beta calibration: honest probabilities in the same order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.learners.calibration import BetaCalibration


def test_a_known_distortion_is_undone() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0.02, 0.98, 40_000)
    happened = rng.random(40_000) < true
    odds = np.log(true / (1 - true))
    said = 1 / (1 + np.exp(-(odds * 2 + 1)))
    calibrated = BetaCalibration.fit(said, happened).apply(said)
    assert np.abs(calibrated - true).mean() < 0.01


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_the_order_never_changes_and_probabilities_stay_probabilities(
    seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    said = rng.random(60)
    calibrated = BetaCalibration.fit(said, rng.random(60) < share).apply(said)
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated[np.argsort(said)]) >= 0).all()


def test_a_fold_in_which_everyone_left_stays_finite() -> None:
    said = np.array([0.2, 0.5, 1.0, 0.0])
    calibrated = BetaCalibration.fit(said, np.ones(4, dtype=bool)).apply(said)
    assert np.isfinite(calibrated).all()


def test_it_comes_back_from_its_bytes() -> None:
    one = BetaCalibration(a=0.1 + 0.2, b=1.5, c=-0.25)
    assert BetaCalibration.from_parts(one.parts()) == one
