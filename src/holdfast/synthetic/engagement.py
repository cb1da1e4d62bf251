"""What customers do besides buying: visits before purchases, idle browsing, and campaigns with
their responses.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from holdfast.synthetic.baskets import timestamps
from holdfast.synthetic.behaviour import TREATED_SHARE, Customers, Times, poisson_times
from holdfast.synthetic.shop import (
    EVENTS_BEFORE_A_PURCHASE,
    LOOK_AHEAD_DAYS,
    OPEN_SECONDS,
    Bools,
    Floats,
    Ints,
    Shop,
)
from holdfast.windows import day_of

KINDS = ("session", "page_view", "click", "wishlist_add", "cart_add", "campaign_response")
CONSIDERING = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
BUYING = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
BROWSING = (1.0, 0.5, 0.2, 0.15, 0.35, 0.0)
RESPONDING = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
"""Probability of each kind of event in a visit; browsing leads to no order."""
MOMENT_IN_VISIT = np.array([0, 30, 60, 120, 240, 0]) / OPEN_SECONDS
BUYING_LASTS = 300 / OPEN_SECONDS
MEAN_CONSIDERATION_DAYS, MEAN_RESPONSE_DAYS = 2.0, 1.0
P_RESPONSE = 0.1
TREATMENT_SECOND = 7 * 3600
"""Campaigns go out before the shop opens."""


class _Events(NamedTuple):
    who: Ints
    when: Floats
    kind: Ints


def event_log(
    shop: Shop,
    customers: Customers,
    purchases: Times,
    rng: np.random.Generator,
    *,
    customer_ids: pl.Series,
) -> pl.DataFrame:
    """One row per event, by customer and time.

    Before each purchase there is a visit to consider (up to a week earlier) and the visit that
    fills the cart. Browsing goes on at a rate proportional to the purchase rate for as long as the
    customer is alive and awake, so silence says something.
    """
    events = _in_log(shop, customers, _draw_events(shop, customers, purchases, rng))
    return pl.DataFrame(
        {
            "customer_id": customer_ids.gather(events.who),
            "occurred_at": timestamps(shop.seconds(events.when)),
            "kind": pl.Series(KINDS).gather(events.kind),
        }
    )


def _draw_events(
    shop: Shop, customers: Customers, purchases: Times, rng: np.random.Generator
) -> _Events:
    if shop.events_per_purchase == 0:
        return _Events(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int64))
    idle = (shop.events_per_purchase - EVENTS_BEFORE_A_PURCHASE) / sum(BROWSING)
    visits = (
        (
            _earlier(purchases, _up_to_a_week(MEAN_CONSIDERATION_DAYS, len(purchases.who), rng)),
            CONSIDERING,
        ),
        (_earlier(purchases, BUYING_LASTS), BUYING),
        (poisson_times(shop, customers, customers.purchase_rate * idle, rng), BROWSING),
        (_responses(shop, customers, rng), RESPONDING),
    )
    parts = [_in_visit(times, chances, rng) for times, chances in visits]
    return _Events(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _earlier(purchases: Times, lead: Floats | float) -> Times:
    return Times(purchases.who, purchases.when - lead)


def _up_to_a_week(mean: float, n: int, rng: np.random.Generator) -> Floats:
    return np.minimum(rng.exponential(mean, size=n), LOOK_AHEAD_DAYS)


def _in_visit(visits: Times, chances: tuple[float, ...], rng: np.random.Generator) -> _Events:
    visit, kind = np.nonzero(rng.random((len(visits.who), len(KINDS))) < chances)
    return _Events(visits.who[visit], visits.when[visit] + MOMENT_IN_VISIT[kind], kind)


def _responses(shop: Shop, customers: Customers, rng: np.random.Generator) -> Times:
    """Some of the treated who are alive and awake answer, the more the more it moves them."""
    who, campaign = np.nonzero(customers.treated)
    sent = shop.campaign_days[campaign]
    answers = rng.random(len(who)) < P_RESPONSE * customers.response[who]
    when = sent + _up_to_a_week(MEAN_RESPONSE_DAYS, len(who), rng)
    return Times(who, when).where(
        answers & (when < customers.died[who]) & ~customers.dormant(who, sent)
    )


def _in_log(shop: Shop, customers: Customers, events: _Events) -> _Events:
    """Events within the log and of customers already known, in order."""
    opens = np.maximum(customers.first_day[events.who], 0)
    kept = np.flatnonzero((events.when >= opens) & (events.when < shop.n_days))
    kept = kept[np.lexsort((events.when[kept], events.who[kept]))]
    return _Events(events.who[kept], events.when[kept], events.kind[kept])


def treatment_log(
    shop: Shop, customers: Customers, rng: np.random.Generator, *, customer_ids: pl.Series
) -> pl.DataFrame:
    """One row per campaign and customer known when it went out, treated or held out, by customer
    and time.

    Only of several offers there is a column `offer` (null for those held out), and only of one that
    can be accepted a column `accepted`.
    """
    who, campaign = np.nonzero(customers.first_day[:, None] < shop.campaign_days)
    sent, offer = shop.campaign_days[campaign], customers.offer[who, campaign]
    treated = offer >= 0
    accepted = _accept(shop, customers, Times(who, sent.astype(float)), offer, rng)
    cost, if_accepted = (
        np.array([getattr(each, name) for each in shop.offers])[offer]
        for name in ("cost", "cost_if_accepted")
    )
    columns: dict[str, Any] = {
        "customer_id": customer_ids.gather(who),
        "occurred_at": timestamps((day_of(shop.start) + sent) * 86_400 + TREATMENT_SECOND),
        "campaign": pl.Series(
            [f"campaign-{i + 1}" for i in range(len(shop.campaign_days))], dtype=pl.String
        ).gather(campaign),
        "treated": treated,
        "propensity": np.full(len(who), TREATED_SHARE),
        "cost": np.where(treated, cost + accepted * if_accepted, 0.0),
    }
    if len(shop.offers) > 1:
        names = pl.Series([each.name for each in shop.offers])
        columns["offer"] = names.gather(np.maximum(offer, 0)).set(pl.Series(~treated), None)
    if any(each.acceptance for each in shop.offers):
        columns["accepted"] = accepted
    return pl.DataFrame(columns)


def _accept(
    shop: Shop, customers: Customers, sent: Times, offer: Ints, rng: np.random.Generator
) -> Bools:
    """Whether each treated customer takes the offer up."""
    chance = np.array([each.acceptance for each in shop.offers])[offer]
    there = (sent.when < customers.died[sent.who]) & ~customers.dormant(sent.who, sent.day)
    return np.asarray((offer >= 0) & there & (rng.random(len(offer)) < chance))
