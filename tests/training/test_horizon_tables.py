"""Every horizon of a run: none contradicts another, and all of them what the scores say."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.storage.runs import Registry, Run
from holdfast.tables import FORECAST, HORIZONS
from holdfast.training.horizon_tables import evidence_level


@pytest.fixture
def published(simulated_shop: Path) -> Run:
    return Registry(simulated_shop / "runs").open()


@pytest.mark.parametrize(
    ("column", "sign"),
    [
        ("churn_probability", -1),
        ("expected_purchases", 1),
        ("expected_revenue", 1),
        ("median_revenue", 1),
        ("high_80", 1),
        ("clv", 1),
    ],
)
def test_a_longer_window_never_holds_less(published: Run, column: str, sign: int) -> None:
    rows = HORIZONS.check(published.table("horizons")).sort("customer_id", "horizon_days")
    steps = rows.select((sign * pl.col(column).diff()).over("customer_id")).to_series().drop_nulls()
    assert len(steps) == 3 * published.scores.height
    assert (steps >= -1e-9).all()


def test_the_scores_are_the_horizons_at_the_tasks_own(published: Run) -> None:
    scores, rows = published.scores, published.table("horizons")
    joined = scores.join(rows.filter(horizon_days=90), on="customer_id", suffix="_90").join(
        rows.filter(horizon_days=180), on="customer_id", suffix="_180"
    )
    for ours, theirs in (
        ("churn_probability", "churn_probability_90"),
        ("expected_purchases", "expected_purchases_90"),
        ("expected_revenue", "expected_revenue_180"),
        ("median_revenue", "median_revenue_180"),
        ("revenue_high_80", "high_80_180"),
    ):
        assert joined[ours].to_list() == pytest.approx(joined[theirs].to_list()), ours


def test_purchases_are_never_fewer_than_the_chance_of_one(published: Run) -> None:
    rows = published.table("horizons")
    assert (rows["expected_purchases"] >= 1 - rows["churn_probability"] - 1e-9).all()
    # Whose next purchase is due within the shortest horizon buys in it more likely than not.
    soon = published.scores.filter(pl.col("next_purchase_day") < pl.col("cutoff_day") + 30)
    near = rows.filter(horizon_days=30).join(soon, on="customer_id", how="semi")
    assert near.height > 0
    assert (near["churn_probability"] <= 0.5 + 1e-9).all()


def test_the_weeks_add_up_to_the_longest_horizon_for_every_kind_of_group(published: Run) -> None:
    weeks = FORECAST.check(published.table("forecast"))
    whole = published.table("horizons").filter(horizon_days=365)["expected_revenue"].sum()
    for kind in ("company", "cohort", "segment"):
        assert weeks.filter(group_kind=kind)["expected_revenue"].sum() == pytest.approx(
            whole, rel=1e-9
        ), kind


def test_the_median_and_the_intervals_are_proved_beside_the_mean(published: Run) -> None:
    evidence = published.table("evidence")
    assert set(evidence.filter(model="interval")["metric"]) == {"coverage_80", "coverage_95"}
    assert set(evidence.filter(model="median")["metric"]) == {"wape", "mae"}
    proved = published.table("predictions").drop_nulls("median_revenue")
    held = proved.select(
        pl.col("future_revenue").is_between("revenue_low_80", "revenue_high_80").mean()
    ).item()
    told = evidence.filter(model="interval", metric="coverage_80")["value"].item()
    assert held == pytest.approx(told)


def test_one_purchase_is_a_cold_start_and_four_over_a_horizon_are_solid() -> None:
    seen = pl.DataFrame({"n_purchases": [1, 4, 4, 3], "tenure_days": [400, 90, 89, 400]})
    found = seen.select(evidence_level(horizon_days=90)).to_series().to_list()
    assert found == ["cold start", "solid", "thin", "thin"]
