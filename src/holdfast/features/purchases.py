"""Purchases: how often and for how much, in trailing windows and in all.

A purchase is a day with at least one order. Spend is net: returns reduce it on their own day and
are no purchase.
"""

from holdfast.features.feature import WINDOWS_DAYS, window_features

_WINDOWS = (*WINDOWS_DAYS, None)

FEATURES = (
    *window_features(
        "n_purchases", "purchases", "count", "Days with a purchase {window}", "purchases {window}",
        "is_purchase", _WINDOWS,
    ),
    *window_features(
        "n_orders", "purchases", "count", "Orders {window}; several of one day are one purchase",
        "orders {window}", "n_orders", _WINDOWS, needs="orders",
    ),
    *window_features(
        "spend_total", "purchases", "currency", "Spent {window}, net of returns", "spent {window}",
        "net_minor", _WINDOWS, needs="amounts",
    ),
    *window_features(
        "returns_total", "purchases", "currency", "Value of goods returned {window}",
        "returned {window}", "returned_minor", _WINDOWS, needs="amounts",
    ),
)  # fmt: skip
