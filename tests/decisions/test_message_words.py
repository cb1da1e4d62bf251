"""A message tells figures, what changed, and what to do; it names no customer, and holds nothing
that another program would take for an order.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.decisions.message_words import Failure, comparable, tell_failure, tell_run
from holdfast.io.message import Message
from holdfast.serving.load import load_study
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study


def changed(run: Run, **summary: Any) -> Run:
    """The run, with another summary."""
    made = Run(run.path, run.manifest)
    made.__dict__["summary"] = run.summary | summary
    return made


@pytest.fixture
def run(older_runs: Path) -> Run:
    return Registry(older_runs / "log" / "runs").open("latest")


@pytest.fixture
def study(run: Run) -> Study:
    return load_study(run).model_copy(update={"currency": "EUR"})


FIGURES: dict[str, Any] = {
    "customers": 1200,
    "share_at_risk": 0.25,
    "expected_revenue": 176_190.5,
    "at_stake": 9000.0,
    "cutoff_day": 19_904,
    "churn": {"horizon_days": 90, "past_error": {"least": 0.031, "most": 0.128}},
    "value": {"algorithm": "lightgbm", "horizon_days": 180},
    "findings": [
        {
            "name": "few-rows", "severity": "note", "evidence": "C00000007", "meaning": "m",
            "fix": "f",
        },
        {
            "name": "churn-is-a-pause", "severity": "warning",
            "evidence": "customer C00000001 paused", "meaning": "Many only pause.", "fix": "wait",
        },
    ],
    "segments": [
        {"segment": "Champion", "customers": 700, "at_stake": 5000.0},
        {"segment": "At-Risk VIP", "customers": 200, "at_stake": 3000.0},
        {"segment": "Vulnerable", "customers": 300, "at_stake": 1000.0},
    ],
}  # fmt: skip


def test_a_run_is_told_in_figures_with_the_range_the_change_and_the_first_thing_to_do(
    run: Run, study: Study
) -> None:
    before = changed(run, **FIGURES | {"share_at_risk": 0.231, "cutoff_day": 19_903})
    message = tell_run(changed(run, **FIGURES), before, study)
    assert message.title == f"{study.name}: 1,200 customers, 25.0% likely to leave"
    lines = message.lines
    assert lines["Customers"] == "1,200, as of 30 Jun 2024"
    assert lines["Likely to leave"] == (
        "300 (25.0%) over the next 90 days; "
        "1.9 points more than in the run before, as of 2024-06-29; "
        "past forecasts were off by 3 to 13 points"
    )
    facts = json.loads(message.webhook())
    low, high = facts["expected_revenue_range"]
    # As wide on both sides, as a ratio.
    assert low * high == pytest.approx(176_190.5**2)
    assert lines["Expected revenue"] == (
        f"€176,190 over the next 180 days. Four times out of five between €{low:,.0f} and "
        f"€{high:,.0f}, by how far off past totals were."
    )
    assert lines["Findings"] == (
        "1 warning, 1 note; the gravest: Churn is a pause. Many only pause. Wait."
    )
    # The cutoff is long ago, and then the first step is to load what came since.
    assert lines["What to do first"] == "Load the latest orders and run again."
    assert lines["Report"].endswith("report.html")
    assert facts["findings"] == {"fatal": 0, "warning": 1, "note": 1}
    assert (facts["event"], facts["run_id"]) == ("run", run.run_id)


def test_what_is_fatal_comes_before_every_campaign(run: Run, study: Study) -> None:
    fatal = {
        "name": "leaky-column", "severity": "fatal", "evidence": "e", "meaning": "m",
        "fix": "drop `x`",
    }  # fmt: skip
    summary = FIGURES | {"findings": [*FIGURES["findings"], fatal]}
    said = tell_run(changed(run, **summary), None, study).lines["What to do first"]
    assert said == "Settle a fatal finding before anything else: leaky column."


def test_nothing_is_said_of_money_where_nothing_is_known_of_it(run: Run, study: Study) -> None:
    summary = FIGURES | {"value": {"algorithm": None, "horizon_days": 180}, "expected_revenue": 0.0}
    message = tell_run(changed(run, **summary), None, study)
    assert "Expected revenue" not in message.lines
    assert json.loads(message.webhook())["expected_revenue"] is None


def test_why_there_is_no_plan_is_a_sentence(run: Run, study: Study) -> None:
    refused = {"refused": {"problem": "the budget is 0", "fix": "raise it"}}
    message = tell_run(changed(run, **FIGURES, plan=refused), None, study)
    assert message.lines["Plan"] == "There is none: the budget is 0; raise it."


def test_a_share_over_another_horizon_is_not_compared(run: Run) -> None:
    before = changed(run, **FIGURES | {"churn": {"horizon_days": 30}})
    assert comparable(changed(run, **FIGURES), before) is None
    assert comparable(changed(run, **FIGURES), changed(run, **FIGURES)) is not None


def test_no_form_names_a_customer(run: Run, study: Study) -> None:
    # Nothing is to be done but to read the warning, which was seen of a customer.
    quiet = FIGURES | {"share_at_risk": 0.0, "cutoff_day": 40_000, "plan": {}}
    message = tell_run(changed(run, **quiet), changed(run, **quiet), study)
    assert message.lines["What to do first"] == "Read the warning of this run."
    forms = message.text() + message.html() + message.slack().decode() + message.webhook().decode()
    assert "C0000000" not in forms
    assert "; as in the run before, as of 2079-07-08" in message.lines["Likely to leave"]


EVIL = 'x\r\nBcc: a@b.c <script>&amp; "q"<!channel> @here \x1b[2J\u202e'


def test_a_name_gives_no_order_to_any_program(study: Study) -> None:
    failure = Failure(problem=EVIL * 100, fix=EVIL, exit_code=1, at="today")
    message = tell_failure(failure, study.model_copy(update={"name": EVIL[:80]}))
    assert "\n" not in message.title + "".join(message.lines.values())
    assert "\x1b" not in message.text()
    assert "\u202e" not in message.text()
    assert "<script>" not in message.html()
    posted = json.loads(message.slack())
    shown = posted["text"] + "".join(str(block["text"]) for block in posted["blocks"])
    assert "<" not in shown
    assert "@here" not in shown
    assert len(message.webhook()) < 10_000
    assert all(len(block["text"]["text"]) < 3000 for block in posted["blocks"])


def test_slack_gets_no_more_than_it_takes(study: Study) -> None:
    message = Message.of("test", "&" * 500, iter([("Test", "<" * 5000)]))
    heading, section = json.loads(message.slack())["blocks"]
    assert len(heading["text"]["text"]) <= 150
    assert len(section["text"]["text"]) <= 3000
