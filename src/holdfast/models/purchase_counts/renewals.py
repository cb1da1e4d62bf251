"""Contracts: a customer is charged by the clock until it leaves.

After a charge a customer renews with the chance of the beta-discrete-Weibull (Fader, Hardie and
others 2018), given how often it has renewed so far, and then the next charge comes after a gap that
is drawn from all gaps of the plan: most on the day that it is due, some late, a few a whole period
late because a payment failed. A customer from whom nothing has come s days after its last charge is
still there by Bayes' rule, so that a payment one day late says little, and one that is later than
any that ever came says that the contract is over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Matrix, Rows, Vector
from holdfast.btyd import BetaDiscreteWeibull
from holdfast.learners.parts import Saved
from holdfast.models.purchase_counts.histories import READ
from holdfast.models.purchase_counts.model import once_per_history

MONTH_UNITS = 31
_MOST_RENEWALS = 150  # decision 37
_LEAST_CHANCE = 1e-12


@dataclass(frozen=True)
class BillingTime:
    """Whole numbers in which one period is always as long: days, or days of months that all have
    31.

    >>> BillingTime(monthly=True).at(np.array([0, 31, 59]))  # the first of January, February, March
    array([ 0, 31, 62])
    >>> BillingTime(monthly=True).day(np.array([31 + 29]))  # there is no 30th of February
    array([58])
    """

    monthly: bool

    def at(self, day: Rows) -> Rows:
        """Billing time of a day since 1970-01-01."""
        if not self.monthly:
            return day
        date = day.astype("datetime64[D]")
        month = date.astype("datetime64[M]")
        since = (date - month.astype("datetime64[D]")).astype(np.int64)
        return np.asarray(MONTH_UNITS * month.astype(np.int64) + since)

    def day(self, at: Rows) -> Rows:
        """The day, or the last one of a shorter month."""
        if not self.monthly:
            return at
        month, since = np.divmod(at, MONTH_UNITS)
        first, after = (
            each.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
            for each in (month, month + 1)
        )
        return np.asarray(first + np.minimum(since, after - first - 1))


@dataclass(frozen=True)
class Plan:
    """One period of the log's contracts; all times are billing time.

    Attributes
    ----------
    period
        The usual gap.
    share
        Of the customers.
    alpha, beta, c
        Of the beta-discrete-Weibull; c = 1 is the shifted beta-geometric.
    before
        Renewals that customers seen in the log's first period had made before.
    gaps
        P(the next charge comes after exactly 1, 2, ... | it comes).
    """

    period: int
    share: float
    alpha: float
    beta: float
    c: float
    before: int
    gaps: tuple[float, ...]

    @cached_property
    def retention(self) -> Vector:
        """P(one more renewal) after 0, 1, ... renewals; the last stands for all that follow."""
        law = BetaDiscreteWeibull.from_parameters(alpha=self.alpha, beta=self.beta, c=self.c)
        return law.retention(np.arange(_MOST_RENEWALS))

    @cached_property
    def _reached(self) -> Vector:
        return np.concatenate([[0.0], np.cumsum(self.gaps)])

    def gap_within(self, gap: Rows) -> Vector:
        """P(a gap of at most so much), same shape."""
        return np.asarray(self._reached[np.clip(gap, 0, len(self.gaps))])

    def renews(self, renewals: Rows) -> Vector:
        """P(one more renewal), (n,)."""
        return np.asarray(self.retention[np.minimum(renewals, _MOST_RENEWALS - 1)])

    def quiet(self, renewals: Rows, silence: Rows) -> Vector:
        """P(no charge in so long a silence), of which the last day is not over, (n,)."""
        return 1 - self.renews(renewals) * self.gap_within(silence - 1)

    def charges(self, renewals: Rows, silence: Rows, ahead: int) -> Vector:
        """Expected charges in so much time ahead, (n,)."""
        gap = silence[:, None] + np.arange(ahead)
        chances = np.append(self.gaps, 0.0)
        first = chances[np.minimum(gap - 1, len(self.gaps))] * self.renews(renewals)[:, None]
        after = _charges_after(self, ahead)[np.minimum(renewals + 1, _MOST_RENEWALS - 1), :ahead]
        total = (first * (1 + after[:, ::-1])).sum(axis=1)
        return np.asarray(total / self.quiet(renewals, silence))


@lru_cache(maxsize=64)
def _charges_after(plan: Plan, ahead: int) -> Matrix:
    """Expected charges within 0, 1, ... after a charge, by renewals so far, `(_MOST_RENEWALS, ahead
    + 1)`: the renewal equation, from the last row up.
    """
    gaps = np.zeros(ahead + 1)
    n_gaps = min(ahead, len(plan.gaps))
    gaps[1 : n_gaps + 1] = plan.gaps[:n_gaps]
    table = np.zeros((_MOST_RENEWALS, ahead + 1))
    for end in range(1, ahead + 1):
        later = 1 + table[-1, end - 1 :: -1]
        table[-1, end] = plan.retention[-1] * float(gaps[1 : end + 1] @ later)
    for k in range(_MOST_RENEWALS - 2, -1, -1):
        table[k] = plan.retention[k] * np.convolve(gaps, 1 + table[k + 1])[: ahead + 1]
    return table


@dataclass(frozen=True)
class _Customers:
    """Histories in billing time: silence since the last charge, and the weight of each plan."""

    cutoff: Rows
    silence: Rows
    renewals: tuple[Rows, ...]
    weights: Matrix

    def mean(self, by_plan: Sequence[Vector]) -> Vector:
        """The plans' answers, each weighing as much as it is likely to be the customer's."""
        return np.asarray((self.weights * np.column_stack(by_plan)).sum(axis=1))


@dataclass(frozen=True)
class RenewalModel(Saved):
    """A fitted model of a log of contracts, in the place of the count model.

    A customer's plan is the one whose period is nearest to its mean gap; one that was charged once
    may have any, the likelier the better it explains the silence.

    Attributes
    ----------
    first_day
        Of the log.
    """

    FILE = "renewals.json"
    monthly: bool
    plans: tuple[Plan, ...]
    first_day: int

    @property
    def algorithm(self) -> str:
        """What is predicted by."""
        plain = all(plan.c == 1 for plan in self.plans)
        return "shifted beta-geometric" if plain else "beta-discrete-Weibull"

    @property
    def time(self) -> BillingTime:
        """In which the plans count."""
        return BillingTime(self.monthly)

    def silent(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """P(no charge) over the horizon, (n_customers,)."""
        customers = self._customers(frame)
        silence = customers.silence + self._ahead(customers, frame, horizon_days)
        return customers.mean(
            [
                plan.quiet(renewals, silence) / plan.quiet(renewals, customers.silence)
                for plan, renewals in zip(self.plans, customers.renewals, strict=True)
            ]
        )

    def expected_purchases(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """Expected charges over the horizon, (n_customers,)."""

        def answer(rows: pl.DataFrame) -> Matrix:
            customers = self._customers(rows)
            ahead, expected = self._ahead(customers, rows, horizon_days), np.empty(rows.height)
            for length in np.unique(ahead):
                some = ahead == length
                by_plan = [
                    plan.charges(renewals[some], customers.silence[some], int(length))
                    for plan, renewals in zip(self.plans, customers.renewals, strict=True)
                ]
                weights = customers.weights[some]
                expected[some] = (weights * np.column_stack(by_plan)).sum(axis=1)
            return expected[:, None]

        return once_per_history(frame, answer)[:, 0]

    quick_purchases = expected_purchases

    def ahead(
        self, frame: pl.DataFrame, horizons_days: Sequence[int]
    ) -> tuple[tuple[Vector, Vector], ...]:
        """Expected charges and P(no charge) over each horizon, (n_customers,) each."""
        return tuple(
            (self.expected_purchases(frame, days), self.silent(frame, days))
            for days in horizons_days
        )

    def pace(self, days: Rows) -> Vector:
        """Contracts know no season: 1 for every day, (n_days,)."""
        return np.ones(len(days))

    def p_alive(self, frame: pl.DataFrame) -> Vector:
        """P(there will be another charge), (n_customers,)."""
        customers = self._customers(frame)
        gone = [
            (1 - plan.renews(renewals)) / plan.quiet(renewals, customers.silence)
            for plan, renewals in zip(self.plans, customers.renewals, strict=True)
        ]
        return np.clip(1 - customers.mean(gone), 0.0, 1.0)

    def due_day(self, frame: pl.DataFrame) -> Vector:
        """The day by which the next charge is more likely than not, (n_customers,); NaN where none
        is.
        """

        def answer(rows: pl.DataFrame) -> Matrix:
            customers = self._customers(rows)
            longest = max(len(plan.gaps) for plan in self.plans)
            charged = np.zeros((rows.height, longest))
            for place, plan in enumerate(self.plans):
                renewals = customers.renewals[place][:, None]
                silence = customers.silence[:, None]
                later = plan.quiet(renewals, silence + 1 + np.arange(longest))
                chance = 1 - later / plan.quiet(renewals, silence)
                charged += customers.weights[:, [place]] * chance
            likely = charged > 0.5
            day = self.time.day(customers.cutoff + likely.argmax(axis=1)).astype(np.float64)
            return np.where(likely.any(axis=1), day, np.nan)[:, None]

        return once_per_history(frame, answer)[:, 0]

    def _ahead(self, customers: _Customers, frame: pl.DataFrame, days: int) -> Rows:
        return self.time.at(_whole(frame, "cutoff_day") + days) - customers.cutoff

    def _customers(self, frame: pl.DataFrame) -> _Customers:
        day, n, silence, tenure = (_whole(frame, name) for name in READ)
        cutoff, last, first = (self.time.at(each) for each in (day, day - silence, day - tenure))
        opened = int(self.time.at(np.array(self.first_day)))
        renewals = tuple(
            n - 1 + np.where(first < opened + plan.period, plan.before, 0) for plan in self.plans
        )
        gap = (last - first) / np.maximum(n - 1, 1)
        weights = weigh_plans(self.plans, n, gap, cutoff - last, renewals)
        return _Customers(cutoff, cutoff - last, renewals, weights)


def weigh_plans(
    plans: Sequence[Plan], n: Rows, gap: Vector, silence: Rows, renewals: Sequence[Rows]
) -> Matrix:
    """How likely each plan is to be the customer's, `(n_customers, n_plans)`; rows sum to 1.

    Parameters
    ----------
    n, gap, silence
        Charges, their mean gap, and the time since the last one.
    """
    nearest = nearest_period(gap, np.array([plan.period for plan in plans]))
    likely = np.column_stack(
        [
            plan.share * np.maximum(plan.quiet(each, silence), _LEAST_CHANCE)
            for plan, each in zip(plans, renewals, strict=True)
        ]
    )
    weights = np.where(n[:, None] > 1, nearest[:, None] == np.arange(len(plans)), likely)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def nearest_period(gap: Vector, periods: npt.ArrayLike) -> Rows:
    """The place of the period that each gap, at least 1, is nearest to in ratio, (n,)."""
    distance = np.abs(np.log(np.maximum(gap, 1.0))[:, None] - np.log(periods))
    return np.asarray(distance.argmin(axis=1))


def _whole(frame: pl.DataFrame, name: str) -> Rows:
    return np.asarray(frame[name].cast(pl.Int64).to_numpy())
