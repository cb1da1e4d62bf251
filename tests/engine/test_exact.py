"""Quantiles of a column that lies in buckets are those that NumPy gives of all of it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from holdfast.arrays import Floats
from holdfast.engine.engines import LocalEngine
from holdfast.engine.exact import order_statistics, quantiles

ENGINE = LocalEngine(Path(), workers=1)
VALUES = st.floats(-1e300, 1e300) | st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1.0, 1.0, 2.0])
COLUMNS = arrays(np.float64, st.integers(1, 60), elements=VALUES)


@settings(deadline=None, max_examples=60)
@given(
    values=COLUMNS,
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=3),
    n_buckets=st.integers(1, 5),
)
@example(np.array([-0.0]), [0.5], 1)
@example(np.array([5e-324, -5e-324]), [0.0, 1.0], 2)
@example(np.full(7, 3.25), [0.3, 0.7], 3)
def test_quantiles_are_numpys_to_the_bit(
    values: Floats, shares: list[float], n_buckets: int
) -> None:
    parts = np.array_split(values, n_buckets)
    got = quantiles(
        ENGINE, parts.__getitem__, range(n_buckets), n_values=len(values), shares=shares
    )
    # Zero has two signs, and which of them NumPy meets first is chance.
    assert np.array_equal(np.array(got) + 0.0, np.quantile(values, shares) + 0.0)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_values_of_each_place_are_those_of_the_sorted_column(workers: int) -> None:
    values = np.random.default_rng(3).normal(size=1000).round(1) * 1e5
    parts = [values[:1], values[1:1], values[1:]]
    engine = LocalEngine(Path(), workers=workers)
    places = [0, 1, 499, 500, 998, 999]
    assert order_statistics(engine, parts.__getitem__, range(3), places) == [
        np.sort(values)[place] for place in places
    ]
