"""The profit curve: what the best plan of each budget costs and brings, by one sort.

Where only the budget limits a plan, each customer's offers come down to their efficient frontier:
from none to the one that brings most per unit of cost, from there to the next, and so on. The best
plan of a budget takes all customers' steps in order of what a step brings per unit of cost (the
multi-armed Qini curve of Sverdrup, Wu, Athey and Wager 2025).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Booleans, Rows, Vector
from holdfast.campaigns.planning.offers import Choice, Limits, Offers

_Steps = tuple[Rows, Rows, Vector, Vector]


@dataclass(frozen=True)
class ProfitCurve:
    """The path of the best plans, one step at a time, the best step first.

    Attributes
    ----------
    customer, offer
        Who gets which offer (1..n_offers) at each step, instead of none or of an earlier one.
    spend, net
        What all steps up to and with this one cost, and leave after cost; currency.
    """

    customer: Rows
    offer: Rows
    spend: Vector
    net: Vector

    def at(self, budget: float | Vector) -> Any:
        """Net of the best plan of a budget, the last step taken in part."""
        return np.interp(budget, np.r_[0.0, self.spend], np.r_[0.0, self.net])

    def price_at(self, budget: float) -> float:
        """What one more unit of budget brings."""
        step = int(np.searchsorted(self.spend, budget, side="right"))
        if step == len(self.spend):
            return 0.0
        before = (self.spend[step - 1], self.net[step - 1]) if step else (0.0, 0.0)
        return float((self.net[step] - before[1]) / (self.spend[step] - before[0]))

    def plan_at(self, budget: float, *, n: int) -> Choice:
        """The offer of each of n customers, no step taken in part."""
        choice = np.zeros(n, dtype=np.int16)
        steps = int(np.searchsorted(self.spend, budget, side="right"))
        # A customer's later steps stand later: the last one written stays.
        choice[self.customer[:steps]] = self.offer[:steps]
        return choice


def profit_curve(
    value: npt.ArrayLike, cost: npt.ArrayLike, *, eligible: Booleans | None = None
) -> ProfitCurve:
    """Follow the best plan from no budget to as much as pays; arguments as in `allocate`."""
    steps = _frontier(Offers.check(value, cost, Limits(), eligible))
    customer, offer, more_cost, more_net = steps
    with np.errstate(divide="ignore"):
        order = np.argsort(-more_net / more_cost, kind="stable")
    return ProfitCurve(
        customer[order], offer[order], np.cumsum(more_cost[order]), np.cumsum(more_net[order])
    )


def _frontier(offers: Offers) -> _Steps:
    """Every customer's steps up the efficient frontier, each customer's in their order."""
    net = offers.value - offers.cost.astype(np.float32)
    rows = np.arange(offers.n)
    at_cost, at_net = np.zeros(offers.n), np.zeros(offers.n)
    steps: list[_Steps] = []
    while len(rows):
        offer = _steepest(offers, net, rows, at_cost, at_net)
        more = offer >= 0
        rows, at_cost, at_net, offer = rows[more], at_cost[more], at_net[more], offer[more]
        cost = np.broadcast_to(offers.cost, net.shape)[offer, rows]
        gain = net[offer, rows].astype(float)
        steps.append((rows, offer + 1, cost - at_cost, gain - at_net))
        at_cost, at_net = cost, gain
    customer, chosen, more_cost, more_net = (
        np.concatenate(part) for part in zip(*steps, strict=True)
    )
    return customer, chosen, more_cost, more_net


def _steepest(
    offers: Offers, net: npt.NDArray[np.float32], rows: Rows, at_cost: Vector, at_net: Vector
) -> Rows:
    """The offer (0-based) that from here brings most per unit of cost, -1 where none brings more.

    Of offers that cost no more than this one, that which brings most.
    """
    best = np.full(len(rows), -1)
    slope, gain_of_best = np.zeros(len(rows)), np.zeros(len(rows))
    for offer in range(offers.n_offers):
        gain = net[offer, rows] - at_net
        more = offers.cost_of(offer, rows) - at_cost
        with np.errstate(divide="ignore", invalid="ignore"):
            steep = np.where((gain > 0) & (more >= 0), gain / more, -1.0)
        better = (steep > slope) | ((steep == slope) & (gain > gain_of_best) & (steep > 0))
        np.putmask(best, better, offer)
        np.putmask(slope, better, steep)
        np.putmask(gain_of_best, better, gain)
    return best
