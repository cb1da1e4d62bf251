from math import log

import numpy as np
import polars as pl
import pytest

from holdfast.models.sequence.histories import QUERY, TOKEN, DatedHistories, Histories

ORDERS = (
    {"day": 900, "n_orders": 1, "n_lines": 2, "gross_minor": 2_000},
    {"day": 903, "n_sessions": 4},
    {"day": 910, "n_orders": 1, "n_lines": 5, "gross_minor": 5_000, "returns_minor": -1_000},
    {"day": 980, "n_orders": 1, "n_lines": 1, "gross_minor": 1_000},
)
ONE = np.zeros(1, dtype=np.int64)


@pytest.fixture
def histories(frame_of):
    return Histories.of_frame(frame_of(*ORDERS), minor_digits=2)


def asked(histories, cutoff):
    return dict(zip(QUERY, histories.queries(ONE, np.array([cutoff]))[0], strict=True))


def test_a_token_says_how_long_it_took_and_how_much_was_bought(histories):
    third = dict(zip(TOKEN, histories.tokens[2], strict=True))
    assert third["gap"] == pytest.approx(log(8))
    assert third["since_purchase"] == pytest.approx(log(11))
    assert third["amount"] == pytest.approx(log(51))
    assert third["returned"] == pytest.approx(log(11))
    assert third["nth_purchase"] == pytest.approx(log(2))
    assert third["n_lines"] == pytest.approx(log(6))
    assert [third["bought"], histories.tokens[1][TOKEN.index("bought")]] == [1, 0]


def test_a_query_knows_nothing_of_the_cutoff_day_or_later(histories, frame_of):
    before = Histories.of_frame(frame_of(*ORDERS[:3]), minor_digits=2)
    assert asked(histories, 980) == asked(before, 980)
    assert asked(histories, 981) != asked(before, 981)


def test_a_query_sums_the_last_days_and_measures_the_silence(histories):
    query = asked(histories, 985)
    assert query["since_purchase"] == pytest.approx(log(6))
    assert query["tenure"] == pytest.approx(log(86))
    assert query["purchases_30d"] == pytest.approx(log(2))
    assert query["spent_90d"] == pytest.approx(log(71))
    assert query["other_days_90d"] == pytest.approx(log(2))
    assert query["mean_gap"] == pytest.approx(log(41))
    assert query["last_gap"] == pytest.approx(log(71))


def test_silence_runs_from_the_cutoff_to_the_next_purchase_and_without_one_for_ever(histories):
    cutoffs = np.array([899, 900, 904, 981])
    customer = np.zeros(4, dtype=np.int64)
    assert histories.silent_days(customer, cutoffs).tolist() == [1, 0, 6, np.inf]
    assert histories.last_purchase(customer, cutoffs).tolist() == [np.inf, np.inf, 4, 1]


def test_one_customers_purchases_are_not_anothers(frame_of):
    visitor = frame_of({"day": 950, "n_sessions": 1})
    both = pl.concat([visitor, frame_of(*ORDERS), visitor])
    histories = Histories.of_frame(both, minor_digits=2)
    customers, cutoffs = np.arange(3), np.full(3, 905)
    assert histories.silent_days(customers, cutoffs).tolist() == [np.inf, 5, np.inf]
    assert histories.last_purchase(customers, cutoffs).tolist() == [np.inf, 5, np.inf]
    alone = Histories.of_frame(frame_of(*ORDERS), minor_digits=2)
    assert histories.tokens[1:-1].tolist() == alone.tokens.tolist()
    assert histories.queries(customers, cutoffs)[1].tolist() == list(asked(alone, 905).values())


def test_days_are_read_alike_with_and_without_a_frame(frame_of):
    for days in (ORDERS, ()):
        frame = frame_of(*days)
        framed = DatedHistories.of_frame(frame, minor_digits=2)
        alone = DatedHistories.of_days(frame["recent_days"][0].to_list(), 1_000, minor_digits=2)
        assert framed.cutoff.tolist() == alone.cutoff.tolist()
        one, other = alone.histories, framed.histories
        assert one.start.tolist() == other.start.tolist()
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.queries(ONE, alone.cutoff).tolist() == other.queries(ONE, alone.cutoff).tolist()


def test_customers_without_a_day_are_asked_and_answer_with_nothing(frame_of):
    nobody = Histories.of_frame(frame_of(), minor_digits=2)
    query = asked(nobody, 905)
    assert sum(query.values()) == 1  # The weekday of the cutoff.
    assert nobody.tokens.shape == (0, len(TOKEN))


def test_of_a_log_only_who_bought_before_now_is_read(activity):
    histories = Histories.of_activity(activity, now=620, minor_digits=2)
    bought = activity.filter((pl.col("day") < 620) & (pl.col("n_orders") > 0))
    assert len(histories) == bought["customer_id"].n_unique()
    assert histories.day.max() < 620
