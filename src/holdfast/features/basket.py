"""Basket: what one purchase looks like, before returns."""

import narwhals as nw

from holdfast.features.feature import Feature, days_ago, ratio, total
from holdfast.features.rhythm import N_PURCHASES, SINCE_LAST

_AMOUNTS = frozenset({"amounts"})
_PRODUCTS = frozenset({"products"})
_ORDERS = frozenset({"orders"})

_GROSS = {"gross_minor_total": total("gross_minor")}
# The value of the last purchase: the smallest days_ago wins. Exact while a day's value is below
# 2^44 minor units.
_SHIFT = 2**44
_last_value_packed = {
    "last_value_packed": nw.when(nw.col("is_purchase") > 0)
    .then(days_ago.cast(nw.Int64) * _SHIFT + nw.col("gross_minor"))
    .min()
}

FEATURES = (
    Feature(
        name="purchase_value_mean",
        group="basket",
        unit="currency",
        sentence="Mean value of a purchase (all orders of one day), before returns",
        says="spends {purchase_value_mean} a purchase",
        parts={**_GROSS, **N_PURCHASES},
        value=ratio(nw.col("gross_minor_total"), nw.col("n_purchases")),
        needs=_AMOUNTS,
    ),
    Feature(
        name="order_value_mean",
        group="basket",
        unit="currency",
        sentence="Mean value of an order, before returns",
        says="spends {order_value_mean} an order",
        parts={**_GROSS, "n_orders": total("n_orders")},
        value=ratio(nw.col("gross_minor_total"), nw.col("n_orders")),
        needs=_AMOUNTS | _ORDERS,
    ),
    Feature(
        name="purchase_value_max",
        group="basket",
        unit="currency",
        sentence="Value of the largest purchase (all orders of one day), before returns",
        says="largest purchase: {purchase_value_max}",
        parts={
            "purchase_value_max_minor": nw.when(nw.col("is_purchase") > 0)
            .then(nw.col("gross_minor"))
            .max()
        },
        value=nw.col("purchase_value_max_minor"),
        needs=_AMOUNTS,
    ),
    Feature(
        name="purchase_value_last",
        group="basket",
        unit="currency",
        sentence="Value of the last purchase (all orders of one day), before returns",
        says="last purchase: {purchase_value_last}; largest: {purchase_value_max}",
        parts={**_last_value_packed, **SINCE_LAST},
        value=nw.col("last_value_packed") - nw.col("days_since_last_purchase") * _SHIFT,
        needs=_AMOUNTS,
    ),
    Feature(
        name="return_share",
        group="basket",
        unit="share",
        sentence="Value returned over value bought",
        says="returned {return_share} of what was bought",
        parts={**_GROSS, "returns_total_minor": total("returned_minor")},
        value=ratio(nw.col("returns_total_minor"), nw.col("gross_minor_total")),
        needs=_AMOUNTS,
    ),
    Feature(
        name="lines_per_order",
        group="basket",
        unit="ratio",
        sentence="Order lines in an order",
        says="{lines_per_order} lines an order",
        parts={"n_lines": total("n_lines"), "n_orders": total("n_orders")},
        value=ratio(nw.col("n_lines"), nw.col("n_orders")),
        needs=_ORDERS,
    ),
    Feature(
        name="products_per_purchase",
        group="basket",
        unit="ratio",
        sentence="Different products in a purchase",
        says="{products_per_purchase} different products a purchase",
        parts={"products_bought": total("n_products"), **N_PURCHASES},
        value=ratio(nw.col("products_bought"), nw.col("n_purchases")),
        needs=_PRODUCTS,
    ),
    Feature(
        name="variety",
        group="basket",
        unit="count",
        sentence="Different products ever bought",
        says="different products bought: {variety}",
        parts={"variety": total("n_new_products")},
        value=nw.col("variety"),
        needs=_PRODUCTS,
    ),
    Feature(
        name="new_product_share",
        group="basket",
        unit="share",
        sentence="Of the products bought in the last 365 days, the share never bought before",
        says="{new_product_share} of the products of the last year were new to them",
        parts={
            "new_products_365d": total("n_new_products", within_days=365),
            "products_365d": total("n_products", within_days=365),
        },
        value=ratio(nw.col("new_products_365d"), nw.col("products_365d")),
        needs=_PRODUCTS,
    ),
)
