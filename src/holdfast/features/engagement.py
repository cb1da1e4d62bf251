"""Engagement: sessions, views, clicks, wishlist and cart adds, campaigns, from the event and
treatment logs.
"""

import narwhals as nw

from holdfast.features.feature import (
    Feature,
    days_since_last,
    ratio,
    total,
    window_name,
    window_words,
)
from holdfast.tables import ENGAGEMENT_KINDS

_WINDOWS_DAYS = (30, 90, 365)


def _n_events(kind: str, days: int) -> Feature:
    name = window_name(f"n_{kind}s", days)
    words = kind.replace("_", " ") + "s"
    return Feature(
        name=name,
        group="engagement",
        unit="count",
        sentence=f"{words.capitalize()} {window_words(days)}",
        says=f"{words} {window_words(days)}: {{{name}}}",
        parts={name: total(f"n_{kind}s", within_days=days)},
        value=nw.col(name),
        needs=frozenset({kind}),
    )


def _days_since(name: str, measure: str, *, needs: str, words: str) -> Feature:
    return Feature(
        name=name,
        group="engagement",
        unit="days",
        sentence=f"Days since the last {words}; empty where there was none",
        says=f"last {words}: {{{name}}} ago",
        parts={name: days_since_last(measure)},
        value=nw.col(name),
        needs=frozenset({needs}),
    )


def _n_treatments(days: int) -> Feature:
    name = window_name("n_treatments", days)
    return Feature(
        name=name,
        group="engagement",
        unit="count",
        sentence=f"Campaigns received {window_words(days)}",
        says=f"campaigns received {window_words(days)}: {{{name}}}",
        parts={name: total("n_treatments", within_days=days)},
        value=nw.col(name),
        needs=frozenset({"treatments"}),
    )


_CART_ABANDON_RATE = Feature(
    name="cart_abandon_rate",
    group="engagement",
    unit="share",
    sentence="Of the days in the last 365 on which something was put into the cart, the share "
    "without a purchase",
    says="left {cart_abandon_rate} of carts without buying",
    parts={
        "cart_days_365d": total("is_cart_day", within_days=365),
        "abandoned_cart_days_365d": total("is_abandoned_cart_day", within_days=365),
    },
    value=ratio(nw.col("abandoned_cart_days_365d"), nw.col("cart_days_365d")),
    needs=frozenset({"cart_add"}),
)

FEATURES = (
    *(_n_events(kind, days) for kind in ENGAGEMENT_KINDS for days in _WINDOWS_DAYS),
    _days_since("days_since_last_session", "n_sessions", needs="session", words="session"),
    _CART_ABANDON_RATE,
    *(_n_treatments(days) for days in _WINDOWS_DAYS),
    _days_since("days_since_last_treatment", "n_treatments", needs="treatments", words="campaign"),
)
