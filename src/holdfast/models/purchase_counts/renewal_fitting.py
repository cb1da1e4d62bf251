"""Fit the model of contracts on what was known at a cutoff, where the log is one of contracts.

Gaps are estimated as by Kaplan and Meier (1958): a charge that may still come is no long gap, and
the share that never comes is what the renewals are for. Which plan a customer has who was charged
once is not known; it counts for each as much as it is likely to have it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Rows, Vector
from holdfast.btyd import BetaDiscreteWeibull, ShiftedBetaGeometric
from holdfast.findings import Finding
from holdfast.models.contract_setting import find_regime
from holdfast.models.purchase_counts.renewals import (
    MONTH_UNITS,
    BillingTime,
    Plan,
    RenewalModel,
    nearest_period,
    weigh_plans,
)

_PERIODS = (7, 14, 30, 61, 91, 182, 365)
_LEAST_SHARE, _LEAST_GAPS = 0.05, 20  # decision 37
_LEAST_AT_RISK = 10  # decision 37
_RENEWED_BEFORE = (0, 1, 2, 3, 5, 8, 13, 21, 34)  # decision 37
_ROUNDS = 3
_NEAR_DAYS, _UNSEEN_NEAR, _UNSEEN_GAPS = 14, 0.5, 0.1  # decision 37
_ON_TIME_DAYS = 2


def fit_renewals(
    days: pl.DataFrame, *, now: int, first_day: int
) -> tuple[RenewalModel, tuple[Finding, ...]] | None:
    """Learn from the charges before `now`; None where the log is not one of contracts.

    Parameters
    ----------
    days
        customer_id and day, one row per customer and day of purchase.
    first_day
        First day of the log.
    """
    seen = days.select("customer_id", pl.col("day").cast(pl.Int64)).filter(pl.col("day") < now)
    ordered = seen.sort("customer_id", "day")
    gaps = ordered.with_columns(days=pl.col("day").diff().over("customer_id")).drop_nulls("days")
    if find_regime(gaps.with_columns(returned=True)).name != "contractual":
        return None
    log = _Charges.of(ordered, now=now, first_day=first_day)
    model = RenewalModel(log.monthly, log.plans(), first_day)
    return model, (_how_contracts_were_learnt(model),)


@dataclass(frozen=True)
class _Charges:
    """The charges of a log, in billing time; rows are in order of customers.

    Attributes
    ----------
    gap, of_gap
        Between charges, and the place of the customer who made it.
    n, since, silence
        Of each customer: charges, time from the first day of the log to the first of them, and
        from the last of them to now.
    """

    monthly: bool
    gap: Rows
    of_gap: Rows
    n: Rows
    since: Rows
    silence: Rows

    @classmethod
    def of(cls, ordered: pl.DataFrame, *, now: int, first_day: int) -> "_Charges":
        """Count in days or in months, whichever makes the gaps more alike."""
        day = ordered["day"].to_numpy()
        customer = ordered["customer_id"].rle_id().cast(pl.Int64).to_numpy()
        again = np.flatnonzero(np.diff(customer) == 0) + 1
        gaps = {
            monthly: np.diff(BillingTime(monthly).at(day))[again - 1] for monthly in (False, True)
        }
        monthly = _entropy(gaps[True]) < _entropy(gaps[False])
        time, n = BillingTime(monthly), np.bincount(customer)
        end = np.cumsum(n)
        at, edges = time.at(day), time.at(np.array([first_day, now]))
        since, silence = at[end - n] - edges[0], edges[1] - at[end - 1]
        return cls(monthly, gaps[monthly], customer[again], n, since, silence)

    @property
    def mean_gap(self) -> Vector:
        """Of each customer; 0 of one who was charged once."""
        return np.bincount(self.of_gap, self.gap, len(self.n)) / np.maximum(self.n - 1, 1)

    def plans(self) -> tuple[Plan, ...]:
        """Fit every period that is common; who was charged once is shared out a few times."""
        periods = self._periods()
        share = np.full(len(periods), 1 / len(periods))
        nearest = nearest_period(self.mean_gap, periods)[:, None] == np.arange(len(periods))
        weights = np.where(self.n[:, None] > 1, nearest, share)
        plans: tuple[Plan, ...] = ()
        for _ in range(_ROUNDS if len(periods) > 1 else 1):
            share = weights.mean(axis=0)
            plans = tuple(
                self._plan(period, float(share[place]), weights[:, place])
                for place, period in enumerate(periods)
            )
            renewals = [self.n - 1 + self._before(plan.period, plan.before) for plan in plans]
            weights = weigh_plans(plans, self.n, self.mean_gap, self.silence, renewals)
        return plans

    def _periods(self) -> Rows:
        """The usual gap of every kind of period that many customers have."""
        unit = MONTH_UNITS / 30 if self.monthly else 1.0
        kinds, again = np.array(_PERIODS) * unit, self.n > 1
        kind = nearest_period(self.mean_gap, kinds)
        of_gap, common = kind[self.of_gap], []
        for each in range(len(kinds)):
            gaps = self.gap[of_gap == each]
            share = float((kind[again] == each).mean())
            if share >= _LEAST_SHARE and len(gaps) >= _LEAST_GAPS:
                common.append(round(float(np.median(gaps))))
        return np.unique(common or [round(float(np.median(self.gap)))])

    def _before(self, period: int, before: int) -> Rows:
        """Renewals of each customer before the log's first period."""
        return np.where(self.since < period, before, 0)

    def _plan(self, period: int, share: float, weight: Vector) -> Plan:
        gaps = self._gaps(int(period), weight)
        reached = np.concatenate([[0.0], np.cumsum(gaps)])
        overdue = reached[np.minimum(self.silence - 1, len(gaps))].clip(0, 1)
        fits = {
            before: ShiftedBetaGeometric().fit(
                self.n - 1, overdue, weight, before=self._before(period, before)
            )
            for before in _RENEWED_BEFORE
        }
        before = max(fits, key=lambda each: fits[each].log_likelihood_)
        law: BetaDiscreteWeibull = fits[before]
        bent = BetaDiscreteWeibull().fit(
            self.n - 1, overdue, weight, before=self._before(period, before)
        )
        # By the Bayesian information criterion: one parameter more.
        if bent.log_likelihood_ - law.log_likelihood_ > np.log(weight.sum()) / 2:
            law = bent
        parameters = {"c": 1.0, **law.parameters_}
        return Plan(int(period), share, before=before, gaps=tuple(gaps.tolist()), **parameters)

    def _gaps(self, period: int, weight: Vector) -> Vector:
        """P(a gap of 1, 2, ... | the next charge comes): as if half a gap more had been seen within
        two weeks of the due day, and a tenth of one of any length up to two periods.
        """
        longest = int(max(self.gap.max(), 2 * period))
        ended = np.bincount(self.gap, weight[self.of_gap], longest + 1)[: longest + 1]
        silence = np.minimum(self.silence, longest + 1)
        still = np.bincount(silence, weight, longest + 2)
        # A silence of s days may end today: what is at risk of a gap of s is older.
        at_risk = ended[::-1].cumsum()[::-1] + (still[::-1].cumsum()[::-1] - still)[:-1]
        hazard = np.where(at_risk >= _LEAST_AT_RISK, ended / np.maximum(at_risk, 1), 0.0)
        there = np.cumprod(1 - hazard)
        come = np.append(0.0, there[:-1] * hazard[1:])
        n = float(weight[self.of_gap].sum())
        come = come * n / max(float(come.sum()), 1e-12)
        near = min(_NEAR_DAYS, period // 2)
        come[period - near : period + near + 1] += _UNSEEN_NEAR / (2 * near + 1)
        come[1 : 2 * period + 1] += _UNSEEN_GAPS / (2 * period)
        return np.asarray(come[1:] / come.sum())


def _entropy(gaps: Rows) -> float:
    share = np.unique(gaps, return_counts=True)[1] / len(gaps)
    return float(-(share * np.log(share)).sum())


def _how_contracts_were_learnt(model: RenewalModel) -> Finding:
    unit = "days of months of 31 days" if model.monthly else "days"
    plans = "; ".join(_describe(plan) for plan in model.plans)
    return Finding.of("contracts", unit=unit, plans=plans, algorithm=model.algorithm)


def _describe(plan: Plan) -> str:
    """What comes late, who comes back and from when on nobody is expected to, of a first
    renewal.
    """
    first = float(plan.retention[0])
    day = plan.period + np.arange(len(plan.gaps) - plan.period)
    missing = 1 - first * plan.gap_within(day)
    back = first * (1 - plan.gap_within(day)) / missing
    grace = int((back < 0.5).argmax())
    return (
        f"every {plan.period} ({plan.share:.0%} of the customers) {first:.0%} renew for the first "
        f"time and {plan.retention[6]:.0%} for the seventh; {float(missing[_ON_TIME_DAYS]):.1%} of "
        f"the charges are not there {_ON_TIME_DAYS} days after they were due, and "
        f"{float(back[_ON_TIME_DAYS]):.0%} of these come later (involuntary); {grace} days after, "
        "the end is likelier"
    )
