"""Purchases: how often and for how much, in trailing windows and in all.

A purchase is a day with at least one order. Spend is net: returns reduce it on their own day and
are no purchase.
"""

import narwhals as nw

from holdfast.features.feature import WINDOWS_DAYS, Feature, total, window_name, window_words

_WINDOWS = (*WINDOWS_DAYS, None)


def _n_purchases(days: int | None) -> Feature:
    name = window_name("n_purchases", days)
    return Feature(
        name=name,
        group="purchases",
        unit="count",
        sentence=f"Days with a purchase {window_words(days)}",
        says=f"purchases {window_words(days)}: {{{name}}}",
        parts={name: total("is_purchase", within_days=days)},
        value=nw.col(name),
    )


def _n_orders(days: int | None) -> Feature:
    name = window_name("n_orders", days)
    return Feature(
        name=name,
        group="purchases",
        unit="count",
        sentence=f"Orders {window_words(days)}; several of one day are one purchase",
        says=f"orders {window_words(days)}: {{{name}}}",
        parts={name: total("n_orders", within_days=days)},
        value=nw.col(name),
        needs=frozenset({"orders"}),
    )


def _spend(days: int | None) -> Feature:
    name = window_name("spend", days, whole="spend_total")
    return Feature(
        name=name,
        group="purchases",
        unit="currency",
        sentence=f"Spent {window_words(days)}, net of returns",
        says=f"spent {window_words(days)}: {{{name}}}",
        parts={f"{name}_minor": total("net_minor", within_days=days)},
        value=nw.col(f"{name}_minor"),
        needs=frozenset({"amounts"}),
    )


def _returns(days: int | None) -> Feature:
    name = window_name("returns", days, whole="returns_total")
    return Feature(
        name=name,
        group="purchases",
        unit="currency",
        sentence=f"Value of goods returned {window_words(days)}",
        says=f"returned {window_words(days)}: {{{name}}}",
        parts={f"{name}_minor": total("returned_minor", within_days=days)},
        value=nw.col(f"{name}_minor"),
        needs=frozenset({"amounts"}),
    )


FEATURES = tuple(
    make(days) for make in (_n_purchases, _n_orders, _spend, _returns) for days in _WINDOWS
)
