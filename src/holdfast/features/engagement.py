"""Engagement: sessions, views, clicks, wishlist and cart adds, campaigns, from the event and
treatment logs.
"""

from holdfast.features.feature import Feature, days_since_last, total, window_features
from holdfast.tables import ENGAGEMENT_KINDS

_WINDOWS_DAYS = (30, 90, 365)


def _days_since(name: str, measure: str, needs: str, event: str) -> Feature:
    parts = {name: days_since_last(measure)}
    return Feature.of("days_since_last", parts, needs, name=name, event=event)


def _n_events(kind: str) -> tuple[Feature, ...]:
    stem, events = f"n_{kind}s", kind.replace("_", " ") + "s"
    words = {"stem": stem, "events": events, "Events": events.capitalize()}
    return window_features("n_events", stem, _WINDOWS_DAYS, kind, **words)


FEATURES = (
    *(feature for kind in ENGAGEMENT_KINDS for feature in _n_events(kind)),
    _days_since("days_since_last_session", "n_sessions", "session", "session"),
    Feature.of(
        "cart_abandon_rate",
        {
            "abandoned_cart_days_365d": total("is_abandoned_cart_day", within_days=365),
            "cart_days_365d": total("is_cart_day", within_days=365),
        },
        "cart_add",
    ),
    *window_features("n_treatments", "n_treatments", _WINDOWS_DAYS, "treatments"),
    _days_since("days_since_last_treatment", "n_treatments", "treatments", "campaign"),
)
