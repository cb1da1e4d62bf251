"""Purchases: how often and for how much, in trailing windows and in all.

A purchase is a day with at least one order. Spend is net: returns reduce it on their own day and
are no purchase.
"""

from holdfast.features.feature import WINDOWS_DAYS, window_features

_WINDOWS = (*WINDOWS_DAYS, None)

FEATURES = (
    *window_features("n_purchases", "is_purchase", _WINDOWS),
    *window_features("n_orders", "n_orders", _WINDOWS, "orders"),
    *window_features("spend_total", "net_minor", _WINDOWS, "amounts"),
    *window_features("returns_total", "returned_minor", _WINDOWS, "amounts"),
)
