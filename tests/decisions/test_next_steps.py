"""The three things to do now, from what a run found."""

from typing import Any

from holdfast.decisions.next_steps import next_steps

QUIET: dict[str, Any] = {"customers": 100, "share_at_risk": 0.0, "findings": []}


def finding(name: str, severity: str) -> dict[str, str]:
    words = {"evidence": "7 orders are odd", "meaning": "Why.", "fix": "name the column"}
    return {"name": name, "severity": severity, **words}


def test_where_nothing_is_wrong_there_is_nothing_to_do() -> None:
    assert next_steps(QUIET, age_days=1) == []


def test_the_most_urgent_three_are_told_in_their_order() -> None:
    summary = {
        **QUIET,
        "share_at_risk": 0.25,
        "findings": [finding("odd-orders", "warning"), finding("leaky-column", "fatal")],
    }
    steps = next_steps(summary, age_days=40, unread=["spring"])
    assert [step.what for step in steps] == [
        "Settle a fatal finding before anything else: leaky column",
        "Load the latest orders and run again",
        "Run again to see what your last campaign did",
    ]
    assert steps[0].why == "Name the column."
    assert "40 days" in steps[1].why
    assert "spring" in steps[2].why


def test_an_acknowledged_finding_is_nothing_to_do() -> None:
    summary = {
        **QUIET,
        "findings": [finding("leaky-column", "fatal")],
        "audit": {"acknowledged": ["leaky-column"]},
    }
    assert next_steps(summary, age_days=1) == []


def test_a_plan_is_to_be_sent_and_without_one_somebody_is_to_be_chosen() -> None:
    total = {"p_net_above_0": 0.873}
    planned = {**QUIET, "plan": {"contacted": 1200, "held_out": 130, "total": total}}
    (step,) = next_steps(planned, age_days=31)
    assert (step.what, step.page) == ("Contact the 1,200 customers of the plan", "plan")
    assert "87%" in step.why
    refused = {**QUIET, "share_at_risk": 0.25, "plan": {"refused": {}}}
    (step,) = next_steps(refused, age_days=31)
    assert step.what == "Choose whom to contact among the 25 who are likely to leave"
    assert step.page == "actions"


def test_only_the_latest_campaign_says_that_something_is_to_stop() -> None:
    old = {"campaign": "old", "date": "2024-01-01", "pays": "no"}
    new = {"campaign": "new", "date": "2024-05-01", "pays": "not certain"}
    results = [{"offers": [old]}, {"offers": [new]}]
    assert next_steps({**QUIET, "campaigns": {"results": results}}, age_days=0) == []
    lost = [{"offers": [old]}, {"offers": [{**new, "pays": "no"}]}]
    (step,) = next_steps({**QUIET, "campaigns": {"results": lost}}, age_days=0)
    assert step.what == "Change or stop what new did"


def test_warnings_are_read_when_nothing_else_waits() -> None:
    summary = {**QUIET, "findings": [finding("odd-orders", "warning")] * 2}
    (step,) = next_steps(summary, age_days=0)
    assert step.what == "Read the 2 warnings of this run"
    assert step.why == "The first: 7 orders are odd."
