"""Chosen by the future: were the customers of the log picked by what they did later?

A log of "our active customers" or of "customers with at least two orders" leaves out those who were
lost. At every cutoff it then holds people of whom it is already certain that they come back.
"""

import polars as pl

from holdfast.findings import Finding
from holdfast.windows import date_of

_LEAST_CUSTOMERS = 200
_LEAST_SPAN_DAYS = 365
_SILENT_SHARE = 0.5


def chosen_by_the_future(
    lives: pl.DataFrame, *, first_day: int, end_day: int
) -> tuple[Finding, ...]:
    """Look for the mark that a choice leaves: nobody bought only once, or nobody has been silent
    for long.

    Parameters
    ----------
    lives
        One row per customer of the log: n_purchases (days with a purchase), first_purchase_day,
        last_purchase_day.
    end_day
        First day after the log.
    """
    if lives.height < _LEAST_CUSTOMERS:
        return ()
    told = [
        text
        for text in (_nobody_bought_once(lives), _nobody_is_lost(lives, first_day, end_day))
        if text
    ]
    if not told:
        return ()
    return (
        Finding.warning(
            "chosen-by-the-future",
            evidence="; ".join(told),
            meaning="The log leaves out customers by what they did later. At a cutoff in the past "
            "it is certain for some of the others that they come back, which no shop knows: churn "
            "is too low and the model too good.",
            fix="Export every customer who ever bought, also those who bought once and those who "
            "are long gone.",
        ),
    )


def _nobody_bought_once(lives: pl.DataFrame) -> str | None:
    least = int(lives["n_purchases"].to_numpy().min())
    if least < 2:
        return None
    return (
        f"none of {lives.height:,} customers bought on fewer than {least} days "
        f"({(lives['n_purchases'] == least).sum():,} bought on exactly {least})"
    )


def _nobody_is_lost(lives: pl.DataFrame, first_day: int, end_day: int) -> str | None:
    """Of the customers of the first half, somebody has been silent for half of the log in every
    real shop.
    """
    span = end_day - first_day
    if span < _LEAST_SPAN_DAYS:
        return None
    old = lives.filter(pl.col("first_purchase_day") < first_day + span * _SILENT_SHARE)
    if old.height < _LEAST_CUSTOMERS:
        return None
    longest = end_day - int(old["last_purchase_day"].to_numpy().min())
    if longest > span * _SILENT_SHARE:
        return None
    return (
        f"none of the {old.height:,} customers who came in the first half of the log ({span:,} "
        "days) has been silent "
        f"for more than {longest} days: each bought again on or after {date_of(end_day - longest)}"
    )
