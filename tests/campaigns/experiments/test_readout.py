"""Readouts: what a campaign did, and when that is not said."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.campaigns.experiments.looks import look_bounds
from holdfast.campaigns.experiments.readout import read_out
from holdfast.campaigns.treatments import HOLD_OUT
from holdfast.errors import DataError, NotEnoughData

SHARES = {"voucher": 0.45, "letter": 0.45, HOLD_OUT: 0.1}


def campaign(n: int = 4_000, *, seed: int = 1, lift: float = 0.0) -> pl.DataFrame:
    """The voucher adds `lift` to the chance of buying, of .2 on average; the letter nothing."""
    rng = np.random.default_rng(seed)
    arm = rng.choice(list(SHARES), n, p=list(SHARES.values()))
    chance = rng.beta(1, 4, n)
    bought = rng.random(n) < chance + lift * (arm == "voucher")
    revenue = np.round(bought * rng.lognormal(3, 0.5, n), 2)
    return pl.DataFrame({
        "customer_id": [f"c{number}" for number in range(n)], "assigned": arm,
        "bought": bought.astype(float), "revenue": revenue, "margin": revenue * 0.4,
        "predicted": chance * 20,
    })  # fmt: skip


def row(table: pl.DataFrame, offer: str, outcome: str) -> dict[str, Any]:
    return table.row(
        by_predicate=(pl.col("offer") == offer) & (pl.col("outcome") == outcome), named=True
    )


def test_each_offer_is_held_against_the_hold_out_in_purchases_revenue_and_margin() -> None:
    effects = read_out(campaign(lift=0.1), SHARES).effects
    assert effects.select("offer", "outcome").rows() == [
        (offer, outcome)
        for outcome in ("bought", "revenue", "margin")
        for offer in ("voucher", "letter")
    ]
    voucher = row(effects, "voucher", "bought")
    assert voucher["low"] < 0.1 < voucher["high"]
    assert voucher["p_value"] < 0.01
    assert row(effects, "letter", "bought")["low"] < 0 < row(effects, "letter", "bought")["high"]
    assert set(effects["uplift_source"]) == {"experiment"}


def test_margin_is_in_proportion_to_revenue() -> None:
    effects = read_out(campaign(), SHARES).effects
    revenue, margin = (row(effects, "voucher", outcome) for outcome in ("revenue", "margin"))
    for name in ("effect", "low", "high", "mean_held_out", "capped_effect"):
        assert margin[name] == pytest.approx(0.4 * revenue[name])


def test_the_small_arms_money_has_one_variance_and_purchases_their_own() -> None:
    effects = read_out(campaign(), SHARES).effects
    assert row(effects, "voucher", "revenue")["variance"] == "pooled"
    assert row(effects, "voucher", "bought")["variance"] == "of each arm"
    assert row(effects, "voucher", "bought")["capped_effect"] is None


def test_p_values_are_adjusted_for_the_number_of_offers() -> None:
    effects = read_out(campaign(lift=0.1), SHARES).effects
    smaller, larger = sorted(
        (row(effects, offer, "bought") for offer in ("voucher", "letter")),
        key=lambda each: each["p_value"],
    )
    assert smaller["p_adjusted"] == pytest.approx(2 * smaller["p_value"])
    assert larger["p_adjusted"] == pytest.approx(larger["p_value"])


def test_an_early_look_asks_for_more() -> None:
    bound = look_bounds([0.5, 1.0])[0]
    once, early = (
        row(read_out(campaign(), SHARES, critical=critical).effects, "voucher", "revenue")
        for critical in (None, bound)
    )
    assert early["high"] - early["low"] > 1.4 * (once["high"] - once["low"])


def test_households_make_the_interval_wider() -> None:
    rows = campaign(2_000)
    twins = pl.concat([rows, rows.with_columns(pl.col("customer_id") + "'")])
    homes = twins.with_columns(household=pl.col("customer_id").str.strip_suffix("'"))
    plain, clustered = (
        row(read_out(each, SHARES).effects, "voucher", "bought")["standard_error"]
        for each in (twins, homes)
    )
    assert clustered == pytest.approx(plain * np.sqrt(2), rel=0.01)


def test_without_a_hold_out_there_is_nothing_to_say() -> None:
    rows = campaign().filter(pl.col("assigned") != HOLD_OUT)
    with pytest.raises(NotEnoughData, match="nobody was held out") as error:
        read_out(rows, SHARES)
    assert "at random" in error.value.fix


def test_a_customer_in_two_arms_is_named() -> None:
    rows = campaign()
    again = rows.head(1).with_columns(assigned=pl.lit(HOLD_OUT))
    with pytest.raises(DataError, match="two arms"):
        read_out(pl.concat([rows, again]), SHARES)


def test_an_arm_that_was_not_planned_is_named() -> None:
    rows = campaign().with_columns(pl.col("assigned").replace({"letter": "postcard"}))
    with pytest.raises(DataError, match="postcard"):
        read_out(rows, SHARES)


def test_sizes_that_do_not_fit_the_plan_stop_the_readout() -> None:
    rows = campaign()
    fewer = rows.filter((pl.col("assigned") != "letter") | (pl.col("bought") == 1))
    with pytest.raises(DataError, match="do not fit the plan"):
        read_out(fewer, SHARES)


def test_outcomes_missing_in_one_arm_stop_the_readout() -> None:
    lost = (pl.col("assigned") == HOLD_OUT) & (pl.col("bought") == 0)
    rows = campaign().with_columns(
        pl.when(~lost).then(pl.col(name)).alias(name) for name in ("bought", "revenue", "margin")
    )
    with pytest.raises(DataError, match="missing more in one arm"):
        read_out(rows, SHARES)


def test_a_few_outcomes_missing_everywhere_are_left_out() -> None:
    lost = pl.int_range(pl.len()) % 50 == 0
    rows = campaign().with_columns(pl.when(~lost).then("revenue").alias("revenue"))
    effects = read_out(rows, SHARES).effects
    everyone = (
        effects.filter(pl.col("outcome") == "bought")["assigned"].sum() + effects["held_out"][0]
    )
    assert everyone == 4_000 - 80


def test_a_customer_without_a_prediction_is_named() -> None:
    rows = campaign().with_columns(predicted=pl.when(pl.int_range(pl.len()) > 2).then("predicted"))
    with pytest.raises(DataError, match="3 customers have no predicted value"):
        read_out(rows, SHARES)


def test_an_arm_of_a_handful_says_nothing() -> None:
    with pytest.raises(NotEnoughData, match="fewer than 20 customers of hold out"):
        read_out(campaign(100), SHARES)
