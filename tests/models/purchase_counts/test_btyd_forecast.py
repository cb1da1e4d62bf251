"""What the BTYD models expect: silence and revenue, and what each feature says of them."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from holdfast.errors import NotEnoughData
from holdfast.learners.link_functions import log_odds
from holdfast.models.purchase_counts import (
    BTYDRevenue,
    BTYDSilence,
    fit_btyd_revenue,
    fit_btyd_silence,
    fit_counts,
)
from holdfast.models.purchase_counts.histories import histories_at
from holdfast.synthetic import Shop
from holdfast.windows import day_of

FIRST_DAY = day_of(Shop(n_customers=1).start)
NOW, HORIZON = FIRST_DAY + 200, 200


@pytest.fixture(scope="module")
def purchases(memoryless):
    """Customers whose orders are worth 20 to 80 on average, and vary around it."""
    rng = np.random.default_rng(2)
    names = memoryless["customer_id"].unique().sort()
    usual = pl.DataFrame({"customer_id": names, "usual": rng.uniform(20, 80, len(names))})
    days = memoryless.join(usual, on="customer_id", maintain_order="left")
    return days.with_columns(net=pl.col("usual") * pl.Series(rng.gamma(4, 0.25, days.height))).drop(
        "usual"
    )


@pytest.fixture(scope="module")
def counts(purchases):
    return fit_counts(purchases, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY, seed=1)[0]


@pytest.fixture(scope="module")
def law(purchases, counts):
    return fit_btyd_revenue(purchases, counts, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY)


@pytest.fixture(scope="module")
def silence(counts, customers):
    return fit_btyd_silence(counts, customers, horizon_days=HORIZON, now=NOW)


@pytest.fixture(scope="module")
def customers(purchases):
    spent = (
        purchases.filter(pl.col("day") < NOW)
        .group_by("customer_id")
        .agg(spend_total=pl.col("net").sum())
    )
    return histories_at(purchases, NOW).join(spent, on="customer_id", maintain_order="left")


def test_reasons_add_up_to_what_is_explained(law, customers):
    found = law.attribution(customers)
    assert found.columns == law.inputs
    np.testing.assert_allclose(found.total, law.revenue(customers), rtol=1e-9)


def test_more_money_per_order_is_told_by_the_spending_and_by_nothing_else(law, customers):
    one = customers.head(1)
    richer = one.with_columns(pl.col("spend_total") * 3)
    assert law.revenue(richer)[0] > law.revenue(one)[0]
    assert law.attribution(richer).values[0, law.inputs.index("spend_total")] > 0


def test_a_law_rebuilt_from_its_parts_says_the_same_of_a_customer_without_a_cutoff(law, customers):
    again = BTYDRevenue.from_parts(law.parts())
    assert again is not None
    np.testing.assert_array_equal(
        again.revenue(customers.drop("cutoff_day")), law.revenue(customers)
    )


def test_reasons_for_silence_add_up_to_its_log_odds(silence, customers):
    found = silence.attribution(customers)
    assert found.columns == ("n_purchases", "days_since_last_purchase", "tenure_days")
    np.testing.assert_allclose(found.total, log_odds(silence.silent(customers)), rtol=1e-9)
    again = BTYDSilence.from_parts(silence.parts())
    np.testing.assert_array_equal(
        again.silent(customers.drop("cutoff_day")), silence.silent(customers)
    )


def test_silence_is_that_of_the_count_model_and_fades_with_the_horizon(silence, counts, customers):
    ((_, none),) = counts.ahead(customers, [HORIZON])
    np.testing.assert_allclose(silence.silent(customers), none, rtol=1e-9)
    shorter, longer = (silence.silent(customers, days) for days in (30, 365))
    assert (shorter > silence.silent(customers)).all()
    assert (silence.silent(customers) > longer).all()


def test_a_customer_alone_comes_out_as_among_others(silence, law, customers):
    for place in (0, 17, 99):
        one = customers[place : place + 1]
        assert silence.silent(one)[0] == silence.silent(customers)[place]
        assert law.revenue(one)[0] == law.revenue(customers)[place]


def test_the_level_is_learnt_where_many_show_it_and_hardly_where_one_customer_does(
    purchases, counts
):
    recent = pl.col("day") >= NOW - HORIZON // 2
    dearer = purchases.with_columns(net=pl.when(recent).then(pl.col("net") * 3).otherwise("net"))
    whale = purchases.with_columns(
        net=pl.when(recent & (pl.col("customer_id") == purchases["customer_id"][0]))
        .then(pl.col("net").sum())
        .otherwise("net")
    )
    fit = [
        fit_btyd_revenue(each, counts, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY).level
        for each in (purchases, dearer, whale)
    ]
    assert fit[1] > 1.1 * fit[0]
    assert abs(np.log(fit[2])) < 0.15


def test_a_model_of_an_earlier_version_names_its_usual_customer_by_place(law, customers):
    placed = replace(law, usual=tuple(law.usual.values()))
    again = BTYDRevenue.from_parts(placed.parts())
    np.testing.assert_allclose(
        again.attribution(customers).values, law.attribution(customers).values
    )


def test_orders_that_are_all_alike_are_refused(counts):
    days = pl.DataFrame({"customer_id": ["a", "b"], "day": [NOW - 9, NOW - 9], "net": [5.0, 5.0]})
    with pytest.raises(NotEnoughData, match="none different"):
        fit_btyd_revenue(
            days.with_columns(pl.col("day").cast(pl.Int32)),
            counts,
            now=NOW,
            horizon_days=90,
            first_day=NOW - 20,
        )


def test_between_one_purchase_and_two_the_usual_customer_made_one(counts):
    # Half of them bought once: the median is a purchase and a half, of which nothing can be told.
    days = [
        (f"c{i}", FIRST_DAY + i + 30 * j, 10.0 + i % 9)
        for i in range(100)
        for j in range(i % 2 + 1)
    ]
    bought = pl.DataFrame(days, schema=["customer_id", "day", "net"], orient="row")
    law = fit_btyd_revenue(bought, counts, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY)
    assert law.usual["n_purchases"] == 1
    spent = bought.group_by("customer_id").agg(spend_total=pl.col("net").sum())
    customers = histories_at(bought, NOW).join(spent, on="customer_id", maintain_order="left")
    np.testing.assert_allclose(law.attribution(customers).total, law.revenue(customers), rtol=1e-9)
