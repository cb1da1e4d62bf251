"""Offers and limits: what each offer is expected to add for each customer and to cost, and how much
there is to give.

Every limit is one row of the same linear program and has one price. With prices at hand a customer
is decided alone: the offer that leaves most after all prices, or none where nothing is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Booleans, Floats, Rows, Vector
from holdfast.errors import InputError

Choice = npt.NDArray[np.int16]
"""Offer per customer, 1..n_offers; 0: none. Shape (n,)."""
BUDGET, RETURN, CONTACTS = 0, 1, 2
"""Rows of the limits; one row per offer's capacity follows."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much there is to give; None: no limit.

    Attributes
    ----------
    budget
        Currency.
    capacity
        Customers that each offer is for at most; infinity where there is no limit.
    contacts
        Customers contacted in all.
    least_return
        Net over cost of the whole plan: 0.5 asks for 1.50 of value for each 1.00 spent.
    """

    budget: float | None = None
    capacity: Sequence[float] | None = None
    contacts: float | None = None
    least_return: float | None = None

    def __post_init__(self) -> None:
        given = [self.budget, self.contacts, self.least_return, *(self.capacity or ())]
        if any(limit is not None and not limit >= 0 for limit in given):
            raise InputError(f"a limit is negative: {self}", fix="give 0 or more, or leave it out")

    def rows(self, n_offers: int) -> Vector:
        """Right-hand sides, infinity where there is no limit, shape (3 + n_offers,)."""
        capacity = [np.inf] * n_offers if self.capacity is None else list(self.capacity)
        if len(capacity) != n_offers:
            raise InputError(
                f"{len(capacity)} capacities for {n_offers} offers", fix="give one for each offer"
            )
        head = [
            np.inf if self.budget is None else self.budget,
            np.inf if self.least_return is None else 0.0,
            np.inf if self.contacts is None else self.contacts,
        ]
        return np.array([*head, *capacity], dtype=float)


class Use(NamedTuple):
    """What choices use: by row of the limits (3 + n_offers,); and what they add and cost."""

    rows: Vector
    value: float
    cost: float


@dataclass(frozen=True)
class Offers:
    """Values and costs, one row per offer, so that a pass reads memory in order.

    Attributes
    ----------
    value
        Expected to be added before cost, -infinity where the customer may not get the offer,
        float32, (n_offers, n).
    cost
        (n_offers, n), or (n_offers, 1) where an offer costs the same for everybody.
    return_factor
        1 + the least return.
    """

    value: npt.NDArray[np.float32]
    cost: Floats
    return_factor: float

    @classmethod
    def check(
        cls, value: npt.ArrayLike, cost: npt.ArrayLike, limits: Limits, eligible: Any = None
    ) -> "Offers":
        """Lay out tables of shape (n, n_offers); a cost may also be one number per offer.

        Raises
        ------
        InputError
            The shapes differ, a number is missing, a cost is negative.
        """
        values, costs = np.asarray(value), np.asarray(cost, dtype=float)
        if values.ndim != 2 or costs.shape not in {values.shape, values.shape[1:]}:
            raise InputError(
                f"values of shape {values.shape} and costs of shape {costs.shape}",
                fix="give one row per customer and one column per offer",
            )
        columns = np.array(values.T, dtype=np.float32, order="C")
        if not np.isfinite(columns).all() or not np.isfinite(costs).all() or (costs < 0).any():
            raise InputError(
                "a value or a cost is missing, infinite, or a cost is below 0",
                fix="leave out the customer, or mark the offer as not eligible and give it 0",
            )
        if eligible is not None:
            mask = np.asarray(eligible, dtype=bool)
            if mask.shape != values.shape:
                raise InputError(
                    f"eligibility of shape {mask.shape} for values of shape {values.shape}",
                    fix="give one row per customer and one column per offer",
                )
            columns[~mask.T] = -np.inf
        layout = costs[:, None] if costs.ndim == 1 else np.ascontiguousarray(costs.T)
        return cls(columns, layout, 1 + (limits.least_return or 0.0))

    @property
    def n(self) -> int:
        """Customers."""
        return int(self.value.shape[1])

    @property
    def n_offers(self) -> int:
        """Offers."""
        return int(self.value.shape[0])

    def take(self, rows: Rows | Booleans) -> "Offers":
        """Some of the customers."""
        cost = self.cost if self.cost.shape[1] == 1 else self.cost[:, rows]
        return Offers(np.ascontiguousarray(self.value[:, rows]), cost, self.return_factor)

    def cost_of(self, offer: int, rows: Any = slice(None)) -> Vector:
        """Cost of one offer (0-based) for some customers, one number each."""
        costs = self.cost[offer]
        return np.asarray(np.broadcast_to(costs, (self.n,))[rows])

    def reduced_value(self, offer: int, prices: Vector) -> npt.NDArray[np.float32]:
        """What one offer leaves after cost and all prices, shape (n,)."""
        on_value = np.float32(1 + prices[RETURN])
        on_cost = 1 + prices[BUDGET] + prices[RETURN] * self.return_factor
        off = on_cost * self.cost[offer] + (prices[CONTACTS] + prices[3 + offer])
        kept = self.value[offer] if on_value == 1 else on_value * self.value[offer]
        return np.asarray(kept - off.astype(np.float32))

    def choose(self, prices: Vector) -> tuple[Choice, npt.NDArray[np.float32]]:
        """The offer that leaves most after all prices, and how much that is (0: none)."""
        choice = np.zeros(self.n, dtype=np.int16)
        best = np.zeros(self.n, dtype=np.float32)
        for offer in range(self.n_offers):
            left = self.reduced_value(offer, prices)
            np.putmask(choice, left > best, offer + 1)
            np.maximum(best, left, out=best)
        return choice, best

    def use(self, choice: Choice) -> Use:
        """What choices use of each limit."""
        value = cost = 0.0
        counts = np.bincount(choice, minlength=self.n_offers + 1)[1:].astype(float)
        for offer in range(self.n_offers):
            rows = np.flatnonzero(choice == offer + 1)
            value += float(self.value[offer, rows].sum(dtype=float))
            fixed = self.cost.shape[1] == 1
            of_each = self.cost[offer, 0] * len(rows) if fixed else self.cost[offer, rows].sum()
            cost += float(of_each)
        head = [cost, self.return_factor * cost - value, counts.sum()]
        return Use(np.array([*head, *counts]), value, cost)
