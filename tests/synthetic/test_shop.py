"""Simulated shops against closed forms, a continuation by chance, and their own randomised
campaigns.
"""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from holdfast.errors import InputError
from holdfast.synthetic import Offer, Shop, SimulatedBatch, simulate, simulate_batch
from holdfast.tables import ENGAGEMENT_KINDS

TABLES = ("orders", "events", "customers", "treatments", "truth")
RICH = Shop(n_customers=3_000, seed=3, dormancy=0.2, return_rate=0.2)


@pytest.fixture(scope="module")
def rich() -> SimulatedBatch:
    return simulate_batch(RICH, 0)


def purchases(batch: SimulatedBatch) -> pl.DataFrame:
    """One row per order, with its day."""
    bought = batch.orders.filter(pl.col("quantity") > 0)
    return (
        bought.group_by("customer_id", "order_id", "occurred_at")
        .agg(value=(pl.col("quantity") * pl.col("unit_price")).sum())
        .with_columns(day=pl.col("occurred_at").dt.date())
    )


def within_noise(found: np.ndarray, expected: float, *, sigmas: float = 4.0) -> bool:
    """Whether the mean of independent draws lies within so many standard errors of what is
    expected.
    """
    return abs(found.mean() - expected) < sigmas * found.std() / np.sqrt(len(found))


def test_orders_and_survivors_of_the_textbook_shop_are_those_of_pareto_nbd() -> None:
    shop = replace(
        Shop.memoryless(10_000, seed=1),
        n_days=400,
        purchases_per_year=10.0,
        purchase_shape=0.7,
        dropouts_per_year=1.5,
        dropout_shape=1.4,
    )
    batch = simulate_batch(shop, 0)
    beta = 1.4 * 365 / 1.5
    # First orders fall evenly on 400 days; a customer is still alive m days after its own with ((b
    # / (b + m)) ** s.
    alive_after = (beta / (beta + np.arange(400))) ** 1.4
    repeat_orders = 10 / 365 * np.mean([alive_after[1 : 400 - day].sum() for day in range(400)])

    per_customer = (
        batch.customers.join(
            purchases(batch).group_by("customer_id").len(), on="customer_id", how="left"
        )["len"]
        .fill_null(0)
        .to_numpy()
    )
    assert within_noise(per_customer, 1 + repeat_orders)
    assert within_noise(batch.truth["alive_at_end"].to_numpy().astype(float), alive_after.mean())


def test_december_sells_as_many_times_more_as_the_shop_says() -> None:
    shop = replace(
        Shop.memoryless(3_000, seed=5),
        start=date(2022, 1, 1),
        n_days=730,
        december_factor=4.0,
        dropouts_per_year=0.0,
        truncated_days=365,
    )
    batch = simulate_batch(shop, 0)
    old = batch.customers.filter(pl.col("known_from") < shop.start)
    sold = purchases(batch).join(old, on="customer_id", how="semi")
    december = sold.filter(pl.col("day").dt.month() == 12).height / 62
    rest = sold.filter(pl.col("day").dt.month() != 12).height / (730 - 62)
    assert december / rest == pytest.approx(4.0, rel=0.05)


def test_gaps_of_regular_customers_vary_as_little_as_their_k_says() -> None:
    shop = replace(
        Shop.memoryless(2_000, seed=6),
        rhythm=3.0,
        purchases_per_year=60.0,
        dropouts_per_year=0.0,
        purchase_shape=50.0,
    )
    batch = simulate_batch(shop, 0)
    gaps = (
        purchases(batch)
        .sort("customer_id", "occurred_at")
        .select(
            "customer_id",
            gap=pl.col("occurred_at").diff().over("customer_id").dt.total_seconds() / 86_400,
        )
        .drop_nulls()
    )
    spread = gaps.group_by("customer_id").agg(
        cv2=(pl.col("gap").std() / pl.col("gap").mean()) ** 2, n=pl.len()
    )
    by_k = (
        spread.filter(pl.col("n") > 30)
        .join(batch.truth, on="customer_id")
        .group_by("regularity_k")
        .agg(pl.col("cv2").mean(), pl.len())
    )
    for row in by_k.filter(pl.col("len") > 100).iter_rows(named=True):
        assert row["cv2"] == pytest.approx(1 / row["regularity_k"], rel=0.1)
    assert by_k.filter(pl.col("len") > 100).height >= 4


def test_returns_are_the_stated_share_of_lines_and_come_within_28_days(
    rich: SimulatedBatch,
) -> None:
    number = pl.col("order_id").str.slice(1)
    bought = rich.orders.filter(pl.col("order_id").str.starts_with("O")).with_columns(number=number)
    back = rich.orders.filter(pl.col("order_id").str.starts_with("R")).with_columns(number=number)
    assert (bought["quantity"] > 0).all()
    assert (back["quantity"] < 0).all()

    end = RICH.start + timedelta(days=RICH.n_days)
    settled = bought.filter(pl.col("occurred_at").dt.date() < end - timedelta(days=28))
    order_day = bought.unique("number").select("number", "customer_id", ordered_at="occurred_at")
    matched = back.join(order_day, on=["number", "customer_id"])
    assert matched.height == back.height
    days = (matched["occurred_at"] - matched["ordered_at"]).dt.total_seconds() / 86_400
    assert days.min() == 1
    assert days.max() == 28
    returned = matched.filter(pl.col("ordered_at").dt.date() < end - timedelta(days=28)).height
    assert returned / settled.height == pytest.approx(RICH.return_rate, rel=0.03)


def test_mean_order_value_is_what_orders_cost_on_average(rich: SimulatedBatch) -> None:
    orders = purchases(rich).join(
        rich.truth.select("customer_id", "mean_order_value"), on="customer_id"
    )
    assert within_noise((orders["value"] - orders["mean_order_value"]).to_numpy(), 0.0)
    busy = orders.group_by("customer_id").agg(
        pl.col("value").mean(), pl.col("mean_order_value").first(), n=pl.len()
    )
    assert busy.filter(pl.col("n") > 20).select(pl.corr("value", "mean_order_value")).item() > 0.8


def test_nobody_buys_or_visits_after_death_or_before_being_known(rich: SimulatedBatch) -> None:
    life = rich.truth.join(rich.customers, on="customer_id").select(
        "customer_id", "known_from", died=pl.col("died_day").cast(pl.Date)
    )
    assert rich.truth["died_day"].is_null().equals(rich.truth["alive_at_end"])
    for happened in (purchases(rich), rich.events):
        dated = happened.join(life, on="customer_id").with_columns(
            day=pl.col("occurred_at").dt.date()
        )
        assert dated.filter(pl.col("day") < pl.col("known_from")).is_empty()
        assert dated.filter(pl.col("day") >= pl.col("died")).is_empty()


def test_pauses_hold_the_stated_share_of_the_living() -> None:
    shop = replace(
        Shop.memoryless(4_000, seed=8),
        dormancy=0.3,
        dropouts_per_year=0.0,
        truncated_days=1_000,
        n_days=30,
    )
    assert within_noise(
        simulate_batch(shop, 0).truth["dormant_at_end"].to_numpy().astype(float), 0.3
    )


def test_visits_precede_purchases_and_tell_the_living_from_the_dead(rich: SimulatedBatch) -> None:
    sessions = (
        rich.events.filter(pl.col("kind") == "session")
        .select("customer_id", "occurred_at")
        .sort("occurred_at")
    )
    # A first order in the first minutes of business has its visit before the customer was known.
    later = (
        purchases(rich)
        .join(rich.customers, on="customer_id")
        .filter(pl.col("day") > pl.col("known_from"))
    )
    joined = later.sort("occurred_at").join_asof(
        sessions.with_columns(visited_at="occurred_at"),
        on="occurred_at",
        by="customer_id",
        check_sortedness=False,
    )
    assert (joined["occurred_at"] - joined["visited_at"]).max() <= timedelta(minutes=10, hours=12)

    end = RICH.start + timedelta(days=RICH.n_days)
    recent = sessions.filter(pl.col("occurred_at").dt.date() >= end - timedelta(days=60))[
        "customer_id"
    ].unique()
    visited = rich.truth["customer_id"].is_in(recent.implode())
    assert rich.truth.filter(visited)["alive_at_end"].mean() > 0.9
    assert rich.truth.filter(~visited)["alive_at_end"].mean() < 0.5


def test_the_event_log_is_as_long_as_asked_for(rich: SimulatedBatch) -> None:
    assert set(rich.events["kind"].unique()) == set(ENGAGEMENT_KINDS)
    # Before and around the first order most visits are unknown; responses belong to campaigns.
    settled = pl.col("occurred_at").dt.date() > pl.col("known_from") + timedelta(days=7)
    events, orders = (
        t.join(rich.customers, on="customer_id").filter(settled)
        for t in (rich.events, purchases(rich))
    )
    browsed = events.filter(pl.col("kind") != "campaign_response")
    assert browsed.height / orders.height == pytest.approx(RICH.events_per_purchase, rel=0.05)


def test_a_shop_without_events_sells_the_same(rich: SimulatedBatch) -> None:
    silent = simulate_batch(replace(RICH, events_per_purchase=0.0), 0)
    assert silent.events.is_empty()
    assert silent.events.schema == rich.events.schema
    assert_frame_equal(silent.orders, rich.orders)


def test_treatment_is_random_and_its_recovered_uplift_is_the_true_one() -> None:
    shop = replace(
        Shop.memoryless(10_000, seed=11),
        n_days=160,
        purchases_per_year=24.0,
        dropouts_per_year=0.0,
        truncated_days=200,
        offers=(Offer(name="reminder", uplift=0.5),),
        purchase_shape=3.0,
    )
    batch = simulate_batch(shop, 0)
    assert batch.treatments["campaign"].unique().to_list() == ["campaign-1"]
    sent = batch.treatments["occurred_at"].dt.date().unique().item()
    assert sent == shop.start + timedelta(days=120)

    def spent(first: int, last: int) -> pl.Expr:
        inside = pl.col("day").is_between(
            shop.start + timedelta(days=first), shop.start + timedelta(days=last)
        )
        return pl.col("value").filter(inside).sum()

    orders = (
        purchases(batch).group_by("customer_id").agg(before=spent(60, 119), after=spent(120, 149))
    )
    trial = (
        batch.treatments.join(orders, on="customer_id", how="left")
        .join(batch.truth, on="customer_id")
        .join(batch.customers, on="customer_id")
        .with_columns(pl.col("before", "after").fill_null(0))
    )
    assert within_noise(trial["treated"].to_numpy().astype(float), 0.5)
    assert trial["propensity"].unique().to_list() == [0.5]

    def difference(arm: pl.DataFrame, outcome: str) -> tuple[float, float]:
        treated, control = (
            arm.filter(pl.col("treated") == side)[outcome].to_numpy() for side in (True, False)
        )
        noise = np.sqrt(treated.var() / len(treated) + control.var() / len(control))
        return treated.mean() - control.mean(), noise

    found, noise = difference(trial, "before")
    assert abs(found) < 4 * noise
    for arm in (trial, *trial.partition_by("channel")):
        found, noise = difference(arm, "after")
        assert abs(found - arm["uplift"].mean()) < 4 * noise
    by_channel = dict(trial.group_by("channel").agg(pl.col("uplift").mean()).iter_rows())
    assert (
        by_channel["email"]
        > by_channel["social"]
        > by_channel["search"]
        > 0
        > by_channel["referral"]
    )


def continued(shop: Shop, truth: pl.DataFrame, *, paths: int) -> tuple[np.ndarray, np.ndarray]:
    """Live on by chance, day by day: purchases and net revenue, shape (customers, paths, 365)."""
    rng = np.random.default_rng(99)
    column = {name: truth[name].to_numpy()[:, None] for name in truth.columns[1:]}
    shape = (truth.height, paths)
    alive, dormant = (
        np.broadcast_to(column[name], shape).copy() for name in ("alive_at_end", "dormant_at_end")
    )
    phase = np.broadcast_to(column["rhythm_phase"], shape).copy()
    bought, net = np.zeros((*shape, 365)), np.zeros((*shape, 365 + 28))
    wakes = 1 / 60
    sleeps = wakes * shop.dormancy / (1 - shop.dormancy)
    for ahead in range(365):
        day = shop.start + timedelta(days=shop.n_days + ahead)
        factor = (
            365
            / (334 + 31 * shop.december_factor)
            * (shop.december_factor if day.month == 12 else 1)
        )
        alive &= rng.random(shape) < np.exp(-column["dropout_rate_per_day"])
        dormant = np.where(dormant, rng.random(shape) >= wakes, rng.random(shape) < sleeps)
        phase += rng.poisson(
            column["purchase_rate_per_day"] * column["regularity_k"] * factor * (alive & ~dormant)
        )
        bought[:, :, ahead], phase = np.divmod(phase, column["regularity_k"])
        value = bought[:, :, ahead] * column["mean_order_value"]
        net[:, :, ahead] += value
        who, path = np.nonzero((value > 0) & (rng.random(shape) < shop.return_rate))
        net[who, path, ahead + rng.integers(1, 29, size=len(who))] -= value[who, path]
    return bought, net[:, :, :365]


def test_the_truth_is_what_chance_makes_of_the_latent_state(rich: SimulatedBatch) -> None:
    # Someone who bought nothing for 28 days has no returns due.
    end = RICH.start + timedelta(days=RICH.n_days)
    quiet = (
        rich.truth.join(
            purchases(rich).filter(pl.col("day") >= end - timedelta(days=28)),
            on="customer_id",
            how="anti",
        )
        .filter("alive_at_end")
        .head(50)
    )
    assert quiet["dormant_at_end"].any()
    assert quiet["regularity_k"].max() >= 4
    bought, net = continued(RICH, quiet, paths=1_000)
    worth = quiet["mean_order_value"].to_numpy()
    for days in (30, 90, 180, 365):
        n_bought = bought[:, :, :days].sum(axis=2)
        for name, drawn, unit in (
            ("expected_purchases", n_bought, 1.0),
            ("expected_revenue", net[:, :, :days].sum(axis=2), worth),
            ("probability_no_purchase", n_bought == 0, 1.0),
        ):
            noise = drawn.std(axis=1) / np.sqrt(drawn.shape[1])
            error = drawn.mean(axis=1) - quiet[f"{name}_{days}"].to_numpy()
            # What is too rare to happen on any path has no spread of its own.
            assert (np.abs(error) < 5 * np.maximum(noise, 0.002 * unit)).all(), (name, days)
            assert abs(error.mean()) < 4 * np.sqrt((noise**2).sum()) / len(noise) + 1e-9, (
                name,
                days,
            )


def test_a_shop_in_balance_goes_on_as_it_did() -> None:
    shop = replace(
        Shop.memoryless(4_000, seed=12),
        rhythm=3.0,
        dormancy=0.2,
        dropouts_per_year=0.0,
        n_days=60,
        truncated_days=1_500,
    )
    batch = simulate_batch(shop, 0)
    lately = (
        purchases(batch)
        .filter(pl.col("day") >= shop.start + timedelta(days=30))
        .group_by("customer_id")
        .len()
    )
    settled = (
        batch.customers.filter(pl.col("known_from") < shop.start - timedelta(days=300))
        .join(batch.truth, on="customer_id")
        .join(lately, on="customer_id", how="left")
    )
    assert within_noise(
        (settled["len"].fill_null(0) - settled["expected_purchases_30"]).to_numpy(), 0.0
    )


def test_all_that_is_expected_of_the_dead_is_their_returns(rich: SimulatedBatch) -> None:
    end = RICH.start + timedelta(days=RICH.n_days)
    lines = rich.orders.join(
        rich.truth.filter(~pl.col("alive_at_end")), on="customer_id", how="semi"
    ).with_columns(
        number=pl.col("order_id").str.slice(1), value=pl.col("quantity") * pl.col("unit_price")
    )
    ordered = (
        lines.filter(pl.col("quantity") > 0)
        .unique("number")
        .select("number", ordered_at="occurred_at")
    )
    # What is back already cancels out of what may still come back.
    pending = (
        lines.join(ordered, on="number")
        .with_columns(
            age=(pl.lit(end - timedelta(days=1)) - pl.col("ordered_at").dt.date()).dt.total_days()
        )
        .filter(pl.col("age") < 28)
    )
    rate = RICH.return_rate
    for days in (30, 90, 180, 365):
        chance = [
            rate
            * sum(age < lag <= age + days for lag in range(1, 29))
            / 28
            / (1 - rate * sum(lag <= age for lag in range(1, 29)) / 28)
            for age in pending["age"]
        ]
        due = (
            pending.with_columns(due=pl.col("value") * pl.Series(chance))
            .group_by("customer_id")
            .agg(pl.col("due").sum())
        )
        dead = rich.truth.filter(~pl.col("alive_at_end")).join(due, on="customer_id", how="left")
        assert due.height > 10
        np.testing.assert_allclose(
            dead[f"expected_revenue_{days}"], -dead["due"].fill_null(0), atol=1e-9
        )
        assert (dead[f"probability_no_purchase_{days}"] == 1).all()
    assert (rich.truth.filter(~pl.col("alive_at_end"))["uplift"] == 0).all()


def test_probabilities_fall_and_purchases_grow_with_the_horizon(rich: SimulatedBatch) -> None:
    nothing = rich.truth.select(
        f"probability_no_purchase_{h}" for h in (30, 90, 180, 365)
    ).to_numpy()
    expected = rich.truth.select(f"expected_purchases_{h}" for h in (30, 90, 180, 365)).to_numpy()
    assert (np.diff(nothing) <= 0).all()
    assert (np.diff(expected) >= 0).all()
    assert (nothing >= 0).all()
    assert np.isfinite(rich.truth.drop("customer_id", "died_day").cast(pl.Float64).to_numpy()).all()
    # Each purchase is at least one: 1 - P(none) <= E[purchases].
    assert (1 - nothing <= expected + 1e-9).all()


def test_a_customer_keeps_its_fate_in_a_larger_shop() -> None:
    small, large = (replace(RICH, n_customers=n, n_days=200) for n in (10_000, 10_050))
    first, second = simulate(large)
    alone = simulate_batch(large, 1)
    only = simulate_batch(small, 0)
    for table in TABLES:
        assert_frame_equal(getattr(first, table), getattr(only, table))
        assert_frame_equal(getattr(second, table), getattr(alone, table))
    assert second.customers["customer_id"].to_list()[::49] == ["C00010000", "C00010049"]
    assert not set(first.orders["order_id"]) & set(second.orders["order_id"])


def test_another_seed_is_another_shop(rich: SimulatedBatch) -> None:
    assert not simulate_batch(replace(RICH, seed=4), 0).orders.equals(rich.orders)


def test_customers_of_a_truncated_log_are_older_than_it() -> None:
    shop = Shop(n_customers=2_000, n_days=365, truncated_days=180)
    batch = simulate_batch(shop, 0)
    older = (batch.customers["known_from"] < shop.start).mean()
    assert older == pytest.approx(180 / 545, abs=0.06)
    assert batch.customers["known_from"].min() >= shop.start - timedelta(days=180)
    for table in (batch.orders, batch.events, batch.treatments):
        day = table["occurred_at"].dt.date()
        assert day.min() >= shop.start
        assert day.max() < shop.start + timedelta(days=365)


def test_newcomers_came_in_the_last_90_days() -> None:
    shop = replace(Shop.memoryless(4_000, seed=2), newcomer_share=0.6)
    known_from = simulate_batch(shop, 0).customers["known_from"]
    recent = (known_from >= shop.start + timedelta(days=shop.n_days - 90)).to_numpy().astype(float)
    assert within_noise(recent, 0.6 + 0.4 * 90 / 730)


def test_orders_are_as_a_shop_writes_them(rich: SimulatedBatch) -> None:
    orders = rich.orders
    assert orders.schema == {
        "customer_id": pl.String,
        "occurred_at": pl.Datetime("us", "UTC"),
        "order_id": pl.String,
        "product_id": pl.String,
        "quantity": pl.Int32,
        "unit_price": pl.Float64,
    }
    assert orders["unit_price"].min() > 0
    assert orders.n_unique("product_id") > 200
    assert orders["occurred_at"].dt.hour().is_between(8, 19).all()
    lines = (
        orders.filter(pl.col("quantity") > 0)
        .group_by("order_id")
        .agg(pl.len(), pl.col("customer_id").n_unique())
    )
    assert set(lines["len"].unique()) == {1, 2, 3, 4}
    assert lines["customer_id"].max() == 1
    days = purchases(rich).group_by("customer_id", "day").len()
    assert 0 < (days["len"] > 1).mean() < 0.05


@pytest.mark.parametrize(
    "change",
    [
        {"n_customers": 0},
        {"rhythm": 0.5},
        {"dormancy": 1.0},
        {"purchases_per_year": float("nan")},
        {"events_per_purchase": 2.0},
        {"currency": "euro"},
    ],
)
def test_an_impossible_shop_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(change))} is"):
        replace(RICH, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"n_customers": 1},
        {"n_days": 1},
        {"purchases_per_year": 0.0},
        {"december_factor": 0.0},
        {"return_rate": 1.0},
        {"n_days": 10, "truncated_days": 300},
    ],
)
def test_a_shop_at_the_edge_still_opens(change: dict[str, float]) -> None:
    batch = simulate_batch(replace(RICH, **{"n_customers": 50} | change), 0)
    assert batch.truth.height == batch.customers.height
    assert batch.truth.drop("died_day").null_count().sum_horizontal().item() == 0
