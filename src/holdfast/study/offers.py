"""Offers and the plan: what a contact costs, what it is hoped or known to bring, and how much there
is to give.
"""

from typing import Annotated

from pydantic import Field

from holdfast.errors import StudyError
from holdfast.study.sections import Amount, Horizon, Section, Share, require_known
from holdfast.study.settings import SEGMENT_NAMES


class Offer(Section):
    """What can be offered to a customer. Its worth comes from past campaigns that held customers
    out, or else from the rate that you assume.
    """

    cost: Amount
    """Per customer contacted, in the currency."""
    acceptance: Share = 0.0
    """Share of those contacted who take the offer up."""
    cost_if_accepted: Amount = 0.0
    """More for each who takes it up, in the currency: a voucher's value, say."""
    rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Assumed share of those who would be lost that a contact keeps; needed where no past campaign
    made this offer.
    """
    capacity: int | None = Field(None, ge=0)
    """Customers that it is there for, at most."""
    segments: list[str] = []
    """Who may get it; without any, everybody."""
    campaigns: list[str] = []
    """Past campaigns that made this offer: of [treatments], or exported audiences."""

    @property
    def cost_per_contact(self) -> float:
        """All that a contact is expected to cost, in the currency."""
        return self.cost + self.acceptance * self.cost_if_accepted

    def _check(self) -> None:
        for name in self.segments:
            require_known(name, SEGMENT_NAMES, f"an offer is for the segment '{name}'")
        if self.cost_if_accepted > 0 and self.acceptance == 0:
            raise StudyError(
                f"an offer costs {self.cost_if_accepted:g} more if it is accepted, and nobody is "
                "expected to accept it",
                fix="give the acceptance, a share of those contacted",
            )


class Plan(Section):
    """How much there is to give, and how past campaigns are read."""

    budget: Amount | None = None
    """What all contacts may cost together, in the currency; `holdfast plan --budget` overrides it.
    """
    contacts: int | None = Field(None, ge=0)
    """Customers contacted, at most."""
    least_return: float | None = Field(None, ge=0)
    """Net over cost of the whole plan, at least: 0.5 asks for 1.50 back for each 1.00 spent."""
    holdout_share: float = Field(0.1, ge=0, lt=1)
    """Share of the customers who are left alone so that the plan can be measured, drawn at random:
    the same customers each time.
    """
    days: Horizon = 30
    """Days from the contact in which a past campaign's effect is counted."""
    return_days: int = Field(0, ge=0, le=365)
    """Days more in which goods may come back."""
    horizon_days: Horizon | None = None
    """Days from the contact for which a plan's return is claimed; without it, `days`. How much of
    an effect is left after so long only campaigns tell whose hold-out was left alone for as long;
    more than what was added within `days` is never claimed.
    """

    @property
    def claimed_days(self) -> int:
        """Days for which the return is to be claimed."""
        return self.horizon_days or self.days

    def _check(self) -> None:
        if self.claimed_days < self.days:
            raise StudyError(
                f"plan.horizon_days is {self.horizon_days}, below plan.days of {self.days}",
                fix="shorten days, in which effects are counted, or leave horizon_days out",
            )
