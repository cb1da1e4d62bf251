"""Filters of customers, and what those who are left add up to."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.serving.breakdown import COHORT
from holdfast.serving.customer_filters import Filters, filter_customers, list_groups
from holdfast.serving.customer_search import read_scores
from holdfast.storage.runs import Registry, Run


@pytest.fixture
def run(older_runs: Path) -> Run:
    return Registry(older_runs / "snapshot" / "runs").open()


def test_no_filter_leaves_everybody(run: Run) -> None:
    scores = read_scores(run)
    assert not Filters()
    assert filter_customers(run, scores, Filters()).equals(scores)


def test_only_those_who_meet_every_filter_are_left(run: Run, older_runs: Path) -> None:
    scores = read_scores(run)
    given = pl.read_csv(older_runs / "snapshot" / "customers.csv")
    plan = given["plan"][0]
    filters = Filters(least_revenue=50.0, most_revenue=500.0, groups=(("plan", (plan,)),))
    left = filter_customers(run, scores, filters)
    of_plan = set(given.filter(plan=plan)[given.columns[0]].cast(pl.String))
    between = scores.filter(pl.col("expected_revenue").is_between(50, 500))
    assert set(left["customer_id"]) == of_plan & set(between["customer_id"])
    assert left.columns == scores.columns


def test_columns_of_words_and_the_cohort_of_a_log_can_be_filtered_by(older_runs: Path) -> None:
    log = Registry(older_runs / "log" / "runs").open()
    groups = list_groups(log, read_scores(log))
    assert groups[COHORT] == sorted(groups[COHORT])
