"""Lists of customers: who comes first, why, and what to do."""

from pathlib import Path

import polars as pl

from holdfast.serving.customer_lists import describe_customers, first_customers
from holdfast.serving.customer_search import read_scores
from holdfast.serving.load import load_study
from holdfast.storage.runs import Registry

SCORES = pl.DataFrame(
    {
        "customer_id": ["b", "a", "c", "d"],
        "at_stake": [5.0, 5.0, 50.0, 1.0],
        "risk_score": [0.2, 0.2, 0.1, 0.9],
        "churn_probability": [0.2, 0.3, 0.1, 0.9],
        "expected_revenue": [9.0, 9.0, 500.0, 2.0],
    }
)


def test_the_most_at_stake_come_first_and_equals_by_name() -> None:
    assert first_customers(SCORES, 3)["customer_id"].to_list() == ["c", "a", "b"]
    assert first_customers(SCORES, 1, by="risk")["customer_id"].to_list() == ["d"]
    assert first_customers(SCORES, 9, by="expected revenue").height == 4


def test_where_nothing_is_known_to_be_at_stake_the_riskiest_come_first() -> None:
    unknown = SCORES.with_columns(at_stake=pl.lit(None, pl.Float64))
    assert first_customers(unknown, 2)["customer_id"].to_list() == ["d", "a"]
    assert first_customers(SCORES.head(0), 2).is_empty()


def test_a_customer_has_at_most_three_reasons_and_the_action_of_the_segment(
    older_runs: Path,
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    study, scores = load_study(run), read_scores(run)
    told = describe_customers(run, scores, study=study)
    assert told["customer_id"].to_list() == scores["customer_id"].to_list()
    raising = run.reasons.filter(pl.col("contribution") > 0, task="churn")
    counts = dict(raising.group_by("customer_id").len().iter_rows())
    for name, why, segment, action in told.select(
        "customer_id", "why", "segment", "action"
    ).iter_rows():
        assert len(why.splitlines()) == min(3, counts.get(name, 0))
        assert action == study.actions[segment][0]
    assert told["offer"].null_count() == told.height


def test_a_list_names_the_offer_that_the_plan_has_for_each(simulated_shop: Path) -> None:
    run = Registry(simulated_shop / "runs").open()
    plan = run.table("plan")
    told = describe_customers(run, read_scores(run), study=load_study(run)).drop_nulls("offer")
    assert dict(told.select("customer_id", "offer").iter_rows()) == dict(
        plan.select("customer_id", "offer").iter_rows()
    )
