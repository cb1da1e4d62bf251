"""Rhythm: how long ago the last purchase was, and whether that is long for this customer.

A gap is the number of days from one purchase to the next.
"""

import narwhals as nw

from holdfast.features.feature import (
    Feature,
    days_ago,
    days_since_first,
    days_since_last,
    ratio,
    total,
)

N_PURCHASES = {"n_purchases": total("is_purchase")}
SINCE_LAST = {"days_since_last_purchase": days_since_last("is_purchase")}
SINCE_FIRST = {"tenure_days": days_since_first("is_purchase")}

_n_gaps = nw.col("n_purchases") - 1
# Gaps add up to the days from the first purchase to the last, so their mean needs no look at them.
_gap_total = nw.col("tenure_days") - nw.col("days_since_last_purchase")
GAP_MEAN = ratio(_gap_total, _n_gaps)

_GAP = nw.col("purchase_gap").cast(nw.Int64)
_gap_squares = {"gap_squares": (_GAP * _GAP).sum().cast(nw.Int64)}
# n * sum(g^2) - sum(g)^2 is exact in 64 bits: both terms are below days^3.
_gap_variance = ratio(
    _n_gaps * nw.col("gap_squares") - _gap_total * _gap_total, _n_gaps * (_n_gaps - 1)
)

# The gap of the last purchase: the smallest days_ago wins, and its gap is what remains when that is
# taken off again.
_SHIFT = 2**20
_last_gap_packed = {
    "last_gap_packed": nw.when(nw.col("purchase_gap").is_null())
    .then(nw.lit(None, nw.Int64))
    .otherwise(days_ago.cast(nw.Int64) * _SHIFT + _GAP)
    .min()
}
GAP_LAST = nw.col("last_gap_packed") - nw.col("days_since_last_purchase") * _SHIFT
GAP_PARTS = {**N_PURCHASES, **SINCE_LAST, **SINCE_FIRST}
GAP_LAST_PARTS = {**_last_gap_packed, **SINCE_LAST}

FEATURES = (
    Feature.of("days_since_last_purchase", SINCE_LAST),
    Feature.of("gap_mean", GAP_PARTS, value=GAP_MEAN),
    Feature.of("gap_sd", {**GAP_PARTS, **_gap_squares}, value=_gap_variance.sqrt()),
    Feature.of("gap_last", GAP_LAST_PARTS, value=GAP_LAST),
    Feature.of("gap_max", {"gap_max": nw.col("purchase_gap").max().cast(nw.Int64)}),
    Feature.of(
        "overdue_ratio",
        GAP_PARTS,
        value=ratio(nw.col("days_since_last_purchase") * _n_gaps, _gap_total),
    ),
)
