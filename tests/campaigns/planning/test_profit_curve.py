"""The profit curve: its steps by hand, and against the prices of limits."""

import numpy as np
import pytest

from holdfast.campaigns.planning.allocation import allocate
from holdfast.campaigns.planning.offers import Limits
from holdfast.campaigns.planning.profit_curve import profit_curve

VALUE = np.array([[10.0, 14.0], [6.0, 12.0]])
COST = np.array([1.0, 4.0])


def test_steps_come_in_order_of_what_they_bring_per_unit_of_cost() -> None:
    curve = profit_curve(VALUE, COST)
    # 9 for 1, 5 for 1, then from offer 1 to 2: 3 for 3 of the second, 1 for 3 of the first.
    assert list(zip(curve.customer.tolist(), curve.offer.tolist(), strict=True)) == [
        (0, 1), (1, 1), (1, 2), (0, 2),
    ]  # fmt: skip
    assert curve.spend.tolist() == [1, 2, 5, 8]
    assert curve.net.tolist() == [9, 14, 17, 18]


def test_between_two_steps_the_curve_is_straight_and_its_slope_is_the_price() -> None:
    curve = profit_curve(VALUE, COST)
    assert curve.at(3.5) == pytest.approx(15.5)
    assert curve.price_at(3.5) == pytest.approx(1.0)
    assert curve.price_at(100.0) == 0.0
    assert curve.at(100.0) == 18


def test_a_plan_of_a_budget_takes_whole_steps() -> None:
    assert profit_curve(VALUE, COST).plan_at(5.0, n=2).tolist() == [1, 2]


def test_an_offer_off_the_frontier_is_never_given() -> None:
    # The middle offer brings less per unit of cost than going straight to the dear one.
    curve = profit_curve(np.array([[2.0, 4.0, 12.0]]), np.array([1.0, 3.0, 4.0]))
    assert curve.offer.tolist() == [3]


def test_a_free_offer_comes_first() -> None:
    curve = profit_curve(np.array([[2.0, 9.0]]), np.array([0.0, 1.0]))
    assert curve.offer.tolist() == [1, 2]
    assert curve.spend.tolist() == [0, 1]


def test_offers_that_only_cost_are_no_steps() -> None:
    assert profit_curve(VALUE - 20, COST).customer.tolist() == []


def test_the_curve_is_the_bound_at_every_budget() -> None:
    rng = np.random.default_rng(1)
    value = (rng.gamma(1, 5, (2_000, 3)) - 1).astype(np.float32)
    cost = np.array([0.5, 1.5, 4.0])
    curve = profit_curve(value, cost)
    for budget in (50.0, 800.0, 3_000.0):
        bound = allocate(value, cost, Limits(budget=budget)).bound
        # The exact plan's bound may lie below: the last step is not divisible.
        assert float(curve.at(budget)) == pytest.approx(bound, rel=5e-3)
        assert bound <= float(curve.at(budget)) * (1 + 1e-5)
