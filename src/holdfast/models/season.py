"""Season: how lively the shop was in a window, from its daily revenue, and how lively the next window will be.

The next window is expected to be as lively as the same window a year ago, times what the shop has grown since. Without
that, a model that learnt from summers promises a summer at Christmas.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.models.links import Vector

YEAR_DAYS = 365


@dataclass(frozen=True)
class Season:
    """What was known of the shop at `now`.

    Attributes
    ----------
    revenue
        Net revenue of each day from `first_day` to the day before `now`, (n_days,).
    """

    revenue: Vector
    first_day: int

    @classmethod
    def learn(cls, company: pl.DataFrame, *, first_day: int, now: int) -> "Season":
        """Take what is known at `now` of the shop's days.

        Parameters
        ----------
        company
            day, revenue_minor: one row per day with any activity.
        """
        seen = company.filter(pl.col("day").is_between(first_day, now - 1))
        revenue = np.zeros(now - first_day)
        revenue[seen["day"].to_numpy() - first_day] = seen["revenue_minor"].to_numpy()
        return cls(revenue, first_day)

    @property
    def now(self) -> int:
        """First day not known."""
        return self.first_day + len(self.revenue)

    def rate(self, start: int, end: int) -> float:
        """Mean daily revenue of start <= day < end, over the known days among them."""
        return float(self.revenue[max(start - self.first_day, 0) : max(end - self.first_day, 0)].mean())

    def known(self, horizon_days: int) -> bool:
        """Whether the log saw the coming window a year ago."""
        return self.now - YEAR_DAYS >= self.first_day and self.rate(self.first_day, self.now) > 0

    def of(self, cutoff: int, *, horizon_days: int) -> float:
        """How lively a past target window was: its daily revenue over the mean day's."""
        return self.rate(cutoff, cutoff + horizon_days) / self.rate(self.first_day, self.now)

    def ahead(self, *, horizon_days: int) -> float:
        """How lively the coming window should be: the window a year ago, times the growth since.

        Growth compares the days as long as the horizon before now with the same days a year ago; a log that did not
        see all of those says nothing of growth.
        """
        year_ago = self.now - YEAR_DAYS
        growth = 1.0
        if year_ago - horizon_days >= self.first_day:
            growth = self.rate(self.now - horizon_days, self.now) / self.rate(year_ago - horizon_days, year_ago)
        return self.of(year_ago, horizon_days=horizon_days) * growth
