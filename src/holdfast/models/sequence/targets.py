"""Targets: what customers did after each cutoff of a log, as far as it had ended by now."""

from dataclasses import dataclass, replace

import numpy as np

from holdfast.arrays import Booleans, Integers, Vector
from holdfast.models.reference_spend import ReferenceSpend
from holdfast.models.seasonality import Season
from holdfast.models.sequence.histories import Histories
from holdfast.models.sequence.model import EDGES, Money
from holdfast.models.sequence.network import Numbers32

_FLOOR_SHARE = 0.1  # decision 24
_SEASON_DAYS, _SEASON_CUSTOMERS = 15, 5_000


@dataclass(frozen=True)
class TrainingLog:
    """What is trained on: the histories up to `now`, and who counts at a cutoff."""

    histories: Histories
    first_day: int
    now: int
    eligible_days: int | None

    @property
    def latest(self) -> int:
        """The last cutoff after which the first bin has ended."""
        return self.now - EDGES[0]

    def is_eligible(self, customer: Integers, cutoff: Integers) -> Booleans:
        """(n_queries,)."""
        most = np.inf if self.eligible_days is None else self.eligible_days
        silence = self.histories.last_purchase(customer, cutoff)
        return np.asarray(np.isfinite(silence) & (silence <= most))

    def draw(
        self, rng: np.random.Generator, customers: Integers, n: int, *, since: int
    ) -> tuple[Integers, Integers]:
        """Cutoffs of customers from a day on, n each, of which the eligible are kept: customer and
        cutoff, (n_queries,) each.
        """
        cutoff = rng.integers(since, self.latest + 1, len(customers) * n)
        customer = np.repeat(customers, n)
        kept = self.is_eligible(customer, cutoff)
        return customer[kept], cutoff[kept]

    def bins(self, customer: Integers, cutoff: Integers) -> tuple[Numbers32, Numbers32]:
        """Whether a purchase fell into each bin, and whether the bin counts: it had ended, and no
        purchase had come before it. (n_queries, len(EDGES)) each.
        """
        silence = self.histories.silent_days(customer, cutoff)[:, None]
        starts, ends = np.array([0, *EDGES[:-1]]), np.array(EDGES)
        counts = (cutoff[:, None] + ends <= self.now) & (silence >= starts)
        return (silence < ends).astype(np.float32), counts.astype(np.float32)


@dataclass(frozen=True)
class RevenueTargets:
    """Revenue of ended windows as multiples of the reference spend."""

    log: TrainingLog
    money: Money
    season: Season
    mean_reference: float

    @classmethod
    def of(
        cls, log: TrainingLog, horizon_days: int, *, newly_opened: bool
    ) -> "RevenueTargets | None":
        """None where no window has ended or brought anything."""
        last = log.now - horizon_days
        cutoffs = np.arange(last, log.first_day + EDGES[3], -_SEASON_DAYS)[::-1]
        customers = np.arange(min(len(log.histories), _SEASON_CUSTOMERS))
        customer = np.tile(customers, len(cutoffs))
        cutoff = np.repeat(cutoffs, len(customers))
        kept = log.is_eligible(customer, cutoff)
        customer, cutoff = customer[kept], cutoff[kept]
        revenue = log.histories.spent(customer, cutoff, cutoff + horizon_days)
        if not (revenue > 0).any():
            return None
        floor = _FLOOR_SHARE * float(revenue[revenue > 0].mean())
        money = Money(ReferenceSpend(horizon_days, floor, by_tenure=newly_opened), log.first_day)
        reference = money.reference(log.histories, customer, cutoff)
        spend = replace(money.spend, highest=float(reference.max()))
        season = Season.learn(cutoff, revenue, reference)
        return cls(log, replace(money, spend=spend), season, float(reference.mean()))

    def targets(self, customer: Integers, cutoff: Integers) -> tuple[Numbers32, Numbers32]:
        """Each window's revenue in a usual season over the reference, and its weight: 0 where it
        has not ended. (n_queries,) each.
        """
        days = self.money.spend.horizon_days
        reference = self.money.reference(self.log.histories, customer, cutoff)
        revenue = self.log.histories.spent(customer, cutoff, cutoff + days)
        # A Tweedie likelihood has no negative revenue; the level takes the returns off again.
        ratio = np.maximum(revenue, 0) / reference / self._seasons(cutoff)
        weight = np.where(cutoff + days <= self.log.now, reference / self.mean_reference, 0)
        return ratio.astype(np.float32), weight.astype(np.float32)

    def _seasons(self, cutoff: Integers) -> Vector:
        known = np.array(list(self.season.levels))
        return np.interp(cutoff, known, self.season.of(known))
