"""Spending by law: purchases x the value of an order, and what each input says of them."""

import numpy as np
import polars as pl
import pytest

from holdfast.errors import NotEnoughData
from holdfast.models.purchase_counts import BTYDRevenue, fit_btyd_revenue
from holdfast.models.purchase_counts.btyd_revenue import INPUTS
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
def law(purchases):
    return fit_btyd_revenue(purchases, now=NOW, horizon_days=HORIZON, first_day=FIRST_DAY, seed=1)[
        0
    ]


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
    assert found.columns == INPUTS
    np.testing.assert_allclose(found.total, law.revenue(customers), rtol=1e-9)


def test_more_money_per_order_is_told_by_the_spending_and_by_nothing_else(law, customers):
    one = customers.head(1)
    richer = one.with_columns(pl.col("spend_total") * 3)
    assert law.revenue(richer)[0] > law.revenue(one)[0]
    assert law.attribution(richer).values[0, INPUTS.index("spend_total")] > 0


def test_a_law_rebuilt_from_its_parts_says_the_same_of_a_customer_without_a_cutoff(law, customers):
    again = BTYDRevenue.from_parts(law.parts())
    assert again is not None
    np.testing.assert_array_equal(
        again.revenue(customers.drop("cutoff_day")), law.revenue(customers)
    )


def test_orders_that_are_all_alike_are_refused(purchases):
    days = pl.DataFrame({"customer_id": ["a", "b"], "day": [NOW - 9, NOW - 9], "net": [5.0, 5.0]})
    with pytest.raises(NotEnoughData, match="none different"):
        fit_btyd_revenue(
            days.with_columns(pl.col("day").cast(pl.Int32)),
            now=NOW,
            horizon_days=90,
            first_day=NOW - 20,
            seed=1,
        )
