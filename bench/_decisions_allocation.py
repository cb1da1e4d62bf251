"""Who gets which offer: a million customers, a thousand random problems, and the price of one more
unit of budget.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench._figures import Figure, at_most, in_child
from holdfast.arrays import Booleans, Matrix, Vector
from holdfast.campaigns.planning.allocation import Allocation, allocate
from holdfast.campaigns.planning.offers import Limits
from holdfast.campaigns.planning.profit_curve import profit_curve

N_LARGE = 1_000_000
_N_PRICED, _PRICED = 100_000, 10
_INSTANCES = 1_000
_COSTS = np.array([0.3, 1.0, 2.0, 4.0])


def draw_values(n: int, *, seed: int) -> tuple[np.ndarray, Vector]:
    """Gamma distributed customers, offers that suit each of them differently; some only annoy."""
    rng = np.random.default_rng(seed)
    customer, suits = rng.gamma(0.7, 6, n), rng.lognormal(-1.2, 0.8, (n, 4))
    value = customer[:, None] * suits * np.array([0.6, 1.0, 1.4, 2.0]) - 0.2
    return value.astype(np.float32), _COSTS


def limits_of(n: int) -> Limits:
    """A budget and three capacities, all of which bind at the seeds used."""
    return Limits(budget=0.25 * n, capacity=[0.08 * n, 0.05 * n, 0.03 * n, np.inf])


def large(_: Path) -> Iterator[Figure]:
    """Memory is of a process of its own, the values included."""
    measured, peak = in_child("bench._decisions_allocation")
    yield Figure("1 M x 4 offers: limits that bind, of 4", measured["binding"])
    yield at_most("1 M x 4 offers, budget and 3 capacities: CPU s", measured["seconds"], 2.0)
    yield at_most("1 M x 4 offers: peak memory, GB", peak, 1.0)
    yield at_most("1 M x 4 offers: gap to the bound, %", 100 * measured["gap"], 0.05)
    yield at_most("1 M x 4 offers: limits broken", measured["breaches"], 0)
    yield Figure("1 M x 4 offers: whole profit curve, CPU s", measured["curve_seconds"])
    yield at_most("profit curve over the dual's bound - 1", measured["curve_off"], 1e-5)


def _measure_large() -> dict[str, float]:
    value, cost = draw_values(N_LARGE, seed=1)
    limits = limits_of(N_LARGE)
    start = time.process_time()
    plan = allocate(value, cost, limits)
    seconds = time.process_time() - start
    start = time.process_time()
    curve = profit_curve(value, cost)
    curve_seconds = time.process_time() - start
    free = allocate(value, cost, Limits(budget=limits.budget))
    prices = [plan.prices.budget, *plan.prices.capacity]
    return {
        "seconds": seconds,
        "gap": plan.gap,
        "binding": float(np.count_nonzero(np.array(prices) > 0)),
        "breaches": float(count_breaches(plan, value, np.tile(cost, (N_LARGE, 1)), limits, None)),
        "curve_seconds": curve_seconds,
        "curve_off": abs(float(curve.at(limits.budget)) / free.bound - 1),
    }


def count_breaches(
    plan: Allocation, value: Matrix, cost: Matrix, limits: Limits, eligible: Booleans | None
) -> int:
    """Limits that a plan breaks, counted from the tables."""
    rows = np.flatnonzero(plan.contacted)
    offer = plan.offer[rows] - 1
    spent = float(cost[rows, offer].sum())
    gained = float(value[rows, offer].astype(float).sum())
    counts = np.bincount(offer, minlength=value.shape[1])
    slack = 1e-6 * (1 + spent)
    broken = [
        limits.budget is not None and spent > limits.budget * (1 + 1e-12),
        limits.contacts is not None and len(rows) > limits.contacts,
        limits.capacity is not None and (counts > np.asarray(limits.capacity)).any(),
        limits.least_return is not None
        and gained < (1 + limits.least_return) * spent - slack * bool(len(rows)),
        eligible is not None and not eligible[rows, offer].all(),
    ]
    return sum(map(bool, broken))


def instances(_: Path) -> Iterator[Figure]:
    """20 to 20,000 customers, 2 to 5 offers, every mixture of limits."""
    start = time.process_time()
    gaps, breaches, slowest = [], 0, 0.0
    for seed in range(_INSTANCES):
        value, cost, limits, eligible = _draw_instance(seed)
        began = time.process_time()
        plan = allocate(value, cost, limits, eligible=eligible)
        slowest = max(slowest, time.process_time() - began)
        gaps.append(plan.gap)
        full = np.broadcast_to(cost, value.shape)
        breaches += count_breaches(plan, value, full, limits, eligible)
    yield at_most(f"{_INSTANCES:,} random plans: limits broken", breaches, 0)
    yield at_most(f"{_INSTANCES:,} random plans: largest gap, %", 100 * max(gaps), 0.1)
    yield Figure(
        "random plans: share with a gap above .05 %", float(np.mean(np.array(gaps) > 5e-4))
    )
    yield Figure("random plans: slowest, CPU s", slowest)
    yield Figure("random plans: all, CPU s", time.process_time() - start)


def _draw_instance(seed: int) -> tuple[Matrix, Matrix, Limits, Booleans | None]:
    rng = np.random.default_rng([7, seed])
    n_offers = int(rng.integers(2, 6))
    n = int(np.exp(rng.uniform(np.log(20), np.log(20_000))))
    value = rng.gamma(0.7, 6, n)[:, None] * rng.lognormal(-1.2, 0.8, (n, n_offers)) - 0.2
    cost = rng.uniform(0.3, 4, n_offers) if rng.random() < 0.5 else rng.uniform(0.3, 4, value.shape)
    capacity = np.where(rng.random(n_offers) < 0.5, np.inf, np.ceil(rng.uniform(0.02, 0.3) * n))
    limits = Limits(
        budget=float(rng.uniform(0.02, 0.6) * n),
        capacity=capacity.tolist(),
        contacts=float(np.ceil(0.2 * n)) if rng.random() < 0.3 else None,
        least_return=float(rng.uniform(0.5, 3)) if rng.random() < 0.2 else None,
    )
    eligible = rng.random(value.shape) < 0.8 if rng.random() < 0.5 else None
    return value, cost, limits, eligible


def prices(_: Path) -> Iterator[Figure]:
    """The truth is the bound at a thousandth more and less."""
    off = []
    for seed in range(_PRICED):
        value, cost = draw_values(_N_PRICED, seed=100 + seed)
        limits = limits_of(_N_PRICED)
        budget = float(limits.budget or 0)
        ends = [
            allocate(value, cost, replace(limits, budget=budget * part)).bound
            for part in (1.001, 0.999)
        ]
        truth = (ends[0] - ends[1]) / (0.002 * budget)
        off.append(abs(allocate(value, cost, limits).prices.budget / truth - 1))
    yield at_most(f"price of one more unit, worst of {_PRICED}: off by, %", 100 * max(off), 5.0)


PARTS = (
    ("large plan", large),
    ("random plans", instances),
    ("shadow price", prices),
)
"""Name and figures, given the folder of the data sets."""


if __name__ == "__main__":
    json.dump(_measure_large(), sys.stdout)
    print()
