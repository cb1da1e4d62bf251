"""Build: every feature of every customer at every cutoff, in one pass over the activity.

The query has three steps: rows before the cutoff with their `days_ago`; integer aggregates by
customer and cutoff; and ratios of those. It is the same narwhals expression on DuckDB, on Spark and
on a Polars frame of one customer.
"""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from holdfast.features.feature import Feature
from holdfast.features.last_purchases import BEFORE, LAST_PURCHASES
from holdfast.features.rhythm import SINCE_LAST

KEYS = ("customer_id", "cutoff_day")


def build_features(
    activity: nw.LazyFrame[Any],
    cutoff_days: Sequence[int],
    features: Sequence[Feature],
    *,
    eligible_days: int | None,
    minor_digits: int,
) -> nw.LazyFrame[Any]:
    """Evaluate features for the customers who are eligible at each cutoff.

    Parameters
    ----------
    activity
        The ACTIVITY table: one row per customer and day.
    cutoff_days
        First days that may not be seen. At least one.
    eligible_days
        A customer is eligible who bought in the last so many days before the cutoff; None: at any
        time before it.
    minor_digits
        Decimals of the currency.

    Returns
    -------
    nw.LazyFrame
        One row per eligible customer and cutoff: customer_id, cutoff_day (int32), then one column
        per feature, int64 or float64. In no particular order.
    """
    parts = {name: part for feature in features for name, part in feature.parts.items()}
    parts |= SINCE_LAST  # Eligibility needs it, whatever features are asked for.
    measured = _measure(activity)
    if any(LAST_PURCHASES in feature.needs for feature in features):
        measured = measured.with_columns(**BEFORE)
    rows = nw.concat([_before(measured, cutoff) for cutoff in sorted(set(cutoff_days))])
    aggregated = rows.group_by(*KEYS).agg(**parts)
    return aggregated.filter(_eligible(eligible_days)).select(
        *KEYS, **{feature.name: _value(feature, minor_digits=minor_digits) for feature in features}
    )


def _measure(activity: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add what only features ask of a day."""
    bought = nw.col("n_orders") > 0
    in_cart = nw.col("n_cart_adds") > 0
    return activity.with_columns(
        is_purchase=_flag(bought),
        is_cart_day=_flag(in_cart),
        is_abandoned_cart_day=_flag(in_cart & ~bought),
        net_minor=nw.col("gross_minor") + nw.col("returns_minor"),
        returned_minor=-nw.col("returns_minor"),
    )


def _before(measured: nw.LazyFrame[Any], cutoff_day: int) -> nw.LazyFrame[Any]:
    """Give a cutoff the rows before it."""
    cutoff = nw.lit(cutoff_day, dtype=nw.Int32)
    return measured.filter(nw.col("day") < cutoff_day).with_columns(
        cutoff_day=cutoff, days_ago=cutoff - nw.col("day")
    )


def _flag(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


def _eligible(eligible_days: int | None) -> nw.Expr:
    since = nw.col("days_since_last_purchase")
    return ~since.is_null() if eligible_days is None else since <= eligible_days


def _value(feature: Feature, *, minor_digits: int) -> nw.Expr:
    value = feature.expression
    return value / 10**minor_digits if feature.unit == "currency" else value
