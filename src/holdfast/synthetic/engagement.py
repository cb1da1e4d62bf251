"""What customers do besides buying: visits before purchases, idle browsing, and campaigns with their responses."""

import numpy as np
import polars as pl

from holdfast.synthetic.baskets import timestamps
from holdfast.synthetic.behaviour import TREATED_SHARE, Customers, Times, poisson_times
from holdfast.synthetic.shop import (
    CAMPAIGN_WINDOW_DAYS,
    EVENTS_BEFORE_A_PURCHASE,
    LOOK_AHEAD_DAYS,
    OPEN_SECONDS,
    OPENING_SECOND,
    Shop,
)
from holdfast.windows import day_of

MEAN_CONSIDERATION_DAYS = 2.0
BROWSING = {"session": 1.0, "page_view": 0.5, "click": 0.2, "wishlist_add": 0.1, "cart_add": 0.1}
"""Probability of each event in a visit that leads to no order."""
P_RESPONSE = 0.1
TREATMENT_COST = 0.5
TREATMENT_SECOND = 7 * 3600
"""Campaigns go out before the shop opens."""

_EVENT = pl.Enum([*BROWSING, "campaign_response"])


def event_log(
    shop: Shop, customers: Customers, purchases: Times, rng: np.random.Generator, *, customer_ids: pl.Series
) -> pl.DataFrame:
    """One row per event, by customer and time.

    Before each purchase there is a visit to consider (up to a week earlier) and the visit that fills the cart. Browsing
    goes on at a rate proportional to the purchase rate for as long as the customer is alive and awake, so silence says
    something.
    """
    parts = [*_visits(shop, customers, purchases, rng), _responses(shop, customers, rng)]
    who = np.concatenate([events.who for events, _ in parts])
    when = np.concatenate([events.when for events, _ in parts])
    kind = np.repeat([list(_EVENT.categories).index(kind) for _, kind in parts], [len(e.who) for e, _ in parts])
    in_log = np.flatnonzero((when >= np.maximum(customers.first_day[who], 0)) & (when < shop.n_days))
    in_log = in_log[np.lexsort((kind[in_log], when[in_log], who[in_log]))]
    return pl.DataFrame({
        "customer_id": customer_ids.gather(who[in_log]),
        "occurred_at": timestamps(shop.seconds(when[in_log])),
        "kind": pl.Series(_EVENT.categories).gather(kind[in_log]),
    })  # fmt: skip
