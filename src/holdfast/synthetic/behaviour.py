"""What customers are and when they buy: latent traits, lives, pauses, and the times of their
purchases.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from holdfast.synthetic.offers import LASTING_AGE, WINDOW_DAYS
from holdfast.synthetic.shop import (
    CUSTOMERS_PER_BATCH,
    LOOK_AHEAD_DAYS,
    NEWCOMER_DAYS,
    YEAR_DAYS,
    Bools,
    Floats,
    Ints,
    Shop,
)

CHANNELS = ("search", "social", "email", "referral")
CHANNEL_SHARE = np.array([0.4, 0.2, 0.2, 0.2])
CHANNEL_LOYALTY = np.array([0.0, -1.0, 0.5, 1.0])
CHANNEL_RESPONSE = np.array([0.5, 1.5, 3.0, -0.5])
"""Response to campaigns, mean 1 over customers: a referred customer who is written to buys less."""
COUNTRIES = ("DE", "FR", "NL", "AT", "BE")
COUNTRY_SHARE = np.array([0.5, 0.2, 0.12, 0.1, 0.08])
TREATED_SHARE = 0.5
NEVER = 10**9


class Times(NamedTuple):
    """Things that happen, in order of customer and time: the customer's row in the batch, and when;
    shape (n,).
    """

    who: Ints
    when: Floats

    @property
    def day(self) -> Ints:
        """Whole days."""
        return np.floor(self.when).astype(np.int64)

    def where(self, keep: Bools) -> "Times":
        """Those that are kept."""
        return Times(self.who[keep], self.when[keep])


@dataclass(frozen=True)
class Customers:
    """The latent truth of one batch, one element a customer.

    `acquired` is the time of the first order, `died` the first day without the customer. `offer` is
    the place among the shop's offers of what each campaign gave, -1 for those not treated, shape
    (n, n_campaigns); `spell_edges` holds the days of falling asleep and of waking by turns, as
    sorted `_customer_day`.
    """

    first_number: int
    channel: Ints
    country: Ints
    acquired: Floats
    died: Ints
    purchase_rate: Floats
    dropout_rate: Floats
    k: Ints
    response: Floats
    offer: Ints
    spell_edges: Ints

    @property
    def n(self) -> int:
        """Customers in the batch."""
        return len(self.k)

    @property
    def first_day(self) -> Ints:
        """Day of the first order."""
        return np.floor(self.acquired).astype(np.int64)

    @property
    def treated(self) -> Bools:
        """Whether each campaign contacted the customer, shape (n, n_campaigns)."""
        return self.offer >= 0

    def rise(self, shop: Shop, who: Ints, day: Ints) -> Floats:
        """Relative rise of the purchase rate on a day, of all that the customer was offered until
        then.
        """
        ages = np.arange(LASTING_AGE + 1)
        by_age = np.array([offer.rise(ages) for offer in shop.offers])
        last_ages = [offer.last_age for offer in shop.offers]
        last_age = 10**6 if None in last_ages else max(filter(None, last_ages))
        rise = np.zeros(len(who))
        for number, sent in enumerate(shop.campaign_days.tolist()):
            rows = np.flatnonzero((day >= sent) & (day < sent + last_age))
            rows = rows[self.treated[who[rows], number]]
            offer, age = self.offer[who[rows], number], np.minimum(day[rows] - sent, LASTING_AGE)
            rise[rows] += by_age[offer, age] * self.response[who[rows]]
        return rise

    def hazard(self, shop: Shop, day: int) -> Floats:
        """Factor on each customer's hazard of leaving in the night before a day, of all that it was
        offered until then; shape (n,).
        """
        factor = np.ones(self.n)
        for number, sent in enumerate(shop.campaign_days.tolist()):
            of_offer = np.array(
                [float(offer.hazard(np.array(day - sent))) for offer in shop.offers]
            )
            treated = self.treated[:, number]
            factor[treated] *= of_offer[self.offer[treated, number]]
        return factor

    def dormant(self, who: Ints, day: Ints) -> Bools:
        """Whether a customer pauses on a day."""
        edges_passed = np.searchsorted(self.spell_edges, _customer_day(who, day), side="right")
        return np.asarray(edges_passed % 2 == 1)


def _customer_day(who: Ints, day: Ints) -> Ints:
    """One sortable number for a customer's row and a day."""
    return who * 2**32 + day


def draw_customers(shop: Shop, batch: int, rng: np.random.Generator) -> Customers:
    """Draw the customers of one batch."""
    n = min(CUSTOMERS_PER_BATCH, shop.n_customers - batch * CUSTOMERS_PER_BATCH)
    channel = rng.choice(len(CHANNELS), size=n, p=CHANNEL_SHARE)
    rate = (
        _gamma(shop.purchases_per_year, shop.purchase_shape, n, rng)
        * _effect(shop.channel_effect)[channel]
    )
    dropout = (
        _gamma(shop.dropouts_per_year, shop.dropout_shape, n, rng)
        * _effect(-shop.channel_effect)[channel]
    )
    acquired = _draw_acquisitions(shop, n, rng)
    first_day = np.floor(acquired).astype(np.int64)
    lifetime = rng.standard_exponential(n) / np.maximum(dropout, 1 / NEVER)
    country = rng.choice(len(COUNTRIES), size=n, p=COUNTRY_SHARE)
    k = 1 + rng.poisson(shop.rhythm - 1, size=n)
    response = CHANNEL_RESPONSE[channel] * rng.gamma(4, 1 / 4, size=n)
    offer = _draw_offers(shop, first_day, rng)
    lifetime = np.ceil(_save(shop, lifetime, first_day, offer))
    died = first_day + np.clip(lifetime, 1, NEVER).astype(np.int64)
    return Customers(
        first_number=batch * CUSTOMERS_PER_BATCH,
        channel=channel,
        country=country,
        acquired=acquired,
        died=died,
        purchase_rate=rate,
        dropout_rate=dropout,
        k=k,
        response=response,
        offer=offer,
        spell_edges=_spell_edges(
            shop, first_day, np.minimum(died, shop.n_days + LOOK_AHEAD_DAYS), rng
        ),
    )


def _gamma(per_year: float, shape: float, n: int, rng: np.random.Generator) -> Floats:
    return rng.gamma(shape, per_year / YEAR_DAYS / shape, size=n)


def _effect(spread: float) -> Floats:
    factor = np.exp(spread * CHANNEL_LOYALTY)
    return np.asarray(factor / (CHANNEL_SHARE @ factor))


def _draw_acquisitions(shop: Shop, n: int, rng: np.random.Generator) -> Floats:
    """Times of the first orders: as many in a December as the season says."""
    newcomer = rng.random(n) < shop.newcomer_share
    opening = np.where(
        newcomer, max(shop.n_days - NEWCOMER_DAYS, -shop.truncated_days), -shop.truncated_days
    )
    low, high = shop.business_time(opening), shop.business_time(np.full(n, shop.n_days))
    # The last instant belongs to the next day.
    return np.minimum(
        shop.calendar_time(low + rng.random(n) * (high - low)), np.nextafter(shop.n_days, 0)
    )


def _draw_offers(shop: Shop, first_day: Ints, rng: np.random.Generator) -> Ints:
    """Treat half of the customers known on each campaign's day, each with one of the offers."""
    shape = (len(first_day), len(shop.campaign_days))
    treated = (rng.random(shape) < TREATED_SHARE) & (first_day[:, None] < shop.campaign_days)
    # A stream of its own: with one offer or several the same customers are treated.
    (which,) = rng.spawn(1)
    return np.where(treated, which.integers(len(shop.offers), size=shape), -1)


def _save(shop: Shop, lifetime: Floats, first_day: Ints, offer: Ints) -> Floats:
    """Lengthen the lives of those who are treated while alive: in the nights after it less of the
    hazard passes.
    """
    saves = np.array([each.saves for each in shop.offers])
    for number, sent in enumerate(shop.campaign_days.tolist()):
        left, saved = lifetime - (sent - first_day), saves[offer[:, number]]
        more = np.minimum(left * saved / np.maximum(1 - saved, 1e-12), WINDOW_DAYS * saved)
        lifetime = lifetime + np.where((offer[:, number] >= 0) & (left > 0), more, 0.0)
    return lifetime


def _spell_edges(shop: Shop, first_day: Ints, last_day: Ints, rng: np.random.Generator) -> Ints:
    """Pauses for as long as each customer is watched; night by night a two-state Markov chain."""
    sleeps, wakes = shop.nightly_dormancy
    who, day = np.arange(len(first_day)), first_day
    edges = [np.empty(0, dtype=np.int64)]
    while sleeps > 0 and len(who):
        asleep = day + np.minimum(rng.geometric(sleeps, size=len(who)), NEVER)
        awake = asleep + rng.geometric(wakes, size=len(who))
        edges += [_customer_day(who, asleep), _customer_day(who, awake)]
        watched = awake < last_day[who]
        who, day = who[watched], awake[watched]
    return np.sort(np.concatenate(edges))


def in_order(who: Ints, when: Floats) -> Times:
    """Sort by customer and time."""
    order = np.lexsort((when, who))
    return Times(who[order], when[order])


def poisson_times(
    shop: Shop, customers: Customers, rate: Floats, rng: np.random.Generator
) -> Times:
    """Draw a seasonal Poisson process for every living, waking day after the first order.

    Parameters
    ----------
    rate
        Events per day, yearly mean, shape (n,).
    """
    opens = shop.business_time(customers.first_day + 1)
    closes = shop.business_time(np.minimum(customers.died, shop.n_days + LOOK_AHEAD_DAYS))
    span = np.maximum(closes - opens, 0)
    who = np.repeat(np.arange(customers.n), rng.poisson(rate * span))
    events = in_order(who, shop.calendar_time(opens[who] + rng.random(len(who)) * span[who]))
    return events.where(~customers.dormant(events.who, events.day))


def draw_purchases(
    shop: Shop, customers: Customers, rng: np.random.Generator
) -> tuple[Times, Ints]:
    """Draw all purchases up to a week after the log, and each customer's phase of rhythm at the
    log's end.

    An Erlang(k) renewal process is every k-th event of a Poisson process k times as fast, and
    thinning that faster process (pauses, campaigns) bends time without breaking the rhythm.

    Returns
    -------
    Times, Ints
        The purchases; how many of k phases have passed since the last one, 0..k-1, shape (n,).
    """
    ceiling = _most_factor(shop, customers)
    phases = poisson_times(shop, customers, customers.k * customers.purchase_rate * ceiling, rng)
    factor = np.maximum(1 + customers.rise(shop, phases.who, phases.day), 0)
    phases = phases.where(rng.random(len(phases.who)) * ceiling[phases.who] < factor)
    start = np.searchsorted(phases.who, np.arange(customers.n))
    nth = np.arange(len(phases.who)) - start[phases.who] + 1
    repeats = phases.where(nth % customers.k[phases.who] == 0)
    passed = np.bincount(phases.who[phases.when < shop.n_days], minlength=customers.n)
    purchases = in_order(
        np.concatenate([np.arange(customers.n), repeats.who]),
        np.concatenate([customers.acquired, repeats.when]),
    )
    return purchases, passed % customers.k


def _most_factor(shop: Shop, customers: Customers) -> Floats:
    """A factor that treatments never raise a purchase rate above, shape (n,)."""
    ages = np.arange(LASTING_AGE + 1)
    rises = np.array([offer.rise(ages) for offer in shop.offers])
    lasting = len(shop.campaign_days) * rises[:, -1].max()
    least, most = rises.min(), rises.max() + lasting
    response = customers.response
    rise = np.maximum(most * response, min(least, 0.0) * response)
    return np.asarray(np.maximum(1 + rise, 1))
