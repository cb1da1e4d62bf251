"""Drift is what moves farther than a usual month, and than chance."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import wasserstein_distance

from holdfast.monitor.drift import compare, freeze, history_days
from holdfast.tables import DRIFT, REFERENCE

DAY = 20_000


def day_of_customers(day: int, values: np.ndarray, name: str = "spend_30d") -> pl.DataFrame:
    return pl.DataFrame({"customer_id": [f"C{k}" for k in range(len(values))], name: values}
                        ).with_columns(cutoff_day=pl.lit(day, pl.Int32))  # fmt: skip


def normal(day: int, *, mean: float = 0.0, n: int = 2_000) -> pl.DataFrame:
    return day_of_customers(day, np.random.default_rng(day).normal(mean, 1, n))


def test_the_stability_index_is_siddiqis_with_half_a_customer_in_each_bin_more() -> None:
    before = day_of_customers(DAY, np.array(["a"] * 60 + ["b"] * 40, dtype=object), "channel")
    now = day_of_customers(DAY + 9, np.array(["a"] * 30 + ["b"] * 70, dtype=object), "channel")
    (row,) = compare(freeze(before), now, times=1).to_dicts()
    # Four bins: a, b, other, missing; shares (60.5, 40.5, .5, .5) and (30.5, 70.5, .5, .5) of 102.
    index = (-30 / 102) * np.log(30.5 / 60.5) + (30 / 102) * np.log(70.5 / 40.5)
    assert row["stability_index"] == pytest.approx(index)
    assert row["distance"] is None


def test_the_distance_is_wassersteins_over_the_ranks_of_the_reference() -> None:
    values = np.repeat(np.arange(5.0), 40)
    now = np.repeat(np.arange(5.0), [10, 20, 40, 50, 80])
    frames = (day_of_customers(DAY + k, each) for k, each in enumerate((values, now)))
    (row,) = compare(freeze(next(frames)), next(frames), times=1).to_dicts()
    ranks = [0.1, 0.3, 0.5, 0.7, 0.9]
    expected = wasserstein_distance(ranks, ranks, [1] * 5, [10, 20, 40, 50, 80])
    assert row["distance"] == pytest.approx(expected)


def test_customers_of_the_same_kind_have_not_drifted() -> None:
    drift = compare(freeze(normal(DAY)), normal(DAY + 20), times=1)
    assert not drift["has_drifted"].any()


def test_a_shift_of_half_a_deviation_has() -> None:
    drift = compare(freeze(normal(DAY)), normal(DAY + 20, mean=0.5), times=1)
    assert drift["has_drifted"].all()


def test_a_segment_says_where_and_is_no_alarm() -> None:
    before, after = (
        normal(DAY + k, mean=k / 40).with_columns(segment=pl.lit("Champion")) for k in (0, 20)
    )
    drift = compare(freeze(before), after, times=1)
    assert dict(drift.select("group", "has_drifted").iter_rows()) == {
        "everyone": True,
        "Champion": False,
    }
    assert (drift["times"] > 1).all()


def test_what_moves_so_far_every_month_has_not_drifted() -> None:
    restless = [normal(DAY - 30 * k, mean=0.5 * (k % 2)) for k in range(12, -1, -1)]
    later = normal(DAY + 20, mean=0.5)
    assert compare(freeze(restless[-1]), later, times=1)["has_drifted"].all()
    assert not compare(freeze(restless[-1], restless), later, times=1.5)["has_drifted"].any()


def test_a_move_of_the_same_season_a_year_ago_is_usual_now_and_not_in_another_season() -> None:
    def mean(day: int) -> float:
        return 0.5 if (DAY - 365 + 8) <= day < (DAY - 365 + 40) else 0.0

    def with_history(day: int) -> pl.DataFrame:
        past = history_days(day, first_day=DAY - 800)
        return freeze(normal(day), [normal(each, mean=mean(each)) for each in past])

    december, june = DAY, DAY + 180
    for day, is_drift in ((december, False), (june, True)):
        later = normal(day + 21, mean=0.5)
        (drifted,) = compare(with_history(day), later, times=1.5)["has_drifted"]
        assert drifted == is_drift


def test_the_history_is_every_month_and_this_month_of_the_years_before_week_by_week() -> None:
    days = history_days(DAY, first_day=DAY - 400)
    assert days[-1] == DAY
    assert {DAY - 30, DAY - 390} <= set(days)
    assert {DAY - 365, DAY - 358, DAY - 351, DAY - 344, DAY - 337} <= set(days)
    assert min(days) >= DAY - 400


def test_a_group_of_fewer_than_fifty_customers_is_not_compared() -> None:
    assert compare(freeze(normal(DAY)), normal(DAY + 9, n=49), times=1).is_empty()
    assert compare(freeze(normal(DAY)), normal(DAY + 9, n=50), times=1).height == 1


def test_what_is_missing_now_is_drift_and_its_share_is_told() -> None:
    values = np.random.default_rng(1).normal(size=2_000)
    now = values.copy()
    now[:800] = np.nan
    drift = compare(freeze(day_of_customers(DAY, values)), day_of_customers(DAY, now), times=1)
    (row,) = drift.to_dicts()
    assert (row["missing_before"], row["missing"], row["has_drifted"]) == (0.0, 0.4, True)


def test_an_unseen_word_is_told_with_its_share() -> None:
    before = day_of_customers(DAY, np.array(["a"] * 100, dtype=object), "channel")
    now = day_of_customers(DAY, np.array(["a"] * 75 + ["tv"] * 25, dtype=object), "channel")
    (row,) = compare(freeze(before), now, times=1).to_dicts()
    assert row["unseen"] == 0.25


def test_the_tables_keep_their_contracts_with_words_numbers_and_segments() -> None:
    frame = normal(DAY, n=400).with_columns(
        segment=pl.Series(["Champion", "Vulnerable"] * 200),
        channel=pl.Series(["a", "b", None, "a"] * 100),
        empty=pl.lit(None, pl.Float64),
    )
    reference = REFERENCE.check(freeze(frame))
    assert set(reference["group"]) == {"everyone", "Champion", "Vulnerable"}
    DRIFT.check(compare(reference, frame, times=1))
