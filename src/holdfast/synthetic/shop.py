"""The shop: every parameter of a simulation, and the calendar that all its customers share.

Inside `holdfast.synthetic` a day is counted from the shop's start (0 = first day of the log), and a
time is such a day plus the part of its opening hours that has passed. Tables carry real dates.
"""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import InputError
from holdfast.synthetic.offers import OFFERS, WINDOW_DAYS, Offer
from holdfast.windows import day_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

HORIZONS_DAYS = (30, 90, 180, 365)
"""Horizons of the truth."""
CUSTOMERS_PER_BATCH = 10_000
YEAR_DAYS = 365.0
NEWCOMER_DAYS = 90
RETURN_WITHIN_DAYS = 28
"""An order comes back, if at all, 1..28 days later, each day equally likely."""
DORMANT_SPELL_DAYS = 60
CAMPAIGN_EVERY_DAYS = 120
LOOK_AHEAD_DAYS = 7
"""Visits precede a purchase by up to a week, so purchases are simulated a week beyond the log."""
EVENTS_BEFORE_A_PURCHASE = 4
OPENING_SECOND, OPEN_SECONDS = 8 * 3600, 12 * 3600


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A shop whose customers are drawn, not observed.

    Purchases follow Pareto/NBD (Schmittlein, Morrison, Colombo 1987), with the regularity of
    Pareto/GGG (Platzer, Reutterer 2016): purchase rates and dropout rates are gamma distributed and
    independent, gaps are Erlang(k) with the customer's own k. Death and dormancy change at
    midnight, which makes the truth exact.

    Parameters
    ----------
    n_customers
        Customers ever acquired, also those that are gone before the log starts.
    start, n_days
        The log: n_days days from start.
    purchases_per_year, purchase_shape
        Mean purchase rate of a customer that is alive and awake; shape of its gamma distribution (r
        of Pareto/NBD).
    dropouts_per_year, dropout_shape
        Mean hazard of leaving for good; shape of its gamma distribution (s of Pareto/NBD).
    rhythm
        Mean regularity: k is 1 + Poisson(rhythm - 1). At 1 everyone is memoryless.
    december_factor
        Purchase rate in December over that of the rest of the year; the yearly mean stays.
    promotions, promotion_factor
        (first day, number of days) of each sale, and the factor on the purchase rate in those days.
    dormancy
        Long-run share of living customers that pause, for spells of 60 days on average.
    return_rate
        Probability that an order line comes back within 28 days.
    offers
        What campaigns offer. Every 120 days half of the known customers are treated, at random,
        each with one of the offers, all equally likely. The response depends on channel and
        customer; some buy less.
    channel_effect
        How far acquisition channels differ in purchase and dropout rate, as a spread of logarithms;
        0 = not at all.
    events_per_purchase
        Mean engagement events per repeat purchase, at least 4; 0 = no event log.
    truncated_days
        The shop is that much older than its log.
    newcomer_share
        Share of customers acquired in the last 90 days, besides the steady flow.

    Raises
    ------
    InputError
        A parameter is outside its range.
    """

    n_customers: int
    start: date = date(2022, 7, 1)
    n_days: int = 730
    seed: int = 42
    purchases_per_year: float = 7.0
    purchase_shape: float = 1.0
    dropouts_per_year: float = 1.0
    dropout_shape: float = 1.0
    rhythm: float = 2.0
    december_factor: float = 2.0
    dormancy: float = 0.05
    return_rate: float = 0.05
    offers: tuple[Offer, ...] = OFFERS[:1]
    channel_effect: float = 0.3
    events_per_purchase: float = 6.0
    truncated_days: int = 0
    newcomer_share: float = 0.0
    promotions: tuple[tuple[date, int], ...] = ()
    promotion_factor: float = 3.0
    currency: str = "EUR"

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise InputError(
                    f"{name} is {value}", fix=f"choose {low} to {high}", parameter=name, value=value
                )
        if 0 < self.events_per_purchase < EVENTS_BEFORE_A_PURCHASE:
            raise InputError(
                f"events_per_purchase is {self.events_per_purchase}, but each purchase has "
                f"{EVENTS_BEFORE_A_PURCHASE}",
                fix=f"choose 0 or at least {EVENTS_BEFORE_A_PURCHASE}",
            )
        names = [offer.name for offer in self.offers]
        if not names or len(set(names)) < len(names):
            raise InputError(
                f"offers is {names}", fix="give at least one offer, each with a name of its own"
            )
        if not re.fullmatch("[A-Z]{3}", self.currency):
            raise InputError(
                f"currency is {self.currency!r}", fix="write its three letters, as in EUR"
            )

    @classmethod
    def memoryless(cls, n_customers: int, *, seed: int) -> "Shop":
        """The textbook shop: Pareto/NBD and nothing else. Change one thing with
        `dataclasses.replace`.
        """
        return cls(
            n_customers=n_customers,
            seed=seed,
            rhythm=1.0,
            december_factor=1.0,
            dormancy=0.0,
            return_rate=0.0,
            offers=(Offer(name="reminder", uplift=0.0),),
            channel_effect=0.0,
        )

    @property
    def n_batches(self) -> int:
        """Batches the customers come in."""
        return -(-self.n_customers // CUSTOMERS_PER_BATCH)

    @property
    def campaign_days(self) -> Ints:
        """Days of treatment whose window of effect ends within the log, shape (n_campaigns,)."""
        return np.arange(CAMPAIGN_EVERY_DAYS, self.n_days - WINDOW_DAYS + 1, CAMPAIGN_EVERY_DAYS)

    @property
    def nightly_dormancy(self) -> tuple[float, float]:
        """P(an awake customer is dormant tomorrow), P(a dormant one is awake tomorrow)."""
        wakes = 1 / DORMANT_SPELL_DAYS
        return wakes * self.dormancy / (1 - self.dormancy), wakes

    @cached_property
    def season(self) -> Floats:
        """Factor on every purchase rate, by day from -truncated_days to a year after the log;
        yearly mean 1 but for promotions."""
        days = np.arange(-self.truncated_days, self.n_days + max(HORIZONS_DAYS))
        month = (np.datetime64(self.start, "D") + days).astype("datetime64[M]").astype(int) % 12
        base = YEAR_DAYS / (YEAR_DAYS - 31 + 31 * self.december_factor)
        season = np.where(month == 11, base * self.december_factor, base)
        for first, n_days in self.promotions:
            since = days - (day_of(first) - day_of(self.start))
            season[(since >= 0) & (since < n_days)] *= self.promotion_factor
        return season

    @cached_property
    def _business_time(self) -> Floats:
        return np.concatenate([[0.0], np.cumsum(self.season)])

    def business_time(self, time: Floats | Ints) -> Floats:
        """Seasonal time: the integral of the season from the shop's opening, same shape."""
        return np.interp(time, self._calendar, self._business_time)

    def calendar_time(self, business_time: Floats) -> Floats:
        """The inverse of `business_time`."""
        return np.interp(business_time, self._business_time, self._calendar)

    @property
    def _calendar(self) -> Floats:
        return np.arange(len(self._business_time), dtype=float) - self.truncated_days

    def seconds(self, time: Floats) -> Ints:
        """Seconds since 1970-01-01 UTC of times within opening hours, same shape."""
        day = np.floor(time)
        second = OPENING_SECOND + np.floor((time - day) * OPEN_SECONDS)
        return np.asarray((day_of(self.start) + day) * 86_400 + second, dtype=np.int64)


_RANGES = (
    ("n_customers", 1, 10**8 - 1), ("n_days", 1, 36_500), ("seed", 0, 2**31 - 1),
    ("truncated_days", 0, 36_500), ("purchases_per_year", 0, 1_000),
    ("purchase_shape", 0.01, 1_000), ("dropouts_per_year", 0, 1_000),
    ("dropout_shape", 0.01, 1_000), ("rhythm", 1, 10), ("december_factor", 0, 20),
    ("promotion_factor", 0, 20), ("dormancy", 0, 0.9), ("return_rate", 0, 1),
    ("channel_effect", 0, 2), ("events_per_purchase", 0, 100),
    ("newcomer_share", 0, 1),
)  # fmt: skip
