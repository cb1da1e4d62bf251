"""How far features differ between two bases of customers: by hand."""

import math

import polars as pl
import pytest

from holdfast.evaluation.stability import feature_stability, stability_index


def test_the_index_of_two_bins_is_the_sum_by_hand() -> None:
    before = pl.Series(["web"] * 50 + ["shop"] * 50)
    after = pl.Series(["web"] * 60 + ["shop"] * 40)
    by_hand = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert stability_index(before, after) == pytest.approx(by_hand)


def test_numbers_are_divided_at_the_tenths_of_before() -> None:
    before = pl.Series(range(1, 101))
    # One tenth of the customers went from the lowest bin to the highest.
    after = pl.Series([*range(11, 101), *[100] * 10])
    by_hand = (0.0001 - 0.1) * math.log(0.0001 / 0.1) + (0.2 - 0.1) * math.log(2)
    assert stability_index(before, after) == pytest.approx(by_hand)
    assert stability_index(before, before) == 0


def test_what_is_missing_is_a_bin_of_its_own() -> None:
    before = pl.Series([1.0] * 80 + [None] * 20)
    after = pl.Series([1.0] * 60 + [float("nan")] * 40)
    by_hand = (0.6 - 0.8) * math.log(0.6 / 0.8) + (0.4 - 0.2) * math.log(2)
    assert stability_index(before, after) == pytest.approx(by_hand)


def test_a_word_that_was_not_there_is_not_lost() -> None:
    before, after = pl.Series(["a"] * 10), pl.Series(["a"] * 5 + ["b"] * 5)
    by_hand = -0.5 * math.log(0.5) + (0.5 - 0.0001) * math.log(0.5 / 0.0001)
    assert stability_index(before, after) == pytest.approx(by_hand)


def test_features_come_with_their_means_the_most_changed_first() -> None:
    before = pl.DataFrame(
        {
            "customer_id": ["A", "B"],
            "days": [1, 3],
            "channel": ["web", "shop"],
            "season": [0.1, 0.1],
        }
    )
    after = pl.DataFrame(
        {
            "customer_id": ["A", "C"],
            "days": [30, 50],
            "channel": ["web", "shop"],
            "season": [0.2, 0.2],
        }
    )
    told = feature_stability(before, after, but=("customer_id",))
    # The season is the same for everybody on each day: it says nothing of the customers.
    assert told["feature"].to_list() == ["days", "channel"]
    assert told.row(0)[2:] == (2.0, 40.0)
    assert told.row(1)[1:] == (0.0, None, None)
