"""Purchase days of simulated shops."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from holdfast.synthetic import Shop, simulate
from holdfast.windows import day_of

FIRST_DAY = day_of(Shop(n_customers=1).start)


def days_of(shop: Shop) -> pl.DataFrame:
    """customer_id, day of every purchase."""
    parts = [
        batch.orders.filter(pl.col("quantity") > 0).select(
            "customer_id", day=pl.col("occurred_at").dt.date().cast(pl.Int32)
        )
        for batch in simulate(shop)
    ]
    return pl.concat(parts).unique().sort("customer_id", "day")


@pytest.fixture(scope="session")
def shop_days() -> Callable[[Shop], pl.DataFrame]:
    return days_of


@pytest.fixture(scope="session")
def memoryless() -> pl.DataFrame:
    """500 days of a shop without season."""
    shop = Shop.memoryless(900, seed=3)
    return days_of(shop).filter(pl.col("day") < FIRST_DAY + 500)


@pytest.fixture(scope="session")
def regulars() -> pl.DataFrame:
    """One cohort: all came in the first 60 days, and then bought at random."""
    rng = np.random.default_rng(4)
    first, rate = rng.integers(0, 60, 400), rng.gamma(1.0, 0.03, 400)
    rows = [(f"c{i:03d}", int(first[i])) for i in range(400)]
    rows += [
        (f"c{i:03d}", int(d))
        for i in range(400)
        for d in first[i] + np.cumsum(rng.exponential(1 / rate[i], 99))
    ]
    return pl.DataFrame(
        rows, schema={"customer_id": pl.String, "day": pl.Int32}, orient="row"
    ).unique()
