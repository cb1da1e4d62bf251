"""Currencies: which column names one, and what its unit was worth."""

from holdfast.study.sections import Section
from holdfast.study.sources import Source


class RateColumns(Section):
    """Which column is what: a day, a currency's code, and what one unit of it was worth in the
    study's currency.
    """

    day: str = "day"
    currency: str = "currency"
    rate: str = "rate"


class Rates(Source):
    """What a unit of each currency was worth in the study's currency, by day. A day without a rate
    has that of the last day before it.
    """

    columns: RateColumns = RateColumns()


class Conversion(Section):
    """An order log in several currencies. Without rates, or without a rate for its day, a line in
    another currency than the study's is set aside and counted.
    """

    column: str | None = None
    """The column of the order log that names a line's currency by its code or sign. Blank, or
    without it: the sign beside the amount, and otherwise the study's currency."""
    rates: Rates | None = None
