"""Lists of customers: why each may leave, and what to do."""

from pathlib import Path

import polars as pl

from holdfast.explain.reasons import NOTHING_RAISES
from holdfast.serving.customer_lists import describe_customers
from holdfast.serving.customer_search import read_scores
from holdfast.serving.load import load_study
from holdfast.storage.runs import Registry


def test_a_customer_has_at_most_three_reasons_and_the_action_of_the_segment(
    older_runs: Path,
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    study, scores = load_study(run), read_scores(run)
    told = describe_customers(run, scores, study=study)
    assert told["customer_id"].to_list() == scores["customer_id"].to_list()
    raising = run.reasons.filter(pl.col("contribution") > 0, task="churn")
    counts = dict(raising.group_by("customer_id").len().iter_rows())
    explained = set(run.reasons.filter(task="churn")["customer_id"])
    assert explained > set(counts), "nobody has only reasons that lower the risk"
    for name, why, segment, action in told.select(
        "customer_id", "why", "segment", "action"
    ).iter_rows():
        if name in counts:
            assert len(why.splitlines()) == min(3, counts[name])
        else:
            assert why == (NOTHING_RAISES if name in explained else "")
        assert action == study.actions[segment][0]
    assert told["offer"].null_count() == told.height


def test_a_list_names_the_offer_that_the_plan_has_for_each(simulated_shop: Path) -> None:
    run = Registry(simulated_shop / "runs").open()
    plan = run.table("plan")
    told = describe_customers(run, read_scores(run), study=load_study(run)).drop_nulls("offer")
    assert dict(told.select("customer_id", "offer").iter_rows()) == dict(
        plan.select("customer_id", "offer").iter_rows()
    )
