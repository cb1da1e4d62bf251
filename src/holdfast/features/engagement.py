"""Engagement: sessions, views, clicks, wishlist and cart adds, campaigns, from the event and
treatment logs.
"""

from holdfast.features.feature import Feature, days_since_last, total, window_features
from holdfast.tables import ENGAGEMENT_KINDS

_WINDOWS_DAYS = (30, 90, 365)


def _days_since(name: str, measure: str, needs: str, words: str) -> Feature:
    sentence = f"Days since the last {words}; empty where there was none"
    says = f"last {words}: {{{name}}} ago"
    parts = {name: days_since_last(measure)}
    return Feature(name, "engagement", "days", sentence, says, parts, needs=frozenset({needs}))


def _n_events(kind: str) -> tuple[Feature, ...]:
    words, measure = kind.replace("_", " ") + "s", f"n_{kind}s"
    sentence, says = f"{words.capitalize()} {{window}}", f"{words} {{window}}"
    return window_features(
        measure, "engagement", "count", sentence, says, measure, _WINDOWS_DAYS, needs=kind
    )


_CART_ABANDON_RATE = Feature(
    "cart_abandon_rate", "engagement", "share",
    "Of the days in the last 365 on which something was put into the cart, the share "
    "without a purchase",
    "left {cart_abandon_rate} of carts without buying",
    {
        "abandoned_cart_days_365d": total("is_abandoned_cart_day", within_days=365),
        "cart_days_365d": total("is_cart_day", within_days=365),
    },
    needs=frozenset({"cart_add"}),
)  # fmt: skip

FEATURES = (
    *(feature for kind in ENGAGEMENT_KINDS for feature in _n_events(kind)),
    _days_since("days_since_last_session", "n_sessions", "session", "session"),
    _CART_ABANDON_RATE,
    *window_features(
        "n_treatments", "engagement", "count", "Campaigns received {window}",
        "campaigns received {window}", "n_treatments", _WINDOWS_DAYS, needs="treatments",
    ),
    _days_since("days_since_last_treatment", "n_treatments", "treatments", "campaign"),
)  # fmt: skip
