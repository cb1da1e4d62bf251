"""Short windows: rates learnt from windows of unequal length hold for the horizon."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.short_windows import HAZARD, REVENUE, fit_silence, fit_spend, horizon_exponent

FEW = {"num_iterations": 1, "num_leaves": 2}


def windows(*rows: tuple[int, int, bool, int]) -> pl.DataFrame:
    names = ["cutoff_day", "horizon_days", "churned", "future_revenue_minor"]
    return pl.DataFrame(rows, schema=names, orient="row")


def test_revenue_that_grows_with_the_window_has_exponent_one_whatever_the_cutoffs_level() -> None:
    found = windows(
        (0, 30, False, 100), (0, 60, False, 200), (9, 30, False, 7000), (9, 90, False, 21_000)
    )
    assert horizon_exponent(found, REVENUE) == pytest.approx(1.0)


def test_revenue_that_doubles_in_four_times_the_window_has_exponent_one_half() -> None:
    assert horizon_exponent(
        windows((0, 20, False, 50), (0, 80, False, 100)), REVENUE
    ) == pytest.approx(0.5)


def test_the_hazard_is_read_from_the_share_that_stayed_silent() -> None:
    # 1 in 2 silent for 30 days and 1 in 4 for 60: twice the hazard in twice the time.
    halves = [(0, 30, silent, 0) for silent in (True, True, False, False)]
    quarters = [(0, 60, silent, 0) for silent in (True, False, False, False)]
    assert horizon_exponent(windows(*halves, *quarters), HAZARD) == pytest.approx(1.0)


def test_with_one_window_a_cutoff_nothing_slows_down() -> None:
    assert horizon_exponent(windows((0, 30, False, 100), (30, 60, False, 900)), REVENUE) == 1.0


def test_an_absurd_slope_is_bounded() -> None:
    assert horizon_exponent(windows((0, 30, False, 1), (0, 31, False, 900)), REVENUE) == 1.25


def test_where_no_column_helps_silence_over_the_horizon_follows_from_silence_over_half_of_it() -> (
    None
):
    # Over half the horizon half are silent; over all of it a quarter should be.
    matrix, churned = np.arange(400.0)[:, None], np.arange(400) % 2 == 0
    fitted = fit_silence(matrix, churned, np.full(400, 0.5), parameters=FEW, seed=1)
    assert fitted.predict(matrix[:1])[0] == pytest.approx(0.25, abs=0.002)


def test_where_no_column_helps_spend_is_the_rate_times_the_horizon() -> None:
    matrix, revenue = np.zeros((400, 1)), np.tile([30.0, -5.0, 10.0, 20.0], 100)
    exposure = np.tile([0.5, 0.25, 0.25, 0.5], 100)
    fitted = fit_spend(matrix, revenue, exposure, parameters=FEW, seed=1)
    # 60 earned, what went back aside, in one and a half horizons.
    assert fitted.predict(matrix[:1])[0] == pytest.approx(40.0, rel=1e-6)


def test_a_column_that_parts_buyers_from_others_is_learnt_from_windows_of_any_length() -> None:
    rng = np.random.default_rng(3)
    keen = rng.random(4000) < 0.5
    exposure = rng.choice([0.25, 0.5, 1.0], 4000)
    rate = np.where(keen, 2.0, 0.2)
    churned = rng.random(4000) < np.exp(-rate * exposure)
    fitted = fit_silence(keen[:, None].astype(float), churned, exposure, parameters={}, seed=1)
    said = fitted.predict(np.array([[1.0], [0.0]]))
    np.testing.assert_allclose(said, np.exp([-2.0, -0.2]), atol=0.03)
