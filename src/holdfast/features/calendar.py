"""Tenure and calendar: how long a customer has been one, and the months that seasons hang on."""

import narwhals as nw

from holdfast.features.feature import Feature
from holdfast.features.rhythm import SINCE_FIRST

_DAYS_FROM_YEAR_0 = 719_468
_DAYS_IN_400_YEARS = 146_097


def month_of(day: nw.Expr) -> nw.Expr:
    """Month 1..12 of a day since 1970-01-01, by integer arithmetic alone.

    Engines disagree on converting integers to dates. Years are counted from 1 March, so that the leap day comes last:
    Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    """
    of_era = (day + _DAYS_FROM_YEAR_0) % _DAYS_IN_400_YEARS
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    from_march = (5 * of_year + 2) // 153
    return (from_march + 2) % 12 + 1


FEATURES = (
    Feature(
        name="tenure_days",
        group="tenure",
        unit="days",
        sentence="Days since the first purchase",
        says="a customer for {tenure_days}",
        parts=SINCE_FIRST,
        value=nw.col("tenure_days"),
    ),
    Feature(
        name="first_purchase_month",
        group="calendar",
        unit="month",
        sentence="Month of the first purchase, 1 to 12",
        says="first bought in {first_purchase_month}",
        parts=SINCE_FIRST,
        value=month_of(nw.col("cutoff_day") - nw.col("tenure_days")),
    ),
    Feature(
        name="cutoff_month",
        group="calendar",
        unit="month",
        sentence="Month of the cutoff, 1 to 12: the same for every customer of a cutoff",
        says="seen in {cutoff_month}",
        parts={},
        value=month_of(nw.col("cutoff_day")),
    ),
)
