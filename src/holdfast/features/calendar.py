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
    Feature(
        "tenure_days", "tenure", "days", "Days since the first purchase",
        "a customer for {tenure_days}",
        SINCE_FIRST,
    ),
    Feature(
        "first_purchase_season", "calendar", "season",
        "Time of the year of the first purchase, from 0 = 1 January to 1 = 31 December",
        "first bought in {first_purchase_season}",
        SINCE_FIRST, season_of(nw.col("cutoff_day") - nw.col("tenure_days")),
    ),
    Feature(
        "cutoff_season", "calendar", "season",
        "Time of the year of the cutoff, from 0 = 1 January to 1 = 31 December: the same "
        "for every customer", "the time of the year: {cutoff_season}",
        {},
        season_of(nw.col("cutoff_day")),
    ),
)  # fmt: skip
