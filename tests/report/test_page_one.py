"""Page one: who first, what to do and what that would bring, how sure it is."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from holdfast.report import page_one
from holdfast.report.report_data import Report

PLAN: dict[str, Any] = {
    "currency": "GBP",
    "contacted": 120,
    "total": {
        "cost": 60.0,
        "net": 400.0,
        "net_low": -50.0,
        "net_high": 900.0,
        "p_net_above_0": 0.9,
    },
    "offers": [
        {"offer": "reminder", "contacts": 120, "uplift_source": "experiment"},
        {"offer": "voucher", "contacts": 0, "uplift_source": "assumed"},
    ],
}


def _with(report: Report, **summary: Any) -> Report:
    return replace(report, summary={**report.summary, **summary})


@pytest.fixture
def two(report: Report) -> Report:
    """Two customers: 30 of the 40 pounds at stake are with one who is likely to leave."""
    scores = report.scores.head(2).with_columns(
        churn_probability=pl.Series([0.5, 0.49]),
        at_stake=pl.Series([30.0, 10.0]),
        expected_revenue=pl.Series([60.0, 20.0]),
    )
    return replace(report, scores=scores)


def test_the_threshold_itself_counts_as_likely_to_leave(two: Report) -> None:
    cards = {name: (figure, note) for name, figure, note in page_one.cards(two)}
    assert cards["Likely to leave"] == (
        "100 (25.0%)",
        "a churn probability of 50% or more; £30 of the revenue at stake is theirs",
    )
    assert cards["Revenue at stake"][0] == "£12,345"


def test_without_a_value_model_page_one_speaks_of_no_money(bare: Report) -> None:
    assert [name for name, *_ in page_one.cards(bare)] == ["Likely to leave"]
    assert page_one.who_first(bare, 20).startswith("Ranked by risk score")


def test_who_first_says_how_much_of_what_is_at_stake_the_first_account_for(two: Report) -> None:
    assert page_one.who_first(_with(two, at_stake=40.0), 1) == (
        "The 1 customer with the most revenue at stake accounts for £30 of it (75%)."
    )


def test_a_plan_says_what_to_do_with_its_cost_its_range_and_where_the_effect_is_from(
    report: Report,
) -> None:
    assert page_one.what_to_do(_with(report, plan=PLAN))[:2] == [
        "Contact 120 customers (reminder) for £60.",
        "Expected net return: £400, between −£50 and £900 in nine cases of ten; it pays with a "
        "chance of 90% (effect of the offer: experiment).",
    ]
    assert (
        page_one.list_assumptions(_with(report, plan=PLAN))
        == "what voucher brings and the recovery rates"
    )


def test_a_plan_that_contacts_nobody_says_so(report: Report) -> None:
    sentences = page_one.what_to_do(_with(report, plan={**PLAN, "contacted": 0}))
    assert sentences == [
        "Contact nobody: no offer of the study is expected to bring more than it costs."
    ]


def test_without_a_plan_the_recovery_campaign_is_what_to_do(report: Report) -> None:
    assert page_one.what_to_do(report) == [
        "Contact At-Risk VIP and Losing Customer (66 customers) for £1,815: at the recovery rates "
        "of the study (assumed) they bring back £9,000, £7,185 net.",
        "At-Risk VIP, the best of them, pays from a recovery rate of 8.2% on; 45.0% is assumed.",
    ]


def test_without_either_the_study_is_told_what_it_lacks(bare: Report) -> None:
    (sentence,) = page_one.what_to_do(bare)
    assert "add [offers]" in sentence


def test_the_evidence_is_one_sentence(report: Report, bare: Report) -> None:
    value = {**report.summary["value"], "total_error": 0.042}
    assert page_one.how_sure(_with(report, value=value)) == (
        "In 2 tests on later data, of a customer who left and one who stayed the model ranks the "
        "leaver higher in 80 cases of 100; a naive rule does in 70. Total revenue came out 4% off."
    )
    assert page_one.how_sure(bare).startswith("Nothing could be proved")
