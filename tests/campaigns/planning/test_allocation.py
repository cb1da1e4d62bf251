"""Who gets which offer: by hand, against every plan there is, and as properties."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.campaigns.planning.allocation import Allocation, allocate
from holdfast.campaigns.planning.offers import Limits
from holdfast.errors import InputError

VALUE = np.array([[10.0, 14.0], [6.0, 12.0], [3.0, 1.0]])
COST = np.array([1.0, 4.0])


def test_without_limits_everyone_gets_the_offer_that_leaves_most() -> None:
    plan = allocate(VALUE, COST, Limits())
    # After cost: 9 and 10, 5 and 8, 2 and -3.
    assert plan.offer.tolist() == [2, 2, 1]
    assert (plan.value, plan.cost, plan.net) == (29.0, 9.0, 20.0)
    assert plan.exact
    assert plan.gap == pytest.approx(0)


def test_a_budget_buys_what_brings_most_for_it() -> None:
    plan = allocate(VALUE, COST, Limits(budget=6.0))
    # 1 + 4 + 1: offer 1 to the first and the third, offer 2 to the second.
    assert plan.offer.tolist() == [1, 2, 1]
    assert plan.net == pytest.approx(9 + 8 + 2)


def test_a_capacity_moves_a_customer_to_the_next_best_offer() -> None:
    plan = allocate(VALUE, COST, Limits(capacity=[np.inf, 1]))
    # The second loses 3 by offer 1, the first only 1.
    assert plan.offer.tolist() == [1, 2, 1]


def test_contacts_are_given_to_those_who_leave_most() -> None:
    plan = allocate(VALUE, COST, Limits(contacts=1))
    assert plan.offer.tolist() == [2, 0, 0]


def test_a_least_return_leaves_out_what_drags_it_down() -> None:
    plan = allocate(VALUE, COST, Limits(least_return=4.0))
    # All of offer 1 bring 19 for 3, and the second's offer 2 would bring 6 more for 3 more.
    assert plan.offer.tolist() == [1, 1, 1]
    assert plan.net / plan.cost >= 4.0


def test_nobody_gets_an_offer_they_may_not_get() -> None:
    eligible = np.array([[True, False], [False, False], [True, True]])
    assert allocate(VALUE, COST, Limits(), eligible=eligible).offer.tolist() == [1, 0, 1]


def test_a_cost_may_be_each_customers_own() -> None:
    cost = np.array([[1.0, 20.0], [1.0, 20.0], [5.0, 20.0]])
    assert allocate(VALUE, cost, Limits()).offer.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("value", "limits", "says"),
    [
        (VALUE, Limits(budget=0.0), "budget is 0"),
        (VALUE, Limits(budget=0.5), "do not cover a single offer"),
        (VALUE - 20, Limits(), "worth its cost"),
    ],
)
def test_a_plan_of_nothing_says_why(value: np.ndarray, limits: Limits, says: str) -> None:
    plan = allocate(value, COST, limits)
    assert not plan.contacted.any()
    assert (plan.value, plan.cost, plan.gap) == (0.0, 0.0, 0.0)
    assert says in plan.notes[0]


def test_a_free_offer_is_given_without_a_budget() -> None:
    plan = allocate(VALUE, np.array([0.0, 4.0]), Limits(budget=0.0))
    assert plan.offer.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("value", "cost", "says"),
    [
        (VALUE, np.array([1.0, 2.0, 3.0]), "shape"),
        (np.where(VALUE == 3, np.nan, VALUE), COST, "missing"),
        (VALUE, np.array([-1.0, 2.0]), "below 0"),
    ],
)
def test_what_cannot_be_planned_is_refused(value: np.ndarray, cost: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        allocate(value, cost, Limits())


def test_limits_cannot_be_negative() -> None:
    with pytest.raises(InputError, match="negative"):
        Limits(budget=-1.0)


def test_somebody_must_be_left_to_contact() -> None:
    with pytest.raises(InputError, match="3 of 3 customers"):
        allocate(VALUE, COST, Limits(), held_out=np.ones(3, dtype=bool))


def draw(seed: int, n: int = 6, n_offers: int = 2) -> tuple[np.ndarray, np.ndarray, Limits]:
    rng = np.random.default_rng(seed)
    value, cost = rng.gamma(1, 5, (n, n_offers)) - 1, rng.uniform(0.5, 3, (n, n_offers))
    limits = Limits(
        budget=float(rng.uniform(1, 8)),
        capacity=[float(rng.integers(0, 4)), np.inf][:n_offers],
        contacts=float(rng.integers(1, 6)),
        least_return=float(rng.uniform(0, 4)) if rng.random() < 0.5 else None,
    )
    return value.astype(np.float32), cost, limits


def totals(offer: np.ndarray, value: np.ndarray, cost: np.ndarray) -> tuple[float, float]:
    rows = np.flatnonzero(offer)
    picked = rows, np.asarray(offer)[rows] - 1
    return float(value[picked].astype(float).sum()), float(cost[picked].sum())


def keeps(offer: np.ndarray, value: np.ndarray, cost: np.ndarray, limits: Limits) -> bool:
    gained, spent = totals(offer, value, cost)
    assert limits.budget is not None
    assert limits.capacity is not None
    assert limits.contacts is not None
    counts = np.bincount(offer, minlength=value.shape[1] + 1)[1:]
    returns = limits.least_return is None or gained >= (1 + limits.least_return) * spent - 1e-9
    return bool(
        spent <= limits.budget + 1e-9
        and (counts <= np.array(limits.capacity)).all()
        and counts.sum() <= limits.contacts
        and returns
    )


@pytest.mark.parametrize("seed", range(25))
def test_no_plan_of_a_tiny_shop_is_better(seed: int) -> None:
    value, cost, limits = draw(seed)
    plan = allocate(value, cost, limits)
    best = 0.0
    for offer in product(range(3), repeat=6):
        chosen = np.array(offer)
        if keeps(chosen, value, cost, limits):
            gained, spent = totals(chosen, value, cost)
            best = max(best, gained - spent)
    assert keeps(plan.offer, value, cost, limits)
    assert plan.net == pytest.approx(best, rel=2e-4, abs=1e-6)
    assert plan.bound >= best - 1e-5


def shop(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    value = rng.gamma(0.7, 6, n)[:, None] * rng.lognormal(-1.2, 0.8, (n, 3))
    return value.astype(np.float32), np.array([0.3, 1.0, 2.5])


def within(plan: Allocation, limits: Limits, cost: np.ndarray) -> bool:
    counts = np.bincount(plan.offer[plan.contacted], minlength=4)[1:]
    assert limits.capacity is not None
    assert limits.budget is not None
    return bool((counts <= limits.capacity).all() and counts @ cost <= limits.budget + 1e-9)


@settings(max_examples=10, deadline=None)
@given(n=st.integers(3_000, 9_000), part=st.floats(0.01, 0.6), seed=st.integers(0, 10**6))
def test_larger_plans_keep_their_limits_and_are_near_the_bound(
    n: int, part: float, seed: int
) -> None:
    value, cost = shop(n, seed)
    limits = Limits(budget=part * n, capacity=[0.1 * n, np.inf, 0.02 * n])
    plan = allocate(value, cost, limits)
    assert within(plan, limits, cost)
    assert plan.net <= plan.bound * (1 + 1e-9)
    assert plan.gap < 0.005


def test_a_sample_to_start_from_does_not_change_the_plans_worth() -> None:
    value, cost = shop(60_000, 3)
    limits = Limits(budget=12_000.0, capacity=[5_000, np.inf, 1_000])
    one, other = allocate(value, cost, limits), allocate(value, cost, limits, seed=7)
    assert within(one, limits, cost)
    assert one.gap < 1e-4
    assert one.net == pytest.approx(other.net, rel=1e-4)


def test_the_price_of_budget_is_what_one_more_unit_brings() -> None:
    value, cost = shop(60_000, 4)
    limits = Limits(budget=12_000.0)
    more, less = (
        allocate(value, cost, replace(limits, budget=12_000.0 * part)).bound
        for part in (1.002, 0.998)
    )
    price = allocate(value, cost, limits).prices.budget
    assert price == pytest.approx((more - less) / 48, rel=0.02)


def test_those_held_out_are_not_contacted_and_known_with_their_offer() -> None:
    value, cost = shop(8_000, 5)
    held_out = np.random.default_rng(5).random(8_000) < 0.2
    limits = Limits(budget=1_500.0, capacity=[1_000, np.inf, 200])
    plan = allocate(value, cost, limits, held_out=held_out)
    assert within(plan, limits, cost)
    assert not (plan.contacted & held_out).any()
    # The optimiser did not see the lot: as many of both would have got an offer.
    shares = [(plan.offer[arm] > 0).mean() for arm in (held_out, ~held_out)]
    assert shares[0] == pytest.approx(shares[1], rel=0.1)
    assert plan.cost > 0.97 * 1_500
