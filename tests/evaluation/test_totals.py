"""Totals: as wide as a log's own past and that of other logs make them."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import t

from holdfast.evaluation.totals import level_error, level_errors, range_of
from holdfast.tables import EVIDENCE, HORIZON_EVIDENCE


def evidence(*ratios: float, horizon_days: int | None = None) -> pl.DataFrame:
    rows = [
        {"cutoff_day": day, "task": "value", "model": "champion", "metric": "total_ratio"}
        | {"value": ratio, "low": ratio, "high": ratio}
        | ({"horizon_days": horizon_days} if horizon_days else {})
        for day, ratio in enumerate(ratios)
    ]
    schema = HORIZON_EVIDENCE.schema if horizon_days else EVIDENCE.schema
    return pl.DataFrame(rows, schema=schema)


def test_the_range_is_a_t_interval_of_the_logarithm_beside_what_other_logs_showed() -> None:
    spread = np.sqrt((2 * 0.08**2 + np.log(1.1) ** 2 + np.log(0.8) ** 2) / 4)
    factor = np.exp(t.ppf(0.9, 4) * spread)
    low, high = range_of(100.0, evidence(1.1, 0.8))
    assert (low, high) == pytest.approx((100 / factor, 100 * factor))


def test_many_windows_that_came_out_right_narrow_it_and_one_that_was_far_off_widens_it() -> None:
    never, right, off = (level_error(past).log_width() for past in ([], [1.0] * 6, [3.0]))
    assert right < never / 3
    assert off > 1.5 * never


def test_a_horizon_that_was_never_tried_is_wider_than_the_longest_that_was() -> None:
    errors = level_errors(evidence(1.05, 0.95, horizon_days=90), [30, 90, 360])
    assert errors[360].spread == pytest.approx(2 * errors[90].spread)
    assert errors[30] == level_error([])


def test_a_total_of_nothing_says_nothing_of_the_level() -> None:
    assert level_error([0.0, float("nan"), float("inf"), -1.0]) == level_error([])
    assert range_of(-5.0, evidence()).low < -5.0 < range_of(-5.0, evidence()).high
