"""Takings: the spread of a sum of orders, against sums that are drawn one by one."""

import numpy as np
import pytest

from holdfast.btyd import GammaGamma
from holdfast.models.purchase_counts.revenue_distribution import revenue_intervals

ORDERS = GammaGamma.from_parameters(p=6.25, q=3.74, gamma=15.44)
NAMES = ("median", "low_80", "high_80", "low_95", "high_95")


def drawn(pmf: np.ndarray, x: float, spent: float, n: int = 200_000) -> np.ndarray:
    rng = np.random.default_rng(1)
    counts = rng.choice(len(pmf), n, p=pmf)
    rate = rng.gamma(3.74 + 6.25 * x, size=n) / (15.44 + spent)
    return np.where(counts > 0, rng.gamma(np.maximum(6.25 * counts, 1e-9)) / rate, 0.0)


def test_the_quantiles_are_those_of_sums_drawn_one_by_one() -> None:
    pmf = np.array([[0.05, 0.25, 0.3, 0.4], [0.02, 0.08, 0.4, 0.5]])
    x, spent = np.array([1.0, 8.0]), np.array([35.0, 400.0])
    found = revenue_intervals(pmf, ORDERS, x, spent)
    for row in range(2):
        sums = drawn(pmf[row], x[row], spent[row])
        expected = np.quantile(sums, [0.5, 0.1, 0.9, 0.025, 0.975])
        got = [getattr(found, name)[row] for name in NAMES]
        np.testing.assert_allclose(got, expected, rtol=0.06, atol=0.5)


def test_who_is_likely_to_be_silent_is_bounded_from_above_alone() -> None:
    pmf = np.array([[0.5, 0.3, 0.2]])
    found = revenue_intervals(pmf, ORDERS, np.array([2.0]), np.array([60.0]))
    sums = drawn(pmf[0], 2.0, 60.0)
    assert found.low_80[0] == found.low_95[0] == 0.0
    assert found.high_80[0] == pytest.approx(np.quantile(sums, 0.8), rel=0.04)


def test_what_is_said_of_a_customer_does_not_depend_on_who_is_asked_beside_it() -> None:
    rng = np.random.default_rng(3)
    pmf = rng.dirichlet(np.ones(30), size=50)
    x, spent = rng.integers(1, 9, 50).astype(float), rng.uniform(5, 500, 50)
    together = revenue_intervals(pmf, ORDERS, x, spent)
    alone = revenue_intervals(pmf[17:18], ORDERS, x[17:18], spent[17:18])
    assert [getattr(alone, name)[0] for name in NAMES] == [
        getattr(together, name)[17] for name in NAMES
    ]
    ordered = np.array(
        [together.low_95, together.low_80, together.median, together.high_80, together.high_95]
    )
    assert (np.diff(ordered, axis=0) >= 0).all()
