"""From transactions to histories: purchase days counted as the papers count them."""

from datetime import date

import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from holdfast.btyd import MBGCNBDk, ParetoNBD, summarise_transactions
from holdfast.errors import DataError

ORDERS = pl.DataFrame(
    {
        "who": ["a", "a", "a", "a", "b", "c"],
        "when": [date(2024, 1, day) for day in (1, 8, 8, 29, 15, 31)],
        "paid": [10.0, 20.0, 4.0, 36.0, 5.0, 7.0],
    }
)


def test_a_day_is_one_purchase_and_the_first_one_is_no_repeat() -> None:
    table = summarise_transactions(ORDERS, customer="who", day="when", amount="paid", unit_days=7)
    assert table.drop("sum_log_gaps").rows() == [
        ("a", 2.0, 4.0, 30 / 7, 30.0),
        ("b", 0.0, 0.0, 16 / 7, 0.0),
        ("c", 0.0, 0.0, 0.0, 0.0),
    ]
    # Gaps of one week and of three.
    assert table["sum_log_gaps"].to_list() == pytest.approx([1.0986123, 0, 0])


def test_what_came_after_the_last_day_is_not_seen() -> None:
    table = summarise_transactions(ORDERS, customer="who", day="when", until=date(2024, 1, 20))
    assert table.select("who", "frequency", "recency", "T").rows() == [
        ("a", 1.0, 7.0, 19.0),
        ("b", 0.0, 0.0, 5.0),
    ]
    assert "monetary_value" not in table.columns


def test_a_frame_of_pandas_gives_the_same() -> None:
    frame = pd.DataFrame(ORDERS.to_dict(as_series=False))
    table = summarise_transactions(frame, customer="who", day="when", amount="paid")
    assert table.equals(summarise_transactions(ORDERS, customer="who", day="when", amount="paid"))


def test_a_missing_column_and_a_day_that_is_text_are_refused() -> None:
    with pytest.raises(DataError, match="no column 'customer'"):
        summarise_transactions(ORDERS, customer="customer", day="when")
    with pytest.raises(DataError, match="'who' is String, not a date"):
        summarise_transactions(ORDERS, customer="who", day="who")


def test_models_are_cloned_as_scikit_learn_does() -> None:
    assert clone(MBGCNBDk(k=3, covariates=("channel",))).get_params() == {
        "k": 3,
        "covariates": ("channel",),
    }
    assert not hasattr(clone(ParetoNBD.from_parameters(r=1, alpha=1, s=1, beta=1)), "parameters_")
