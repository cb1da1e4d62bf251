"""The budget curve: what the best plan of each budget costs and may bring, within all other limits.

Each point is a plan of its own by the prices of the limits, for a sample of the customers where
there are many.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from holdfast.campaigns.planning.allocation import Allocation, allocate
from holdfast.campaigns.planning.make_plan import Planning
from holdfast.tables import BUDGET_CURVE

POINTS = 24
MOST_CUSTOMERS = 10_000
"""Of more, so many are drawn, and amounts scaled up."""
_BEYOND = 1.15
"""Of what all who are worth a contact cost: there one sees that no more is spent."""


def budget_curve(planning: Planning) -> pl.DataFrame:
    """Plan for budgets from 0 to all that pays.

    Returns
    -------
    polars.DataFrame
        BUDGET_CURVE; without a row where nothing pays.
    """
    part, scale = _thin_out(planning)
    most = _allocate(part, None, scale).cost
    if most <= 0:
        return BUDGET_CURVE.empty()
    points = {0.0, *np.linspace(0, most, POINTS).tolist(), _BEYOND * most}
    if planning.study.plan.budget is not None:
        points.add(planning.study.plan.budget / scale)
    rows = [_plan_for(part, budget, scale) for budget in sorted(points)]
    return BUDGET_CURVE.check(pl.DataFrame(rows, schema=BUDGET_CURVE.schema))


def _thin_out(planning: Planning) -> tuple[Planning, float]:
    n = planning.customers.height
    if n <= MOST_CUSTOMERS:
        return planning, 1.0
    drawn = planning.customers.sample(MOST_CUSTOMERS, seed=planning.study.seed)
    return replace(planning, customers=drawn), n / MOST_CUSTOMERS


def _allocate(planning: Planning, budget: float | None, scale: float) -> Allocation:
    limits, out = planning.limits, planning.held_out
    assert limits.capacity is not None
    scaled = replace(
        limits,
        budget=budget,
        capacity=[each / scale for each in limits.capacity],
        contacts=None if limits.contacts is None else limits.contacts / scale,
    )
    return allocate(
        planning.value, planning.costs, scaled, eligible=planning.eligible,
        held_out=out if out.any() else None, exactly=False, seed=planning.study.seed,
    )  # fmt: skip


def _plan_for(planning: Planning, budget: float, scale: float) -> dict[str, float | int | None]:
    made = _allocate(planning, budget, scale)
    chosen = planning.choices(made)
    seen = planning.simulate(chosen, list(planning.study.offers))
    net, low, high = (scale * each for each in seen.net)
    return {
        "budget": scale * budget,
        "contacts": round(scale * int(made.contacted.sum())),
        "cost": scale * made.cost,
        "net": net, "net_low": low, "net_high": high,
        "roi": seen.roi[0] if seen.roi else None,
        "price": made.prices.budget,
    }  # fmt: skip
