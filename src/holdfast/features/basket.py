"""Basket: what one purchase looks like, before returns."""

import narwhals as nw

from holdfast.features.feature import Feature, days_ago, total
from holdfast.features.rhythm import N_PURCHASES, SINCE_LAST

_BOUGHT = nw.col("is_purchase") > 0
_GROSS = {"gross_minor_total": total("gross_minor")}
_ORDERS = {"n_orders": total("n_orders")}
# The value of the last purchase: the smallest days_ago wins. Exact while a day's value is below
# 2^44 minor units.
_SHIFT = 2**44
_last_value_packed = {
    "last_value_packed": nw.when(_BOUGHT)
    .then(days_ago.cast(nw.Int64) * _SHIFT + nw.col("gross_minor"))
    .min()
}

FEATURES = (
    Feature.of("purchase_value_mean", {**_GROSS, **N_PURCHASES}, "amounts"),
    Feature.of("order_value_mean", {**_GROSS, **_ORDERS}, "amounts", "orders"),
    Feature.of(
        "purchase_value_max",
        {"purchase_value_max_minor": nw.when(_BOUGHT).then(nw.col("gross_minor")).max()},
        "amounts",
    ),
    Feature.of(
        "purchase_value_last",
        {**_last_value_packed, **SINCE_LAST},
        "amounts",
        value=nw.col("last_value_packed") - nw.col("days_since_last_purchase") * _SHIFT,
    ),
    Feature.of(
        "return_share", {"returns_total_minor": total("returned_minor"), **_GROSS}, "amounts"
    ),
    Feature.of("lines_per_order", {"n_lines": total("n_lines"), **_ORDERS}, "orders"),
    Feature.of(
        "products_per_purchase",
        {"products_bought": total("n_products"), **N_PURCHASES},
        "products",
    ),
    Feature.of("variety", {"variety": total("n_new_products")}, "products"),
    Feature.of(
        "new_product_share",
        {
            "new_products_365d": total("n_new_products", within_days=365),
            "products_365d": total("n_products", within_days=365),
        },
        "products",
    ),
)
