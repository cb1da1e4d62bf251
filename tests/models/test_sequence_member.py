"""The network in the pool: at its weight, silent of whom it has not read, never contradictory."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from holdfast.arrays import Vector
from holdfast.errors import DataError
from holdfast.features.recent_days import RECENT_DAYS, add_recent_days
from holdfast.learners.design import Attribution
from holdfast.learners.link_functions import log_odds
from holdfast.models.sequence_member import SequenceRevenue, SequenceSilence
from holdfast.tables import ACTIVITY


@dataclass(frozen=True)
class ByRecency:
    """Stands in for a network: a customer comes back at .01 a day, over the days of silence."""

    trained_until: int = 100

    def silent(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        last = frame[RECENT_DAYS].list.last().struct.field("day").to_numpy()
        return np.exp(-0.01 * horizon_days * 30 / (frame["cutoff_day"].to_numpy() - last))

    def revenue(self, frame: pl.DataFrame) -> Vector:
        return 100 * (1 - self.silent(frame, 90))

    def median_revenue(self, frame: pl.DataFrame) -> Vector:
        return 0.5 * self.revenue(frame)


def customers() -> pl.DataFrame:
    """Three with their last day 1, 30 and 90 days before the cutoff."""
    names, days = ["a", "b", "c"], [99, 70, 10]
    rows = pl.DataFrame(
        {"customer_id": names, "day": days}, schema={"customer_id": pl.String, "day": pl.Int32}
    )
    rest = {name: kind for name, kind in ACTIVITY.schema.items() if name not in rows.columns}
    activity = rows.with_columns(pl.lit(1).cast(kind).alias(name) for name, kind in rest.items())
    frame = pl.DataFrame({"customer_id": names}).with_columns(cutoff_day=pl.lit(100, pl.Int32))
    return add_recent_days(frame, activity)


def silence(**changes: float) -> SequenceSilence:
    member = SequenceSilence(ByRecency(), horizon_days=90, weight=0.5)  # type: ignore[arg-type]
    return replace(member, **changes)  # type: ignore[arg-type]


OTHERS = np.array([0.2, 0.5, 0.8])


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_log_odds_of_the_pool_are_the_weighted_mean(weight: float) -> None:
    member, frame = silence(weight=weight), customers()
    expected = (1 - weight) * log_odds(OTHERS) + weight * log_odds(member.silent(frame))
    np.testing.assert_allclose(log_odds(member.join(OTHERS, frame)), expected, atol=1e-9)


def test_of_whom_no_days_are_known_the_others_speak_alone() -> None:
    frame = customers().with_columns(
        pl.when(pl.col("customer_id") != "b").then(RECENT_DAYS).alias(RECENT_DAYS)
    )
    pooled = silence().join(OTHERS, frame)
    assert pooled[1] == OTHERS[1]
    np.testing.assert_array_equal(
        pooled[[0, 2]], silence().join(OTHERS[[0, 2]], frame.filter(pl.col("customer_id") != "b"))
    )


def test_a_frame_without_days_is_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match="'recent_days' is missing") as refused:
        silence().join(OTHERS, customers().drop(RECENT_DAYS))
    assert "sequence" in refused.value.fix


def test_a_frame_that_names_no_cutoff_is_of_the_day_the_network_was_trained_at() -> None:
    frame = customers()
    np.testing.assert_array_equal(
        silence().silent(frame.drop("cutoff_day")), silence().silent(frame)
    )


def test_no_horizon_contradicts_a_shorter_one_at_any_level() -> None:
    frame = customers()
    for power in (0.3, 3.0):
        member = silence(power=power)
        pooled = [member.join(OTHERS, frame, days) for days in (7, 30, 90, 365)]
        assert (np.diff(pooled, axis=0) <= 0).all()


def test_what_columns_and_days_add_is_the_log_odds_of_the_pool() -> None:
    values, base = np.array([[0.4, 0.1], [0.2, 0.3], [-0.1, 0.0]]), np.array([0.1, 0.1, 0.1])
    others, frame = Attribution(("x", "y"), values, base), customers()
    added = silence(weight=0.4, usual=0.2).attribution(others, frame)
    assert added.columns == ("x", "y", RECENT_DAYS)
    pooled = silence(weight=0.4).join(1 / (1 + np.exp(-others.total)), frame)
    np.testing.assert_allclose(added.total, log_odds(pooled), atol=1e-9)


def test_money_over_another_horizon_is_the_same_share_of_the_networks() -> None:
    frame, others = customers(), np.array([10.0, 20.0, 30.0])
    member = SequenceRevenue(ByRecency(), weight=0.5, factor=2.0)  # type: ignore[arg-type]
    own = 200 * (1 - ByRecency().silent(frame, 90))
    np.testing.assert_allclose(member.join(others, frame), (others + own) / 2)
    half = member.join(others / 2, frame, np.full(3, 0.5))
    np.testing.assert_allclose(half, (others + own) / 4)
