"""Offers: what a contact changes in a customer day by day, and what it costs.

Whoever gets an offer buys more for 30 days. What is gained may be taken from the 45 days after
(purchases pulled forward), some of the rise may stay for good (a habit), and some who would have
left in those 30 days may stay (customers saved). A rise is multiplied by the customer's response,
which has mean 1 over customers; several contacts add their rises up.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import InputError

WINDOW_DAYS = 30
PULLED_FROM_DAYS = 45
"""Days after the window from which purchases are pulled forward."""
LASTING_AGE = WINDOW_DAYS + PULLED_FROM_DAYS
"""Days since the contact from which on nothing changes any more."""
EDGE_AGES = (1, WINDOW_DAYS, WINDOW_DAYS + 1, LASTING_AGE)
"""Days since the contact on which a rate changes."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What campaigns offer.

    Parameters
    ----------
    name
        Letters, digits, _ and -.
    uplift
        Mean relative rise of the purchase rate in the 30 days from the contact.
    pull_forward
        Share of what is gained in these 30 days that is missing in the 45 days after.
    habit
        Mean relative rise of the purchase rate that stays from the 31st day on.
    saves
        Share of the hazard of leaving for good that is taken away for the 30 nights after the
        contact.
    cost
        Per customer contacted, currency.
    acceptance
        Share of those contacted who take it up, of the living and awake; nobody else does.
    cost_if_accepted
        More for each who takes it up, currency.

    Raises
    ------
    InputError
        A parameter is outside its range.
    """

    name: str
    uplift: float = 0.2
    pull_forward: float = 0.0
    habit: float = 0.0
    saves: float = 0.0
    cost: float = 0.5
    acceptance: float = 0.0
    cost_if_accepted: float = 0.0

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Za-z0-9_-]+", self.name):
            raise InputError(
                f"an offer is called {self.name!r}", fix="use letters, digits, _ and -"
            )
        for name, high in _MOST.items():
            value = getattr(self, name)
            if not 0 <= value <= high:
                raise InputError(
                    f"{name} of the offer '{self.name}' is {value}", fix=f"choose 0 to {high}"
                )

    def rise(self, age: NDArray[np.int64]) -> NDArray[np.float64]:
        """Relative rise of the purchase rate, for a response of 1, so many days after the contact;
        same shape.
        """
        pulled = self.pull_forward * self.uplift * WINDOW_DAYS / PULLED_FROM_DAYS
        ages = [age < 0, age < WINDOW_DAYS, age < LASTING_AGE]
        return np.select(ages, [0.0, self.uplift, self.habit - pulled], self.habit)

    def hazard(self, age: NDArray[np.int64]) -> NDArray[np.float64]:
        """Factor on the hazard of leaving in the night before that day; same shape."""
        return np.where((age > 0) & (age <= WINDOW_DAYS), 1 - self.saves, 1.0)

    @property
    def last_age(self) -> int | None:
        """Days since the contact from which on the purchase rate is as if there had been none;
        None: it never is.
        """
        if self.habit > 0:
            return None
        return LASTING_AGE if self.pull_forward * self.uplift > 0 else WINDOW_DAYS


_MOST = {
    "uplift": 5, "pull_forward": 1, "habit": 5, "saves": 1, "cost": 1e6, "acceptance": 1,
    "cost_if_accepted": 1e6,
}  # fmt: skip

OFFERS = (
    Offer(name="reminder"),
    Offer(name="voucher", uplift=0.5, pull_forward=0.4, acceptance=0.25, cost_if_accepted=4.0),
    Offer(name="call", uplift=0.1, habit=0.1, saves=0.3, cost=4.0),
)
"""Offers of a shop that makes several: the first alone, the first two, or all."""
