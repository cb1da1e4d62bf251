"""Customers are divided into groups, and each feature of a group into bins that stay."""

import numpy as np
import polars as pl

from holdfast.monitor.bins import (
    Bins,
    count_customers,
    divide,
    divide_into_groups,
    features_to_watch,
    read_values,
)


def test_a_customer_who_bought_a_fortnight_ago_is_a_recent_buyer_and_one_day_more_is_not() -> None:
    frame = pl.DataFrame({"days_since_last_purchase": [14, 15, None], "tenure_days": [3, 14, 99]})
    groups = {name: rows.tolist() for name, rows in divide_into_groups(frame)}
    assert groups == {"everyone": [0, 1, 2], "recent buyers": [0], "new customers": [0, 1]}


def test_each_segment_is_a_group() -> None:
    frame = pl.DataFrame({"segment": ["Champion", "Vulnerable", "Champion"]})
    groups = {name: rows.tolist() for name, rows in divide_into_groups(frame)}
    assert groups == {"everyone": [0, 1, 2], "Champion": [0, 2], "Vulnerable": [1]}


def test_numbers_are_divided_at_their_tenths_and_missing_ones_have_a_bin() -> None:
    bins = Bins.of(np.arange(1.0, 101.0))
    np.testing.assert_allclose(bins.cuts, [10.9, 20.8, 30.7, 40.6, 50.5, 60.4, 70.3, 80.2, 90.1])
    counts = bins.count(np.array([0.0, 10.9, 10.95, 1e9, np.nan]))
    assert counts.tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]


def test_a_word_that_nobody_had_is_counted_apart_from_what_is_missing() -> None:
    bins = Bins.of(np.array(["a"] * 6 + ["b"] * 5, dtype=object))
    counts = bins.count(np.array(["b", "new", None, "a", "a"], dtype=object))
    assert dict(zip(bins.kinds, counts, strict=False))["other"] == 1
    assert counts.tolist() == [2, 1, 1, 1]


def test_a_word_of_fewer_than_five_customers_is_no_bin_for_it_may_name_a_person() -> None:
    assert Bins.of(np.array(["shop"] * 9 + ["Ann Example"] * 4, dtype=object)).words == ("shop",)


def test_the_day_the_shops_own_campaigns_and_comparisons_of_windows_are_not_watched() -> None:
    names = ["cutoff_season", "n_treatments_30d", "n_campaign_responses_30d",
             "purchase_change_30d", "spend_30d"]  # fmt: skip
    frame = pl.DataFrame({name: [0.0] for name in names})
    assert features_to_watch("everyone", read_values(frame)) == ["spend_30d"]


def test_of_new_customers_only_who_they_are_is_watched() -> None:
    names = ["n_purchases", "churn_probability", "channel"]
    assert features_to_watch("new customers", names) == ["channel"]


def test_a_feature_that_turned_from_numbers_into_words_is_not_counted() -> None:
    bins = divide(pl.DataFrame({"age": [20, 30, 40]}))
    assert count_customers(bins, pl.DataFrame({"age": ["twenty", "thirty"]})) == {}
