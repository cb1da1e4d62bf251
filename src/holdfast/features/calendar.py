"""Tenure and calendar: how long a customer has been one, and the time of the year."""

import narwhals as nw

from holdfast.features.feature import Feature
from holdfast.features.rhythm import SINCE_FIRST

_DAYS_IN_A_YEAR = 365.2425


def season_of(day: nw.Expr) -> nw.Expr:
    """Time of the year of a day since 1970-01-01: 0 = 1 January, 0.5 = early July; right to two
    days.

    Engines disagree on turning integers into dates, and not on this.
    """
    years = day / _DAYS_IN_A_YEAR
    return years - years.floor()


FEATURES = (
    Feature.of("tenure_days", SINCE_FIRST),
    Feature.of(
        "first_purchase_season",
        SINCE_FIRST,
        value=season_of(nw.col("cutoff_day") - nw.col("tenure_days")),
    ),
    Feature.of("cutoff_season", {}, value=season_of(nw.col("cutoff_day"))),
)
