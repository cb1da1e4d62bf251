import numpy as np
import polars as pl
import pytest

from holdfast.features.recent_days import add_recent_days
from holdfast.models.sequence.effects import day_effects, silence_log_odds, tell_days
from holdfast.models.sequence.histories import Histories


@pytest.fixture
def frame(activity):
    rows = activity.select("customer_id").unique().sort("customer_id")[:4]
    return add_recent_days(rows.with_columns(cutoff_day=pl.lit(1_000, pl.Int32)), activity)


def test_the_shares_of_days_the_rest_and_the_base_add_up_to_the_log_odds(model, frame):
    effects = day_effects(model, frame, 60)
    shares = effects.days.group_by("customer_id", maintain_order=True).agg(pl.col("added").sum())
    silent = model.silent(frame, 60)
    total = effects.base + effects.rest + shares["added"].to_numpy()
    # Random weights bend more than trained ones: 32 points on the way miss a little.
    assert total == pytest.approx(np.log(silent / (1 - silent)), rel=0.05)
    assert effects.days["day"].to_list() == [
        day["day"] for days in frame["recent_days"].to_list() for day in days
    ]


def test_a_day_like_all_others_adds_nothing_against_the_usual_one(model, frame_of):
    order = {"n_orders": 1, "n_lines": 2, "gross_minor": 2_000}
    frame = frame_of(*({"day": day, **order} for day in (900, 920, 940)))
    assert day_effects(model, frame, 60).days["against_usual"].to_list() == [0, 0, 0]


def test_what_a_day_adds_is_the_difference_to_the_usual_day_in_its_place(model, frame_of):
    days = [
        {"day": 900, "n_orders": 1, "n_lines": 2, "gross_minor": 2_000},
        {"day": 920, "n_orders": 1, "n_lines": 8, "gross_minor": 9_000},
        {"day": 940, "n_orders": 1, "n_lines": 2, "gross_minor": 2_000},
    ]
    effects = day_effects(model, frame_of(*days), 60).days["against_usual"].to_list()
    usual = [days[0], {**days[0], "day": 920}, days[2]]
    there, instead = (model.silent(frame_of(*each), 60) for each in (days, usual))
    expected = np.log(there / (1 - there)) - np.log(instead / (1 - instead))
    assert effects[1] == pytest.approx(expected[0], abs=1e-4)
    assert expected[0] != 0


def test_a_customer_without_days_has_no_effects(model, frame_of):
    effects = day_effects(model, frame_of(), 60)
    assert effects.days.is_empty()
    assert np.isfinite(effects.base).all()


def test_the_log_odds_of_silence_are_those_of_the_probability():
    log_odds = np.full((1, 14), -np.log(3))
    silent = 0.75**3
    assert silence_log_odds(log_odds, 21)[0] == pytest.approx(np.log(silent / (1 - silent)))


def test_days_are_told_by_what_is_unusual_of_them(frame_of):
    frame = frame_of(
        {"day": 20, "n_orders": 1, "gross_minor": 5_000},
        {"day": 30, "n_orders": 1, "gross_minor": 5_500},
        {"day": 35, "n_sessions": 3, "n_cart_adds": 1},
        {"day": 40, "n_orders": 1, "gross_minor": 15_000},
        {"day": 50, "n_orders": 1, "gross_minor": 1_500},
        {"day": 52, "returns_minor": -1_000},
        {"day": 60, "n_orders": 1, "gross_minor": 5_000},
        {"day": 61, "n_orders": 1, "gross_minor": 5_000},
        {"day": 161, "n_orders": 1, "gross_minor": 5_000},
    )
    told = tell_days(Histories.of_frame(frame, minor_digits=2), currency="GBP")
    assert told == [
        "the order of 21 January 1970 (GBP 50.00) was the first",
        "the order of 31 January 1970 (GBP 55.00) came 10 days after the one before",
        "on 5 February 1970: 3 visits, 1 product put in the cart, no order",
        "the order of 10 February 1970 (GBP 150.00) was large beside those before",
        "the order of 20 February 1970 (GBP 15.00) was small after a large one",
        "on 22 February 1970: GBP 10.00 came back, no order",
        "the order of 2 March 1970 (GBP 50.00) was as usual after a small one",
        "the order of 3 March 1970 (GBP 50.00) came 1 day after the one before; usual were 10 days",
        "the order of 11 June 1970 (GBP 50.00) came 100 days after the one before; usual were "
        "10 days",
    ]
