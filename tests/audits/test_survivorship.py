"""A log whose customers were picked by what they did later."""

import polars as pl
from tests.audits.logs import log_of

from holdfast.audits.survivorship import find_survivorship


def lives(n_purchases: int, first: int, last: int, *, customers: int = 200) -> pl.DataFrame:
    """Customers who bought on so many days, from the first of them to the last."""
    days = [first, *[last] * (n_purchases > 1), *range(first + 1, first + n_purchases - 1)]
    names = [f"{n_purchases}-{first}-{number}" for number in range(customers)]
    return pl.DataFrame(
        {
            "customer_id": [name for name in names for _ in days],
            "day": [day for _ in names for day in days],
            "n_orders": 1,
        }
    )


def findings(activity: pl.DataFrame):
    return list(find_survivorship(log_of(end_day=400, activity=activity)))


def test_a_log_without_one_time_buyers_is_suspect():
    (finding,) = findings(pl.concat([lives(2, 0, 50), lives(3, 0, 60)]))
    assert (finding.name, finding.severity) == ("chosen-by-the-future", "warning")
    assert finding.evidence == (
        "none of 400 customers bought on fewer than 2 days (200 bought on exactly 2)"
    )


def test_a_log_without_lost_customers_is_suspect():
    newcomer = lives(1, 390, 390, customers=1)
    (finding,) = findings(pl.concat([lives(2, 10, 250), newcomer]))
    assert finding.evidence == (
        "none of the 200 customers who came in the first half of the log (400 days) has been "
        "silent for more than 150 days: each bought again on or after 1970-09-08"
    )


def test_a_log_with_both_is_whole():
    assert findings(pl.concat([lives(2, 10, 250), lives(1, 10, 10, customers=1)])) == []


def test_few_customers_show_nothing():
    assert findings(lives(2, 10, 250, customers=199)) == []
