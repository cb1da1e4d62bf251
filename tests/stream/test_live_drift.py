"""Whom the stream scores is held against what the run saw."""

import pytest
from tests.stream.shops import SimulatedShop

from holdfast.errors import NotEnoughData
from holdfast.storage.runs import Registry
from holdfast.stream.live_drift import LiveDrift, compare_live


def _compare(shop: SimulatedShop) -> LiveDrift:
    with shop.connect() as connection:
        return compare_live(connection, Registry(shop.folder / "runs").open(), times=1.5)


def test_on_the_day_of_the_run_nothing_has_moved(scored_shop: SimulatedShop) -> None:
    scored_shop.sweep(today=scored_shop.last_day)
    live = _compare(scored_shop)
    assert live.days == 0
    assert live.drift.height > 20
    # A cent at the edge of a bin is divided otherwise by DuckDB than by Polars.
    assert live.drift["stability_index"].max() == pytest.approx(0, abs=1e-3)
    assert not live.drift["has_drifted"].any()


def test_a_feature_that_all_at_once_is_nothing_has_drifted(scored_shop: SimulatedShop) -> None:
    scored_shop.sweep(today=scored_shop.last_day)
    with scored_shop.connect() as connection:
        place = "array_position(feature_names, 'n_sessions_90d')"
        connection.execute(
            f"UPDATE scores SET features[{place}] = 0 FROM scoring_runs "
            "WHERE scoring_runs.run_id = scores.run_id"
        )
    drifted = _compare(scored_shop).drift.filter("has_drifted")
    assert drifted["feature"].unique().to_list() == ["n_sessions_90d"]


def test_before_anybody_was_scored_nothing_is_compared(scored_shop: SimulatedShop) -> None:
    with pytest.raises(NotEnoughData, match="has scored nobody"):
        _compare(scored_shop)
