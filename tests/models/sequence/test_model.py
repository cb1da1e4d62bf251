import numpy as np
import polars as pl
import pytest

from holdfast.features.recent_days import add_recent_days
from holdfast.models.sequence.histories import QUERY
from holdfast.models.sequence.model import (
    EDGES,
    Scaling,
    SequenceModel,
    log_silence,
    money_ratios,
)


@pytest.fixture
def frame(activity):
    rows = activity.select("customer_id").unique().sort("customer_id")
    return add_recent_days(rows.with_columns(cutoff_day=pl.lit(1_000, pl.Int32)), activity)


def test_silence_is_the_product_of_bins_without_a_purchase():
    log_odds = np.full((1, len(EDGES)), -np.log(3))  # A hazard of a quarter in each bin.
    assert np.exp(log_silence(log_odds, 21))[0] == pytest.approx(0.75**3)
    assert np.exp(log_silence(log_odds, 30 + 5))[0] == pytest.approx(0.75 ** (4 + 1 / 3))
    assert np.exp(log_silence(log_odds, 365 + 92))[0] == pytest.approx(0.75**15)


def test_longer_horizons_are_never_more_silent(model, frame):
    silent = np.column_stack([model.silent(frame, days) for days in range(1, 500, 7)])
    assert (np.diff(silent, axis=1) <= 0).all()
    assert ((silent > 0) & (silent < 1)).all()


def test_one_customer_is_answered_as_among_all(model, frame):
    silent, revenue = model.silent(frame, 60), model.revenue(frame)
    for row in (0, 7, 59):
        assert model.silent(frame[row], 60)[0] == pytest.approx(silent[row], abs=1e-5)
        assert model.revenue(frame[row])[0] == pytest.approx(revenue[row], rel=1e-4)


def test_days_from_the_cutoff_on_change_nothing(model, frame, activity):
    before = activity.filter(pl.col("day") < 1_000)
    again = add_recent_days(frame.drop("recent_days"), before)
    assert (model.silent(again, 60) == model.silent(frame, 60)).all()


def test_an_empty_frame_has_no_answers(model, frame):
    assert model.silent(frame.clear(), 60).shape == (0,)
    assert model.median_revenue(frame.clear()).shape == (0,)


def test_revenue_is_a_multiple_of_the_reference_spend(model, frame):
    raw = np.array([[np.log(2.0), -50.0]])
    assert money_ratios(raw) == pytest.approx(np.array([[2.0, 0.0]]))
    assert (model.revenue(frame) > 0).all()
    assert (model.median_revenue(frame) >= 0).all()


def test_columns_that_never_differed_are_left_out_and_none_goes_beyond_what_was_seen():
    seen = np.zeros((2, len(QUERY)))
    seen[:, 1] = [0, 2]
    scaling = Scaling.learn(seen, QUERY)
    assert scaling.columns == (QUERY[1],)
    asked = np.full((1, len(QUERY)), 9.0)
    assert scaling.of(asked, QUERY).tolist() == [[1.0]]


def test_a_saved_model_answers_alike(model, frame):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    parts = model.parts()
    assert set(parts) == {"sequence.json", "sequence.safetensors"}
    again = SequenceModel.from_parts(parts)
    assert (again.silent(frame, 45) == model.silent(frame, 45)).all()
    assert (again.revenue(frame) == model.revenue(frame)).all()
    assert again.parts() == parts
