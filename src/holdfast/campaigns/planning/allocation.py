"""Allocation: who gets which offer, so that as much as the limits allow is left after cost.

Each limit has a price (`dual_prices`); at the right ones every customer is decided alone, and a few
are dropped or added until the limits are just kept (`rounding`). The prices prove how far from the
best possible plan this one can be. Where that is not near enough, those few thousand choices that
are closest calls are made by an integer program (`exact_plan`): in a small problem, all of them.

A hold-out is drawn before, never by the optimiser: everybody is planned for with limits made larger
by the share held out, and then only the others are contacted. So whoever is held out is known with
the offer that they would have got.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Booleans, Rows, Vector
from holdfast.campaigns.planning.dual_prices import price_limits
from holdfast.campaigns.planning.exact_plan import solve_exactly
from holdfast.campaigns.planning.offers import RETURN, Choice, Limits, Offers
from holdfast.campaigns.planning.rounding import fill, repair
from holdfast.errors import InputError

CORE_SIZE, EXACT_SIZE = 1_000, 5_000
"""Customers times offers of the integer program: at first, and at most."""
_EXACT_GAP = 2e-4
"""Share of the bound that a plan may lack and count as exact: the solver stops at half of it."""


@dataclass(frozen=True, kw_only=True)
class ShadowPrices:
    """What one more unit of each limit would bring, currency net of cost; 0 where none binds.

    Attributes
    ----------
    budget
        Per unit of currency.
    capacity, contacts
        Per customer; the first of shape (n_offers,).
    least_return
        Per unit of currency that the plan may bring less.
    """

    budget: float
    capacity: Vector
    contacts: float
    least_return: float


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """A plan.

    Attributes
    ----------
    offer
        Per customer 1..n_offers, 0: none; for customers held out what they would have got.
    contacted
        Who gets it.
    value, cost
        Of those contacted: expected to be added, and to be spent; currency.
    bound
        No plan within the limits leaves more after cost; currency.
    prices
        At everybody's limits.
    exact
        Whether it is proved to be within 1 in 5,000 of the best, or the integer program was
        solved as far as its time allowed.
    notes
        Sentences on limits that leave nothing to plan.
    """

    offer: Choice
    contacted: Booleans
    value: float
    cost: float
    bound: float
    prices: ShadowPrices
    exact: bool
    notes: tuple[str, ...]

    @property
    def net(self) -> float:
        """What is left after cost; currency."""
        return self.value - self.cost

    @property
    def gap(self) -> float:
        """Share of the bound that the plan may fall short by."""
        return max(0.0, 1 - self.net / self.bound) if self.bound > 0 else 0.0


def allocate(
    value: npt.ArrayLike,
    cost: npt.ArrayLike,
    limits: Limits,
    *,
    eligible: Booleans | None = None,
    held_out: Booleans | None = None,
    exactly: bool = True,
    seed: int = 42,
) -> Allocation:
    """Choose at most one offer per customer.

    Parameters
    ----------
    value
        What each offer is expected to add before its cost, currency, (n, n_offers).
    cost
        (n, n_offers), or (n_offers,) where it is the same for everybody.
    eligible
        Who may get what, (n, n_offers); None: everyone everything.
    held_out
        Who is not contacted, drawn at random before, (n,).
    exactly
        Whether the closest calls are made by an integer program.
    seed
        Of the sample that large problems are solved for first.

    Raises
    ------
    InputError
        The shapes differ, a number is missing, a cost or a limit is negative, all are held out.
    """
    offers = Offers.check(value, cost, limits, eligible)
    out = _check_lot(held_out, offers.n)
    rows = limits.rows(offers.n_offers)
    planned = rows / (1 - out.mean()) if out.any() else rows
    choice, prices, bound, exact = _solve(offers, planned, exactly=exactly, seed=seed)
    contacted = choice > 0
    if out.any():
        here = repair(offers, np.where(out, 0, choice).astype(np.int16), rows, prices)
        contacted, bound, exact = here > 0, _bound(offers.take(~out), rows, prices), False
    use = offers.use(np.where(contacted, choice, 0).astype(np.int16))
    return Allocation(
        offer=choice, contacted=contacted, value=use.value, cost=use.cost, bound=bound,
        prices=_shadow_prices(prices), exact=exact, notes=_notes(offers, rows, contacted),
    )  # fmt: skip


def _check_lot(held_out: Booleans | None, n: int) -> Booleans:
    out = np.zeros(n, dtype=bool) if held_out is None else np.asarray(held_out, dtype=bool)
    if out.shape != (n,) or (n and out.all()):
        raise InputError(
            f"a hold-out of shape {out.shape}, {int(out.sum())} of {n} customers",
            fix="mark for each customer whether to hold them out, and leave some to contact",
        )
    return out


def _shadow_prices(prices: Vector) -> ShadowPrices:
    budget, least_return, contacts = prices[:3].tolist()
    return ShadowPrices(
        budget=budget, capacity=prices[3:], contacts=contacts, least_return=least_return
    )


def _solve(
    offers: Offers, limits: Vector, *, exactly: bool, seed: int
) -> tuple[Choice, Vector, float, bool]:
    """Plan, prices, bound and whether the plan is exact."""
    prices = price_limits(offers, limits, seed=seed)
    choice, _ = offers.choose(prices)
    choice = fill(offers, repair(offers, choice, limits, prices), limits, prices)
    bound = _bound(offers, limits, prices)
    if bound - _net(offers, choice) <= _EXACT_GAP * bound:
        return choice, prices, bound, True
    for size in (CORE_SIZE, EXACT_SIZE) if exactly else ():
        core = _closest_calls(offers, prices, size // offers.n_offers)
        choice, bound = _solve_core(offers, limits, prices, core, (choice, bound))
        if bound - _net(offers, choice) <= _EXACT_GAP * bound or len(core.rows) == offers.n:
            return choice, prices, bound, True
    return choice, prices, bound, False


class _Core(NamedTuple):
    """Customers whose calls are closest, and what any other call loses at least."""

    rows: Rows
    others_lose: float


def _closest_calls(offers: Offers, prices: Vector, n: int) -> _Core:
    """Those whose best two choices, none among them, differ least after all prices."""
    if offers.n <= n:
        return _Core(np.arange(offers.n), np.inf)
    every = [np.zeros(offers.n), *(offers.reduced_value(j, prices) for j in range(offers.n_offers))]
    second, best = np.partition(np.array(every), -2, axis=0)[-2:]
    order = np.argpartition(best - second, n)
    return _Core(np.sort(order[:n]), float((best - second)[order[n]]))


def _solve_core(
    offers: Offers, limits: Vector, prices: Vector, core: _Core, so_far: tuple[Choice, float]
) -> tuple[Choice, float]:
    """Decide the closest calls exactly; the better plan and the lower bound."""
    choice, bound = so_far
    plan, _ = offers.choose(prices)
    plan[core.rows] = 0
    left = limits - offers.use(plan).rows
    exact = solve_exactly(offers.take(core.rows), left) if (left[[0, 2]] >= 0).all() else None
    if exact is None:
        return choice, bound
    within = _net(offers, plan) + exact.bound
    plan[core.rows] = exact.choice
    plan = fill(offers, repair(offers, plan, limits, prices), limits, prices)
    best = plan if _net(offers, plan) > _net(offers, choice) else choice
    # A better plan than this makes no other call that loses more than the plan lacks: so if all
    # such calls are in the core, the core's bound holds for everybody.
    net = _net(offers, best)
    return best, max(net, min(bound, within)) if core.others_lose >= bound - net else bound


def _net(offers: Offers, choice: Choice) -> float:
    use = offers.use(choice)
    return use.value - use.cost


def _bound(offers: Offers, limits: Vector, prices: Vector) -> float:
    _, left = offers.choose(prices)
    finite = np.isfinite(limits)
    return float(left.sum(dtype=float)) + float(prices[finite] @ limits[finite])


def _notes(offers: Offers, limits: Vector, contacted: Booleans) -> tuple[str, ...]:
    if contacted.any() or not offers.n:
        return ()
    if not np.isfinite(offers.value).any():
        return ("no customer may get any offer, so nobody is contacted; look at the eligibility",)
    gain = float(np.max(offers.value - offers.cost))
    if gain <= 0:
        return (
            f"no offer is worth its cost to anybody (the best is {gain:,.2f} after cost), so nobody"
            " is contacted; lower the cost or find a better offer",
        )
    if limits[0] == 0:
        return ("the budget is 0, so nobody is contacted; give a budget",)
    if np.isfinite(limits[RETURN]):
        return ("nobody's offer brings the least return, so nobody is contacted; ask for less",)
    return ("the limits do not cover a single offer, so nobody is contacted; widen them",)
