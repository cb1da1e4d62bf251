"""The count models find the truth of simulated shops, as exact expectations given each customer's
latent state.
"""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from holdfast.models.purchase_counts import CountModel, fit_counts
from holdfast.models.purchase_counts.histories import histories_at
from holdfast.synthetic import Shop, simulate
from holdfast.windows import day_of

TEXTBOOK = Shop.memoryless(2_000, seed=11)


def recovered(shop: Shop) -> tuple[CountModel, pl.DataFrame]:
    """The model at the log's end, and the customers: histories beside the truth."""
    batches = list(simulate(shop))
    sold = pl.concat([batch.orders.filter(pl.col("quantity") > 0) for batch in batches])
    days = sold.select("customer_id", day=pl.col("occurred_at").dt.date().cast(pl.Int32)).unique()
    first_day, now = day_of(shop.start), day_of(shop.start) + shop.n_days
    model, _ = fit_counts(days, now=now, horizon_days=90, first_day=first_day, seed=42)
    truth = pl.concat([batch.truth for batch in batches])
    return model, histories_at(days, now).join(
        truth, on="customer_id", how="inner", maintain_order="left"
    )


def off(told: np.ndarray, truth: pl.Series) -> float:
    return float(told.sum()) / float(truth.sum()) - 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shop", "stated"),
    [
        pytest.param(TEXTBOOK, 0.12, id="memoryless"),
        pytest.param(replace(TEXTBOOK, rhythm=4.0), 0.12, id="regular"),
    ],
)
def test_the_total_and_the_silence_of_a_shop_are_found(shop: Shop, stated: float) -> None:
    model, customers = recovered(shop)
    assert (
        abs(off(model.expected_purchases(customers, 90), customers["expected_purchases_90"]))
        < stated
    )
    ((_, silent),) = model.ahead(customers, [90])
    assert (
        abs(float(silent.mean()) - float(customers["probability_no_purchase_90"].to_numpy().mean()))
        < 0.03
    )
    order = np.corrcoef(
        model.expected_purchases(customers, 90), customers["expected_purchases_90"]
    )[0, 1]
    assert order > 0.8
