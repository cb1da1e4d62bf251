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
    Feature(
        "days_since_last_purchase", "rhythm", "days", "Days since the last purchase",
        "no order for {days_since_last_purchase}; usually every {gap_mean}",
        SINCE_LAST,
    ),
    Feature(
        "gap_mean", "rhythm", "days", "Mean days from one purchase to the next: the usual gap",
        "usually buys every {gap_mean}",
        GAP_PARTS,
        GAP_MEAN,
    ),
    Feature(
        "gap_sd", "rhythm", "days",
        "Spread of the gaps (sample standard deviation; from three purchases on)",
        "gaps between purchases vary by {gap_sd} around {gap_mean}",
        {**GAP_PARTS, **_gap_squares},
        _gap_variance.sqrt(),
    ),
    Feature(
        "gap_last", "rhythm", "days", "Days between the last two purchases",
        "the last two purchases lay {gap_last} apart; usually {gap_mean}",
        GAP_LAST_PARTS,
        GAP_LAST,
    ),
    Feature(
        "gap_max", "rhythm", "days", "The longest gap after which the customer came back",
        "never away for more than {gap_max} before; now {days_since_last_purchase}",
        {"gap_max": nw.col("purchase_gap").max().cast(nw.Int64)},
    ),
    Feature(
        "overdue_ratio", "rhythm", "ratio",
        "Days since the last purchase over the usual gap: 1 = due, 2 = a whole gap late",
        "silent for {overdue_ratio} times the usual gap of {gap_mean}",
        GAP_PARTS, ratio(nw.col("days_since_last_purchase") * _n_gaps, _gap_total),
    ),
)  # fmt: skip
