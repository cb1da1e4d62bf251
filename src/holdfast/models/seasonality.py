"""Season: how busy target windows were, and how busy the coming one should be.

The level of a cutoff is what its customers then spent over what their own past suggested. It moves
with the calendar and with the shop, but not with the number of customers, so a growing shop is not
mistaken for a busy one. The coming window is expected to be as busy as the one a year ago: a model
that learnt from summers alone promises a summer at Christmas.

Where no window a year ago was learnt from, the shop's own revenue gives the season, but only if the
log opens in the middle of the business: the revenue of a shop that has just opened shows how it
grew, not which season it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Vector, share_of
from holdfast.models.log_situation import (
    OPENING_DAYS,
    a_year_before,
    opens_midway,
)
from holdfast.models.promotions import Lifts
from holdfast.windows import YEAR_DAYS

_LEAST_LEVEL = 0.1  # decision 5
_LONGEST_DAYS = 550  # decision 11
_RATIO_LIMITS = (0.5, 2.0)  # decision 11


@dataclass(frozen=True)
class Turnover:
    """What the shop had earned since the log began, and how fast customers were new to the log.

    Attributes
    ----------
    days, revenue
        Revenue before each of some days, (n_days,) each, in time order; nothing was earned before
        the first day.
    early, later
        Customers new to the log per day: in its first 90 days, and in the rest of its first year;
        NaN if not seen.
    """

    days: Vector
    revenue: Vector
    early: float
    later: float

    @classmethod
    def of(cls, features: pl.DataFrame, *, first_day: int, now: int) -> "Turnover":
        """Sum up FEATURES of the cutoffs up to `now`; customers who no longer count as such are not
        in it.
        """
        before = features.filter(pl.col("cutoff_day") <= now)
        spent = pl.col("spend_total").cast(pl.Float64).sum().round(2)
        sums = before.group_by("cutoff_day").agg(spent).sort("cutoff_day")
        day = pl.col("cutoff_day") - pl.col("tenure_days") - first_day
        first = before.select("customer_id", day=day).unique()["day"]
        last_day = int(sums["cutoff_day"][-1]) if sums.height else first_day
        rest = min(last_day - first_day, YEAR_DAYS) - OPENING_DAYS
        within = (
            int(first.is_between(OPENING_DAYS, OPENING_DAYS + rest, closed="left").sum())
            if rest > 0
            else 0
        )
        return cls(
            days=np.concatenate([[float(first_day)], sums["cutoff_day"]]),
            revenue=np.concatenate([[0.0], sums["spend_total"]]),
            early=int((first < OPENING_DAYS).sum()) / OPENING_DAYS,
            later=within / rest if rest >= OPENING_DAYS else float("nan"),
        )

    def without(self, lifts: Lifts) -> "Turnover":
        """What would have been earned without promotions."""
        if not lifts.windows:
            return self
        earned = np.diff(self.revenue) / lifts.over(
            self.days[:-1], np.maximum(np.diff(self.days), 1)
        )
        return replace(self, revenue=np.concatenate([[0.0], np.cumsum(earned)]))

    @property
    def opens_midway(self) -> bool:
        """Whether the log opens in the middle of the business."""
        return opens_midway(self.early, self.later)

    @property
    def is_usable(self) -> bool:
        """Whether its revenue shows seasons: it opens midway, and no customer has dropped out of
        it yet.
        """
        return self.opens_midway and self.days[-1] - self.days[0] <= _LONGEST_DAYS

    def per_day(self, start: float, end: float) -> float:
        """Revenue per day of start <= day < end, as far as the log goes."""
        start, end = max(start, self.days[0]), min(end, self.days[-1])
        before, after = np.interp([start, end], self.days, self.revenue)
        return float(after - before) / max(end - start, 1)


@dataclass(frozen=True)
class Season:
    """What the learning cutoffs say of the calendar.

    Attributes
    ----------
    levels
        Cutoff -> revenue of its window over the reference spend, both summed over its customers;
        in time order.
    usual
        The same over all cutoffs.
    """

    levels: Mapping[int, float]
    usual: float

    @classmethod
    def learn(cls, cutoff: npt.NDArray[np.int64], revenue: Vector, reference: Vector) -> "Season":
        """Take the level of each cutoff from its rows, all (n_rows,)."""
        usual = share_of(float(revenue.sum()), float(reference.sum()))
        cutoffs, place = np.unique(cutoff, return_inverse=True)
        earned, suggested = (np.bincount(place, weights=each) for each in (revenue, reference))
        # A cutoff whose customers suggest nothing says nothing of its season.
        levels = np.divide(earned, suggested, out=np.full(len(cutoffs), usual), where=suggested > 0)
        return cls(dict(zip(cutoffs.tolist(), levels.tolist(), strict=True)), usual)

    def temper(self) -> "Season":
        """The same half-way to no season, in ratio: a shop's first year shows its age as much as
        the calendar.
        """
        return Season(
            {day: float(np.sqrt(level * self.usual)) for day, level in self.levels.items()},
            self.usual,
        )

    def of(self, cutoff: npt.NDArray[np.int64]) -> Vector:
        """The season of each row's window, (n_rows,), 1 = as usual; at least 0.1."""
        of_cutoff = {c: max(level / self.usual, _LEAST_LEVEL) for c, level in self.levels.items()}
        return np.array([of_cutoff[c] for c in cutoff.tolist()])

    def ahead(self, now: int) -> float | None:
        """The season of the window at `now`, 1 = as usual; None where no cutoff lies about a
        year before.
        """
        cutoffs = list(self.levels)
        if not a_year_before(cutoffs, now):
            return None
        level = float(np.interp(now - YEAR_DAYS, cutoffs, list(self.levels.values())))
        return max(level / self.usual, _LEAST_LEVEL)

    def ahead_by_turnover(
        self, now: int, turnover: Turnover | None, *, horizon_days: int
    ) -> float | None:
        """The same from the shop's revenue a year ago over that of the windows learnt from.

        None where it would mislead: a shop that has just opened, or less than half of that window
        in the log.
        """
        if turnover is None:
            return None
        year_ago = now - YEAR_DAYS
        seen_days = min(year_ago + horizon_days, now) - max(year_ago, turnover.days[0])
        if not turnover.is_usable or seen_days < horizon_days / 2:
            return None
        usual = float(
            np.mean([turnover.per_day(cutoff, cutoff + horizon_days) for cutoff in self.levels])
        )
        if usual <= 0:
            return None
        return float(
            np.clip(turnover.per_day(year_ago, year_ago + horizon_days) / usual, *_RATIO_LIMITS)
        )
