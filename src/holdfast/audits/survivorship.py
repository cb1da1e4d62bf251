"""Survivorship: were the customers of the log picked by what they did later?

A log of "our active customers" or of "customers with at least two orders" leaves out those who were
lost. At every cutoff it then holds people of whom it is already certain that they come back.
"""

from collections.abc import Iterator

import polars as pl

from holdfast.audits.question import Audit
from holdfast.audits.subjects import Log
from holdfast.findings import Finding
from holdfast.windows import date_of

_LEAST_CUSTOMERS = 200
_LEAST_SPAN_DAYS = 365
_SILENT_SHARE = 0.5
_LIVES = """
    SELECT count(*) AS n_purchases, min(day) AS first_purchase_day, max(day) AS last_purchase_day
    FROM activity WHERE n_orders > 0 GROUP BY customer_id
"""


def find_survivorship(log: Log) -> Iterator[Finding]:
    """Look for traces of a choice: nobody bought only once, or nobody has been silent for long."""
    lives = log.orders.query(_LIVES)
    marks = (
        _nobody_bought_once(lives),
        _nobody_is_lost(lives, log.orders.first_day, log.orders.end_day),
    )
    if lives.height >= _LEAST_CUSTOMERS:
        yield from Finding.listing("chosen-by-the-future", marks)


def _nobody_bought_once(lives: pl.DataFrame) -> str | None:
    least = int(lives["n_purchases"].to_numpy().min())
    if least < 2:
        return None
    return (
        f"none of {lives.height:,} customers bought on fewer than {least} days "
        f"({(lives['n_purchases'] == least).sum():,} bought on exactly {least})"
    )


def _nobody_is_lost(lives: pl.DataFrame, first_day: int, end_day: int) -> str | None:
    """In every real shop, some customer of the first half has been silent for half of the log."""
    span = end_day - first_day
    old = lives.filter(pl.col("first_purchase_day") < first_day + span * _SILENT_SHARE)
    if span < _LEAST_SPAN_DAYS or old.height < _LEAST_CUSTOMERS:
        return None
    longest = end_day - int(old["last_purchase_day"].to_numpy().min())
    if longest > span * _SILENT_SHARE:
        return None
    return (
        f"none of the {old.height:,} customers who came in the first half of the log ({span:,} "
        f"days) has been silent for more than {longest} days: each bought again on or after "
        f"{date_of(end_day - longest)}"
    )


AUDIT = Audit(
    "chosen by the future", "Were customers picked by what they did later?", find_survivorship
)
