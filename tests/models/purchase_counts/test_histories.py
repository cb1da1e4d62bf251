"""Histories and what followed them, from purchase days."""

import numpy as np
import polars as pl
import pytest

from holdfast.models.purchase_counts.histories import histories_at, purchases_in, some_customers

DAYS = pl.DataFrame({"customer_id": ["a", "a", "a", "b", "c"], "day": [10, 14, 20, 19, 30]})


def test_a_purchase_on_the_cutoff_day_belongs_to_the_window():
    histories = histories_at(DAYS, 20)
    assert histories["customer_id"].to_list() == ["a", "b"]
    assert histories.row(0)[1:5] == (20, 2, 6, 10)
    assert histories.row(1)[1:5] == (20, 1, 1, 1)
    assert histories["gap_log_sum"].to_list() == pytest.approx([np.log(4), 0.0])
    assert purchases_in(DAYS, histories, 1).tolist() == [1, 0]


def test_the_day_after_the_window_is_not_counted():
    assert purchases_in(DAYS, histories_at(DAYS, 12), 8).tolist() == [1]
    assert purchases_in(DAYS, histories_at(DAYS, 12), 9).tolist() == [2]


def test_a_sample_keeps_whole_customers_and_is_the_same_again():
    days = pl.DataFrame({"customer_id": [str(i // 3) for i in range(300)], "day": list(range(300))})
    one, again = (some_customers(days, at_most=20, seed=1) for _ in range(2))
    assert one.equals(again)
    assert one.group_by("customer_id").len()["len"].to_list() == [3] * 20
    assert some_customers(days, at_most=100, seed=1) is days
