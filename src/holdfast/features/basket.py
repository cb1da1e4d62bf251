"""Basket: what one purchase looks like, before returns."""

import narwhals as nw

from holdfast.features.feature import Feature, days_ago, total
from holdfast.features.rhythm import N_PURCHASES, SINCE_LAST

_AMOUNTS = frozenset({"amounts"})
_PRODUCTS = frozenset({"products"})
_ORDERS = frozenset({"orders"})

_BOUGHT = nw.col("is_purchase") > 0
_GROSS = {"gross_minor_total": total("gross_minor")}
# The value of the last purchase: the smallest days_ago wins. Exact while a day's value is below
# 2^44 minor units.
_SHIFT = 2**44
_last_value_packed = {
    "last_value_packed": nw.when(_BOUGHT)
    .then(days_ago.cast(nw.Int64) * _SHIFT + nw.col("gross_minor"))
    .min()
}

FEATURES = (
    Feature(
        "purchase_value_mean", "basket", "currency",
        "Mean value of a purchase (all orders of one day), before returns",
        "spends {purchase_value_mean} a purchase",
        {**_GROSS, **N_PURCHASES}, needs=_AMOUNTS,
    ),
    Feature(
        "order_value_mean", "basket", "currency", "Mean value of an order, before returns",
        "spends {order_value_mean} an order", {**_GROSS, "n_orders": total("n_orders")},
        needs=_AMOUNTS | _ORDERS,
    ),
    Feature(
        "purchase_value_max", "basket", "currency",
        "Value of the largest purchase (all orders of one day), before returns",
        "largest purchase: {purchase_value_max}",
        {"purchase_value_max_minor": nw.when(_BOUGHT).then(nw.col("gross_minor")).max()},
        needs=_AMOUNTS,
    ),
    Feature(
        "purchase_value_last", "basket", "currency",
        "Value of the last purchase (all orders of one day), before returns",
        "last purchase: {purchase_value_last}; largest: {purchase_value_max}",
        {**_last_value_packed, **SINCE_LAST},
        nw.col("last_value_packed") - nw.col("days_since_last_purchase") * _SHIFT,
        _AMOUNTS,
    ),
    Feature(
        "return_share", "basket", "share", "Value returned over value bought",
        "returned {return_share} of what was bought",
        {"returns_total_minor": total("returned_minor"), **_GROSS}, needs=_AMOUNTS,
    ),
    Feature(
        "lines_per_order", "basket", "ratio", "Order lines in an order",
        "{lines_per_order} lines an order",
        {"n_lines": total("n_lines"), "n_orders": total("n_orders")}, needs=_ORDERS,
    ),
    Feature(
        "products_per_purchase", "basket", "ratio", "Different products in a purchase",
        "{products_per_purchase} different products a purchase",
        {"products_bought": total("n_products"), **N_PURCHASES}, needs=_PRODUCTS,
    ),
    Feature(
        "variety", "basket", "count", "Different products ever bought",
        "different products bought: {variety}", {"variety": total("n_new_products")},
        needs=_PRODUCTS,
    ),
    Feature(
        "new_product_share", "basket", "share",
        "Of the products bought in the last 365 days, the share never bought before",
        "{new_product_share} of the products of the last year were new to them",
        {
            "new_products_365d": total("n_new_products", within_days=365),
            "products_365d": total("n_products", within_days=365),
        },
        needs=_PRODUCTS,
    ),
)  # fmt: skip
