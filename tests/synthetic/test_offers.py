"""Offers of simulated shops: truths by hand, by chance, and in the shop's own campaigns."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from tests.synthetic.test_shop import purchases, within_noise

from holdfast.errors import InputError
from holdfast.synthetic import OFFERS, Offer, Shop, simulate_batch
from holdfast.synthetic.behaviour import draw_customers

ONLY_THEN = Offer(name="only-then", uplift=0.5)
PULLED = Offer(name="pulled", uplift=0.5, pull_forward=0.4)
HABIT = Offer(name="habit", uplift=0.5, habit=0.1)
SAVES = Offer(name="saves", uplift=0.0, saves=0.5)
EVEN = replace(Shop.memoryless(4_000, seed=4), dropouts_per_year=0.0, purchase_shape=3.0)
"""Nobody leaves, pauses or has a rhythm, and there is no season."""


def test_what_an_offer_adds_is_by_hand_what_its_rates_say() -> None:
    shop = replace(EVEN, n_days=60, truncated_days=400, offers=(ONLY_THEN, PULLED, HABIT))
    truth = simulate_batch(shop, 0).truth
    eager = truth.filter((pl.col("uplift") > 0) & (pl.col("uplift_pulled_365") > 0))
    rate = truth["purchase_rate_per_day"] * truth["mean_order_value"]
    # Responses have mean 1 and hang on nothing else.
    assert within_noise((truth["uplift"] - 30 * 0.5 * rate).to_numpy(), 0.0)
    for name, kappa in (("only-then", 1.0), ("pulled", 0.6), ("habit", (15 + 33.5) / 15)):
        assert truth[f"uplift_{name}_30"].to_list() == pytest.approx(truth["uplift"].to_list())
        ratio = eager[f"uplift_{name}_365"] / eager["uplift"]
        # The few whose rate would fall below 0 buy nothing, and no less.
        assert ratio.median() == pytest.approx(kappa)


def test_customers_saved_go_on_buying_by_the_law_of_their_survival() -> None:
    shop = replace(
        Shop.memoryless(2_000, seed=4), n_days=60, dropouts_per_year=2.0, offers=(SAVES,)
    )
    truth = simulate_batch(shop, 0).truth.filter("alive_at_end")
    rate, hazard = (
        truth[f"{name}_rate_per_day"].to_numpy()[:, None] for name in ("purchase", "dropout")
    )
    nights = np.arange(1, 366)
    # The first night lies before the contact.
    fewer = 0.5 * np.clip(nights - 1, 0, 30)
    added = rate * (np.exp(-hazard * (nights - fewer)) - np.exp(-hazard * nights))
    for days in (30, 365):
        expected = added[:, :days].sum(axis=1) * truth["mean_order_value"].to_numpy()
        np.testing.assert_allclose(truth[f"uplift_saves_{days}"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("offer", [ONLY_THEN, PULLED, HABIT], ids=lambda offer: offer.name)
def test_the_contacted_of_a_campaign_buy_as_much_more_as_their_offer_says(offer: Offer) -> None:
    shop = replace(
        EVEN, n_customers=10_000, seed=5, n_days=235, truncated_days=300, offers=(offer,),
        purchases_per_year=30.0, purchase_shape=50.0,
    )  # fmt: skip
    batch = simulate_batch(shop, 0)
    assert batch.treatments["campaign"].unique().to_list() == ["campaign-1"]
    age = (pl.col("day") - shop.start).dt.total_days() - 120
    bought = purchases(batch).select("customer_id", age=age)
    for first, last in ((-60, 0), (0, 30), (30, 75), (75, 115)):
        counts = bought.filter(pl.col("age").is_between(first, last - 1)).group_by("customer_id")
        trial = batch.treatments.join(counts.len(), on="customer_id", how="left").fill_null(0)
        arms = [trial.filter(treated=side)["len"].to_numpy() for side in (True, False)]
        noise = np.sqrt(sum(arm.var() / len(arm) for arm in arms))
        rise = {0: 0.5, 30: offer.habit - offer.pull_forward * 0.5 * 30 / 45, 75: offer.habit}
        expected = rise.get(first, 0.0) * 30 / 365 * (last - first)
        assert abs(arms[0].mean() - arms[1].mean() - expected) < 4 * noise + 0.01, first


def test_of_those_contacted_fewer_leave_in_the_nights_after_it() -> None:
    shop = replace(
        Shop.memoryless(10_000, seed=6), n_days=235, truncated_days=300, dropouts_per_year=2.0,
        dropout_shape=50.0, offers=(SAVES,), purchases_per_year=0.0,
    )  # fmt: skip
    batch = simulate_batch(shop, 0)
    sent = pl.lit(shop.start + timedelta(days=120)).cast(pl.Int32)
    lives = batch.treatments.join(batch.truth, on="customer_id").with_columns(
        age=pl.col("died_day") - sent
    )
    alive = lives.filter(pl.col("age").is_null() | (pl.col("age") > 0))
    for side, factor in ((True, 0.5), (False, 1.0)):
        arm = alive.filter(treated=side)
        for age, hazard in ((30, 30 * factor), (110, 30 * factor + 80)):
            stays = (arm["age"].is_null() | (arm["age"] > age)).to_numpy().astype(float)
            law = (1 + 2 / 365 / 50 * hazard) ** -50
            # Those who lived to the contact leave a little less readily than all.
            assert abs(stays.mean() - law) < 4 * stays.std() / np.sqrt(len(stays)) + 0.005


def test_the_truth_of_an_offer_is_what_chance_makes_of_it() -> None:
    offer = Offer(name="all", uplift=0.6, pull_forward=0.3, habit=0.15, saves=0.6)
    shop = Shop(n_customers=400, seed=3, n_days=110, dormancy=0.2, dropouts_per_year=2.0,
                offers=(offer,))  # fmt: skip
    truth = simulate_batch(shop, 0).truth
    lives = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(0,)).spawn(5)[0])
    response = draw_customers(shop, 0, lives).response
    alive = truth.with_columns(response=pl.Series(response)).filter("alive_at_end").head(60)
    bought = [_lived_on(shop, alive, offer if side else None, paths=1_500) for side in (1, 0)]
    worth = alive["mean_order_value"].to_numpy()[:, None] * (1 - shop.return_rate)
    for days in (30, 365):
        added = (bought[0] - bought[1])[:, :, :days].sum(axis=2) * worth
        # Where chance never made a purchase, the noise is still that of one.
        noise = np.maximum(added.std(axis=1) / np.sqrt(1_500), worth[:, 0] / 1_500)
        error = added.mean(axis=1) - alive[f"uplift_all_{days}"].to_numpy()
        assert (np.abs(error) < 5 * noise).all()
        assert abs(error.mean()) < 4 * np.sqrt((noise**2).sum()) / len(noise)


def _lived_on(shop: Shop, truth: pl.DataFrame, offer: Offer | None, *, paths: int) -> np.ndarray:
    """Purchases day by day by chance, shape (customers, paths, 365)."""
    rng = np.random.default_rng(17)
    column = {name: truth[name].to_numpy()[:, None] for name in truth.columns[1:]}
    shape, bought = (truth.height, paths), np.zeros((truth.height, paths, 365))
    alive = np.ones(shape, dtype=bool)
    dormant = np.broadcast_to(column["dormant_at_end"], shape).copy()
    phase = np.broadcast_to(column["rhythm_phase"], shape).copy()
    for ahead in range(365):
        day = shop.start + timedelta(days=shop.n_days + ahead)
        season = 365 / (334 + 31 * 2) * (2 if day.month == 12 else 1)
        hazard, rise = column["dropout_rate_per_day"], 0.0
        if offer is not None:
            hazard = hazard * (0.4 if 1 <= ahead <= 30 else 1)
            rise = 0.6 if ahead < 30 else 0.15 - 0.3 * 0.6 * 30 / 45 if ahead < 75 else 0.15
        alive &= rng.random(shape) < np.exp(-hazard)
        dormant = np.where(dormant, rng.random(shape) >= 1 / 60, rng.random(shape) < 1 / 240)
        rate = column["purchase_rate_per_day"] * np.maximum(1 + rise * column["response"], 0)
        phase += rng.poisson(rate * column["regularity_k"] * season * (alive & ~dormant))
        bought[:, :, ahead], phase = np.divmod(phase, column["regularity_k"])
    return bought


def test_what_a_past_campaign_still_does_is_in_what_is_expected() -> None:
    shop = replace(EVEN, n_days=160, truncated_days=400, offers=(HABIT,))
    batch = simulate_batch(shop, 0)
    rows = batch.truth.join(batch.treatments, on="customer_id")
    usual = rows["purchase_rate_per_day"] * 90
    for side, rise in ((True, 0.1), (False, 0.0)):
        arm = rows["treated"] == side
        more = (rows["expected_purchases_90"] / usual - 1).filter(arm).to_numpy()
        assert abs(more.mean() - rise) < 4 * more.std() / np.sqrt(len(more)) + 1e-12


def test_each_campaign_splits_those_it_contacts_over_the_offers_by_lot() -> None:
    one = simulate_batch(Shop(n_customers=5_000, seed=9), 0).treatments
    three = simulate_batch(Shop(n_customers=5_000, seed=9, offers=OFFERS), 0).treatments
    # The same half of the customers is contacted, and nobody held out is offered anything.
    assert three["treated"].equals(one["treated"])
    assert three.filter(~pl.col("treated"))["offer"].null_count() == three["treated"].not_().sum()
    for offer in OFFERS:
        of_offer = (three.filter("treated")["offer"] == offer.name).to_numpy().astype(float)
        assert within_noise(of_offer, 1 / 3)
    assert not {"offer", "accepted"} & set(one.columns)


def test_the_living_accept_as_often_as_an_offer_says_and_cost_that_much_more() -> None:
    voucher = replace(OFFERS[1], acceptance=0.5)
    shop = Shop(n_customers=5_000, seed=9, dropouts_per_year=3.0, offers=(voucher,))
    batch = simulate_batch(shop, 0)
    rows = batch.treatments.join(batch.truth, on="customer_id").filter("treated")
    sent = rows["occurred_at"].dt.date().cast(pl.Int32)
    gone = (rows["died_day"] <= sent).fill_null(False)
    assert gone.sum() > 1_000
    assert not rows.filter(gone)["accepted"].any()
    there = rows.filter(~gone)["accepted"].to_numpy().astype(float)
    # A twentieth of them pauses.
    assert abs(there.mean() - 0.5 * 0.95) < 0.02
    assert rows.filter("accepted")["cost"].unique().to_list() == [4.5]
    assert rows.filter(~pl.col("accepted"))["cost"].unique().to_list() == [0.5]
    assert not batch.treatments.filter(~pl.col("treated"))["accepted"].any()


@pytest.mark.parametrize(
    ("name", "numbers", "sentence"),
    [
        ("a b", {}, "an offer is called 'a b'"),
        ("a", {"saves": 1.5}, "saves of the offer 'a' is 1.5"),
        ("a", {"habit": float("nan")}, "habit of the offer 'a' is nan"),
    ],
)
def test_an_impossible_offer_is_refused(
    name: str, numbers: dict[str, float], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        Offer(name=name, **numbers)


def test_offers_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="each with a name of its own"):
        Shop(n_customers=1, offers=(Offer(name="a"), Offer(name="a")))
