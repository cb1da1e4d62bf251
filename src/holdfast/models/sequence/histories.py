"""Histories: the days of many customers in flat arrays, and what is asked of them at any cutoff.

A token is one day as the network reads it; a query is what is known at a cutoff besides the tokens:
how long it has been quiet, and sums over the last month to year. Neither sees the cutoff day or a
later one, and neither knows the month of the year, of which a log has seen too few.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from holdfast.arrays import Integers, Matrix, Vector
from holdfast.features.recent_days import (
    COUNTS,
    DAY_FIELDS,
    MOST_DAYS,
    READ_FIELDS,
    RECENT_DAYS,
    RECENT_DAYS_TYPE,
)

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TOKEN = (
    "gap", "since_purchase", "bought", "amount", "returned", "nth_purchase", "tenure",
    *COUNTS, *WEEKDAYS,
)  # fmt: skip
"""What the network reads of a day."""
WINDOWS = (30, 90, 180, 365)
SUMMED = ("purchases", "spent", "other_days")
QUERY = (
    "since_day", "since_purchase", "tenure",
    *(f"{name}_{days}d" for name in SUMMED for days in WINDOWS),
    "mean_gap", "last_gap", "overdue", "mean_amount", "n_purchases", "n_days", *WEEKDAYS,
)  # fmt: skip
"""What the network reads at a cutoff besides the days."""
_KEY = 2**20
"""key = customer * _KEY + day: one sorted array answers for all customers."""
_MONDAY = 3  # 1970-01-01 was a Thursday.


@dataclass(frozen=True)
class Histories:
    """The days of many customers, each customer's in time order.

    Attributes
    ----------
    start
        Position of each customer's first day, and the number of all days: (n_customers + 1,).
    days
        READ_FIELDS by name, one number a day: (n_days,) each.
    minor_digits
        Decimals of the currency.
    """

    start: Integers
    days: Mapping[str, Integers]
    minor_digits: int

    @classmethod
    def of_frame(cls, frame: pl.DataFrame, *, minor_digits: int) -> "Histories":
        """Take `RECENT_DAYS` of a frame, one customer a row."""
        column = frame[RECENT_DAYS].cast(RECENT_DAYS_TYPE)
        lengths = column.list.len().to_numpy().astype(np.int64)
        filled = column.filter(pl.Series(lengths > 0))
        days = filled.explode().struct.unnest() if len(filled) else pl.DataFrame(schema=DAY_FIELDS)
        return cls(np.concatenate([[0], np.cumsum(lengths)]), _columns(days), minor_digits)

    @classmethod
    def of_activity(cls, activity: pl.DataFrame, *, now: int, minor_digits: int) -> "Histories":
        """Take the last `MOST_DAYS` days before `now` of all who ever bought, by their names."""
        seen = activity.lazy().filter(pl.col("day") < now).sort("customer_id", "day")
        bought = (pl.col("n_orders") > 0).any().over("customer_id")
        kept = seen.filter(bought).group_by("customer_id", maintain_order=True).tail(MOST_DAYS)
        days = kept.collect()
        lengths = days.group_by("customer_id", maintain_order=True).len()["len"].to_numpy()
        start = np.concatenate([[0], np.cumsum(lengths.astype(np.int64))])
        return cls(start, _columns(days), minor_digits)

    def __len__(self) -> int:
        return len(self.start) - 1

    def some(self, customers: Integers) -> "Histories":
        """Those of some customers, in this order."""
        lengths = np.diff(self.start)[customers]
        start = np.concatenate([[0], np.cumsum(lengths)])
        places = positions_of(self.start, customers)
        days = {name: values[places] for name, values in self.days.items()}
        return Histories(start, days, self.minor_digits)

    @cached_property
    def customer(self) -> Integers:
        """The customer of each day, (n_days,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @cached_property
    def day(self) -> Integers:
        """(n_days,)."""
        return self.days["day"].astype(np.int64)

    @cached_property
    def bought(self) -> Vector:
        """1 on a day with an order, else 0, (n_days,)."""
        return (self.days["n_orders"] > 0).astype(np.float64)

    @cached_property
    def amount(self) -> Vector:
        """What was bought, currency, (n_days,)."""
        return np.asarray(self.days["gross_minor"] / 10**self.minor_digits)

    @cached_property
    def net(self) -> Vector:
        """What was bought less what came back, currency, (n_days,)."""
        return np.asarray(self.amount + self.days["returns_minor"] / 10**self.minor_digits)

    @cached_property
    def _keys(self) -> Integers:
        return self.customer * _KEY + self.day

    @cached_property
    def _purchases(self) -> Integers:
        """Positions of the days with an order, then the number of all days."""
        return np.append(np.flatnonzero(self.bought), len(self.day))

    @cached_property
    def _purchase_day(self) -> Integers:
        """The day of each purchase; there is one too many at either end, for those without."""
        return np.append(self.day[self._purchases[:-1]], [0, 0])

    @cached_property
    def first_day(self) -> Integers:
        """(n_customers,); 0 without a day."""
        return np.append(self.day, 0)[self.start[:-1]]

    @cached_property
    def _purchases_before(self) -> Integers:
        """How many of all days before each position had an order, (n_days + 1,)."""
        return np.concatenate([[0], np.cumsum(self.bought)]).astype(np.int64)

    @cached_property
    def _first_purchase(self) -> Integers:
        """How many days with an order lie before each customer's first day, (n_customers,)."""
        return self._purchases_before[self.start[:-1]]

    @cached_property
    def _sums(self) -> Matrix:
        """SUMMED over all days before each position, (n_days + 1, 3)."""
        each = np.column_stack([self.bought, self.net, 1 - self.bought])
        return np.concatenate([np.zeros((1, len(SUMMED))), np.cumsum(each, axis=0)])

    def before(self, customer: Integers, cutoff: Integers) -> Integers:
        """Position of the first day that is not before the cutoff, (n_queries,)."""
        return np.searchsorted(self._keys, customer * _KEY + cutoff).astype(np.int64)

    def spent(self, customer: Integers, start: Integers, end: Integers) -> Vector:
        """Net money of start <= day < end, currency, (n_queries,)."""
        money = self._sums[:, SUMMED.index("spent")]
        return np.asarray(money[self.before(customer, end)] - money[self.before(customer, start)])

    def silent_days(self, customer: Integers, cutoff: Integers) -> Vector:
        """Days from the cutoff to the next purchase, inf where none is known: (n_queries,)."""
        places = self._purchases_before[self.before(customer, cutoff)]
        position = self._purchases[places]
        is_own = position < self.start[customer + 1]
        days = self.day[np.where(is_own, position, 0)] - cutoff
        return np.where(is_own, days, np.inf)

    def last_purchase(self, customer: Integers, cutoff: Integers) -> Vector:
        """Days since the last purchase before the cutoff, inf where none: (n_queries,)."""
        place = self._purchases_before[self.before(customer, cutoff)] - 1
        has_one = place >= self._first_purchase[customer]
        return np.where(has_one, cutoff - self._purchase_day[place], np.inf)

    @property
    def tokens(self) -> Matrix:
        """What the network reads of each day, (n_days, len(TOKEN)): logarithms and flags."""
        if not len(self.day):
            return np.zeros((0, len(TOKEN)))
        first = self.start[self.customer]
        position = np.arange(len(self.day))
        gap = self.day - self.day[np.maximum(position - 1, first)]
        nth = self._purchases_before[position] - self._first_purchase[self.customer]
        last = self._purchase_day[self._purchases_before[position] - 1]
        since = np.where(nth > 0, self.day - last, 0)
        sizes = [gap, since, self.amount, self.amount - self.net, nth, self.day - self.day[first]]
        logs = _logarithms([*sizes, *(self.days[name] for name in COUNTS)])
        return np.concatenate([logs[:2], self.bought[None], logs[2:], _weekday(self.day)]).T

    def queries(self, customer: Integers, cutoff: Integers) -> Matrix:
        """What the network reads at each cutoff, (n_queries, len(QUERY)): logarithms and flags."""
        if not len(self.day):
            nothing = np.zeros((len(QUERY) - len(WEEKDAYS), len(customer)))
            return np.concatenate([nothing, _weekday(cutoff)]).T
        end, first = self.before(customer, cutoff), self.start[customer]
        n_days, place = end - first, self._purchases_before[end] - 1
        n_purchases = place + 1 - self._first_purchase[customer]
        last, is_known, again = self._purchase_day[place], n_days > 0, n_purchases > 1
        since_day = np.where(is_known, cutoff - self.day[end - 1], 0)
        tenure = np.where(is_known, cutoff - self.first_day[customer], 0)
        since = np.where(n_purchases > 0, cutoff - last, 0)
        span = last - self._purchase_day[self._first_purchase[customer]]
        mean_gap = np.where(again, span / np.maximum(n_purchases - 1, 1), 0)
        last_gap = np.where(again, last - self._purchase_day[place - 1], 0)
        windows = self._window_sums(customer, cutoff, end)
        mean_amount = (self._sums[end, 1] - self._sums[first, 1]) / np.maximum(n_purchases, 1)
        quiet, gaps = [since_day, since, tenure], [mean_gap, last_gap]
        logs = _logarithms([*quiet, *windows, *gaps, mean_amount, n_purchases, n_days])
        overdue = np.where(again, logs[1] - logs[-5], 0)
        return np.concatenate([logs[:-3], overdue[None], logs[-3:], _weekday(cutoff)]).T

    def _window_sums(self, customer: Integers, cutoff: Integers, end: Integers) -> Matrix:
        """Sums of SUMMED in the WINDOWS before the cutoff, (12, n_queries)."""
        starts = self.before(customer, cutoff - np.array(WINDOWS)[:, None])
        sums = self._sums[end] - self._sums[starts]
        return sums.transpose(2, 0, 1).reshape(-1, len(customer))


def _columns(days: pl.DataFrame) -> dict[str, Integers]:
    return {name: days[name].to_numpy() for name in READ_FIELDS}


def _logarithms(sizes: Sequence[Vector | Integers]) -> Matrix:
    """log(1 + size), one row each; of a negative size that of 0."""
    rows = np.array(sizes, dtype=np.float64)
    np.maximum(rows, 0, out=rows)
    return np.log1p(rows, out=rows)


@dataclass(frozen=True)
class DatedHistories:
    """Customers whose days are read as of a cutoff, (n_customers,)."""

    histories: Histories
    cutoff: Integers

    @classmethod
    def of_frame(cls, frame: pl.DataFrame, *, minor_digits: int) -> "DatedHistories":
        """Take cutoff_day and `RECENT_DAYS` of a frame."""
        cutoff = np.asarray(frame["cutoff_day"].cast(pl.Int64).to_numpy())
        return cls(Histories.of_frame(frame, minor_digits=minor_digits), cutoff)

    @classmethod
    def of_days(
        cls, days: Sequence[Mapping[str, int]], cutoff_day: int, *, minor_digits: int
    ) -> "DatedHistories":
        """Take the `RECENT_DAYS` of one customer, without a frame."""
        columns = {
            name: np.array([day[name] for day in days], dtype=np.int64) for name in READ_FIELDS
        }
        one = Histories(np.array([0, len(days)]), columns, minor_digits)
        return cls(one, np.array([cutoff_day], dtype=np.int64))

    def date(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame of the same customers, with their cutoffs as cutoff_day."""
        return frame.with_columns(cutoff_day=pl.Series(self.cutoff, dtype=pl.Int32))


def positions_of(start: Integers, customers: Integers) -> Integers:
    """Positions of the days of some customers, one customer after the other.

    >>> positions_of(np.array([0, 2, 2, 5]), np.array([2, 0]))
    array([2, 3, 4, 0, 1])
    """
    lengths = np.diff(start)[customers]
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    return np.asarray(np.repeat(start[customers], lengths) + within)


def _weekday(day: Integers) -> Matrix:
    """1 where it is the day of the week, (7, n_days)."""
    return np.asarray((day + _MONDAY) % 7 == np.arange(7)[:, None], dtype=np.float64)
