"""Business time: a December that is four times as busy takes four times as long.

The BTYD models know no season. In business time, in which every week is as busy as another, they
need not: histories and horizons are measured by the clock, which runs ahead as it ran a year
before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import BeforeValidator

from holdfast.arrays import Vector
from holdfast.btyd import ParetoNBD
from holdfast.errors import NotEnoughData
from holdfast.models.log_situation import sees_old_customers
from holdfast.models.promotions import NO_LIFTS, Lifts
from holdfast.models.purchase_counts.histories import histories_at, some_customers

WEEKS, YEAR_DAYS = 52, 364
_SMOOTHED_BELOW = ((100, 5), (400, 3))  # decision 9
_LEAST_RATE = 0.05  # decision 9
_LEAST_SPREAD = 0.1  # decision 9
_LEAST_OVERDISPERSION = 3.0  # decision 9
_LATE_SHARE = 0.05  # decision 9
_CUSTOMERS_AT_MOST = 3_000


def _lifts(raw: Any) -> Any:
    """What a clock's JSON says of promotions: in a run of an earlier version the windows alone."""
    return {"windows": raw} if isinstance(raw, list) else raw


@dataclass(frozen=True)
class Clock:
    """Business days as a function of calendar days.

    Attributes
    ----------
    anchor_day
        Where both are 0.
    rates
        Business days per calendar day in each of the 52 weeks from the anchor on, mean 1, again and
        again; empty: the calendar itself.
    promotions
        Days on which it runs faster yet.
    """

    anchor_day: int = 0
    rates: tuple[float, ...] = ()
    promotions: Annotated[Lifts, BeforeValidator(_lifts)] = NO_LIFTS

    def at(self, day: npt.ArrayLike) -> Vector:
        """Business days since the anchor, and those that promotions added since they began.

        >>> Clock(0, (2.0, *[50 / 51] * 51)).at([7, 364, 371])
        array([ 14., 364., 378.])
        """
        days = np.asarray(day, dtype=np.float64)
        time = self._of_season(days)
        for first, end, lift in self.promotions.windows:
            time += (lift - 1) * (
                self._of_season(np.clip(days, first, end)) - self._of_season(np.asarray(first))
            )
        return time

    def pace(self, day: npt.NDArray[np.int64]) -> Vector:
        """Business days of each day by the season alone, (n,): 1 on a usual day.

        >>> Clock(0, (2.0, *[50 / 51] * 51)).pace(np.array([3, 10])).round(2)
        array([2.  , 0.98])
        """
        return self._of_season(day + 1) - self._of_season(day)

    def _of_season(self, day: npt.NDArray[Any]) -> Vector:
        since = np.asarray(day - self.anchor_day, dtype=np.float64)
        if not self.rates:
            return since
        year, within = np.divmod(since, YEAR_DAYS)
        edges = np.concatenate([[0.0], np.cumsum(self.rates) * YEAR_DAYS / WEEKS])
        return np.asarray(
            year * edges[-1] + np.interp(within, np.arange(WEEKS + 1) * YEAR_DAYS / WEEKS, edges)
        )


@dataclass(frozen=True)
class BusinessTime:
    """What the purchase days say of the shop.

    Attributes
    ----------
    clock
        Business time.
    opened
        First day of the log where the shop is older than it: many of the customers first seen then
        are not new.
    reason
        Why the clock runs evenly, or what it was learnt from.
    """

    clock: Clock
    opened: int | None
    reason: str


def learn_business_time(
    days: pl.DataFrame, *, first_day: int, now: int, seed: int, promotions: Lifts = NO_LIFTS
) -> BusinessTime:
    """Read season and age of the shop off the purchase days before `now`.

    A year of log is needed, and customers who keep coming: of one cohort alone, season and decay
    look the same. In a shop older than its log the repeat purchases of a week are its season; in a
    young one they grow with the customers, and are held against what a BTYD model without season
    expects.
    """
    seen = days.filter(pl.col("day") < now)
    first = seen.group_by("customer_id").agg(pl.col("day").min())["day"].to_numpy().astype(np.int64)
    opened = first_day if sees_old_customers(first, first_day=first_day, now=now) else None
    n_years, plain = (now - first_day) // YEAR_DAYS, Clock(promotions=promotions)
    if not n_years:
        return BusinessTime(plain, opened, f"{now - first_day} days of log show no year")
    late = float((first >= now - YEAR_DAYS // 4).mean())
    if late < _LATE_SHARE:
        return BusinessTime(
            plain,
            opened,
            f"one cohort: {late:.1%} of the customers came in the last quarter of a year",
        )
    repeats = seen.filter(pl.col("day") > pl.col("day").min().over("customer_id"))["day"].to_numpy()
    starts = [now - YEAR_DAYS * (k + 1) for k in range(min(int(n_years), 3))]
    weekly = [_weekly(repeats, start, promotions) for start in starts]
    if opened is not None:
        # Its old customers' first purchases in the log are repeat purchases too: what exceeds the
        # usual newcomers.
        usual_new = float(_weekly(first, now - YEAR_DAYS, promotions)[-WEEKS // 4 :].mean())
        weekly = [
            count + np.maximum(_weekly(first, start, promotions) - usual_new, 0.0)
            for count, start in zip(weekly, starts, strict=True)
        ]
    evenly = [max(float(count.mean()), 1e-9) * _growth(weekly) for count in weekly]
    usual = np.sum(
        evenly if opened is not None else _expect_repeats(seen, starts, now=now, seed=seed), axis=0
    )
    counted = np.sum(weekly, axis=0)
    spread, overdispersion = _spread(counted, usual)
    if spread < _LEAST_SPREAD or overdispersion < _LEAST_OVERDISPERSION:
        return BusinessTime(plain, opened, f"no season: the months differ by {spread:.0%}")
    # Few purchases a week are noise on their own; many stand alone, or a busy December is spread
    # over November.
    together = next((n for below, n in _SMOOTHED_BELOW if counted.mean() < below), 1)
    rates = np.maximum(
        _smooth(counted, together) / np.maximum(_smooth(usual, together), 1e-9), _LEAST_RATE
    )
    rates /= rates.mean()
    seen_for = f"{len(starts)} years" if len(starts) > 1 else "1 year"
    learnt = f"{seen_for}; the busiest week runs {rates.max():.2f} times as fast as the mean"
    return BusinessTime(Clock(now, tuple(rates.tolist()), promotions), opened, learnt)


def _growth(weekly: Sequence[Vector]) -> Vector:
    """Purchases of each week of a year next to its mean, by the growth from the oldest year to the
    latest; else 1.
    """
    latest, oldest = (max(float(count.sum()), 1.0) for count in (weekly[0], weekly[-1]))
    a_year = (latest / oldest) ** (1 / max(len(weekly) - 1, 1)) if len(weekly) > 1 else 1.0
    trend = a_year ** (np.arange(WEEKS) / WEEKS)
    return np.asarray(trend / trend.mean())


def _weekly(day: npt.NDArray[np.int64], start: int, promotions: Lifts) -> Vector:
    inside = day[(day >= start) & (day < start + YEAR_DAYS)].astype(np.int64)
    week = (inside - start) * WEEKS // YEAR_DAYS
    return np.asarray(
        np.bincount(week, 1 / promotions.of(inside), minlength=WEEKS), dtype=np.float64
    )


def _spread(counted: Vector, usual: Vector) -> tuple[float, float]:
    """Relative spread of the purchases of 13 months around what is usual, and its square over that
    of chance.
    """
    months, fair = (weeks.reshape(13, 4).sum(axis=1) for weeks in (counted, usual))
    fair = np.maximum(fair * months.sum() / fair.sum(), 1e-9)
    return float((months / fair).std()), float(((months - fair) ** 2 / fair).sum() / 12)


def _smooth(index: Vector, n_weeks: int) -> Vector:
    """Mean of so many weeks around each; an odd number."""
    around = n_weeks // 2
    wrapped = np.concatenate([index[WEEKS - around :], index, index[:around]])
    return np.convolve(wrapped, np.full(n_weeks, 1 / n_weeks), "valid")


def _expect_repeats(
    seen: pl.DataFrame, starts: Sequence[int], *, now: int, seed: int
) -> list[Vector]:
    """Repeat purchases per week that a Pareto/NBD without season expects of the same customers."""
    histories = histories_at(some_customers(seen, at_most=_CUSTOMERS_AT_MOST, seed=seed), now)
    frequency = histories["n_purchases"].to_numpy() - 1.0
    tenure = histories["tenure_days"].to_numpy() - 1.0
    recency = np.where(
        frequency > 0, tenure + 1 - histories["days_since_last_purchase"].to_numpy(), 0.0
    )
    try:
        model = ParetoNBD().fit(frequency, recency, tenure)
    except NotEnoughData:
        return [np.ones(WEEKS) for _ in starts]
    first, customers = np.unique(now - histories["tenure_days"].to_numpy(), return_counts=True)
    expected = []
    for start in starts:
        edges = start + np.arange(WEEKS + 1) * YEAR_DAYS // WEEKS
        age = np.maximum(edges[:, None] - first, 0.0)
        curve = model.expected_purchases_new_customer(age.ravel()).reshape(age.shape) @ customers
        expected.append(np.diff(curve))
    return expected
