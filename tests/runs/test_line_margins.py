"""A log whose lines have costs: every figure of margin is the customers' own."""

import numpy as np
import polars as pl
import pytest
from tests.conftest import ONE_TEST

from holdfast.campaigns.audience import Rule, build_audience
from holdfast.campaigns.planning.make_plan import margin_at_stake
from holdfast.runs.run import run
from holdfast.setup.simulate import simulate_to
from holdfast.storage.runs import Run
from holdfast.study import Study
from holdfast.synthetic import Shop

RATES = {True: 0.8, False: 0.2}


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Run]:
    """A shop where every second customer buys only what leaves 80 %, the others what leaves 20."""
    made = simulate_to(tmp_path_factory.mktemp("sold") / "shop", Shop(n_customers=300, seed=5))
    orders = pl.read_parquet(made.tables["orders"])
    even = pl.col("customer_id").str.slice(-1).is_in(list("02468"))
    cost = pl.when(even).then(1 - RATES[True]).otherwise(1 - RATES[False]) * pl.col("unit_price")
    orders.with_columns(buying=cost).write_parquet(made.tables["orders"])
    study = Study.from_toml(
        made.study, overrides={**ONE_TEST, "transactions.columns.unit_cost": "buying"}
    )
    return study, run(study)


def test_each_customer_has_the_margin_of_what_they_bought(sold: tuple[Study, Run]) -> None:
    scores = sold[1].table("scores")
    even = scores["customer_id"].str.slice(-1).is_in(list("02468"))
    own = [RATES[each] for each in even]
    assert scores["margin_rate"].to_numpy() == pytest.approx(np.array(own), abs=0.005)


def test_every_margin_of_the_run_is_by_these_rates(sold: tuple[Study, Run]) -> None:
    study, made = sold
    scores, horizons, segments = (made.table(n) for n in ("scores", "horizons", "segments"))
    joined = horizons.join(scores.select("customer_id", "margin_rate"), on="customer_id")
    expected = (joined["expected_revenue"] * joined["margin_rate"]).to_numpy()
    assert joined["expected_margin"].to_numpy() == pytest.approx(expected)

    margin = (scores["at_stake"] * scores["margin_rate"]).to_numpy()
    assert segments["margin_at_stake"].sum() == pytest.approx(margin.sum())
    recovery = made.table("recovery").join(segments, on="segment")
    assert recovery["recovered"].to_numpy() == pytest.approx(
        (recovery["rate"] * recovery["margin_at_stake"]).to_numpy()
    )
    assert margin_at_stake(scores, study) == pytest.approx(margin)


def test_an_audience_weighs_a_contact_by_what_the_customer_leaves(sold: tuple[Study, Run]) -> None:
    study, made = sold
    scores = made.table("scores")
    rule = Rule(cost=1.0, rate=0.1, holdout_share=0.0)
    audience = build_audience(scores, rule, run_id=made.run_id, study=study)
    chosen = audience.customers.join(scores, on="customer_id")
    worth = (chosen["at_stake"] * chosen["margin_rate"] * rule.rate).to_numpy()
    assert worth.min() > rule.cost
    assert audience.figures["recovered"] == pytest.approx(worth.sum())
