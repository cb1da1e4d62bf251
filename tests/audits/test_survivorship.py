"""A log whose customers were picked by what they did later."""

import polars as pl

from holdfast.audits.survivorship import chosen_by_the_future


def lives(n_purchases: int, first: int, last: int, *, customers: int = 200) -> pl.DataFrame:
    columns = {"n_purchases": n_purchases, "first_purchase_day": first, "last_purchase_day": last}
    return pl.DataFrame({name: [value] * customers for name, value in columns.items()})


def asked(table: pl.DataFrame):
    return chosen_by_the_future(table, first_day=0, end_day=400)


def test_a_log_without_one_time_buyers_is_suspect():
    (finding,) = asked(pl.concat([lives(2, 0, 50), lives(3, 0, 60)]))
    assert (finding.name, finding.severity) == ("chosen-by-the-future", "warning")
    assert finding.evidence == (
        "none of 400 customers bought on fewer than 2 days (200 bought on exactly 2)"
    )


def test_a_log_without_lost_customers_is_suspect():
    (finding,) = asked(lives(1, 10, 250))
    assert finding.evidence == (
        "none of the 200 customers who came in the first half of the log (400 days) has been "
        "silent for more than 150 days: each bought again on or after 1970-09-08"
    )


def test_a_log_with_both_is_whole():
    assert asked(pl.concat([lives(2, 10, 250), lives(1, 10, 10, customers=1)])) == ()


def test_few_customers_show_nothing():
    assert asked(lives(2, 10, 250, customers=199)) == ()
