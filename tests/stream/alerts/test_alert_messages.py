"""A message names the customer, why, what is at stake and what to do, in every form."""

import json
from typing import Any

import polars as pl
import pytest
from tests.stream.live_run import Live

from holdfast.io.message import Message
from holdfast.stream.alerts.actions import Actions
from holdfast.stream.alerts.alert_messages import (
    EpisodeMessage,
    describe_opened,
    tell_flood,
    tell_route_test,
)
from holdfast.study import Study
from holdfast.study.alerts import Alert, AlertRoute
from holdfast.windows import parse_day


@pytest.fixture
def study() -> Study:
    return Study.from_dict(
        {
            "study": {"name": "shop", "currency": "EUR"},
            "transactions": {"path": "o.csv", "columns": {"customer_id": "c", "occurred_at": "t"}},
            "messages": {
                "link": "https://holdfast.example.com/live",
                "webhook": {"url": "${HOOK}"},
            },
        }
    )


EPISODE: dict[str, Any] = {
    "id": 7, "rule": "vip", "customer_id": "C12", "anchor_day": parse_day("2024-06-01"),
    "opened_day": parse_day("2024-07-01"), "value_opened": 0.78, "value_now": 0.42,
    "closed_day": None, "close_reason": None, "run_id": "R1", "action": "Call this week",
    "reasons": [
        {
            "feature": "days_since_last_purchase", "contribution": 1.4,
            "sentence": "no order for 30 days; usually every 12 days, which raises the risk",
        },
        {"feature": "n_sessions_30d", "sentence": "1 session", "contribution": 0.3},
    ],
}  # fmt: skip
SCORE: dict[str, Any] = {
    "segment": "At-Risk VIP", "value_tier": "high", "churn_probability": 0.78,
    "expected_revenue": 310.0, "at_stake": 240.5,
}  # fmt: skip


def alert(**given: Any) -> Alert:
    rule = {"name": "vip", "open": 0.7, "close": 0.5, "severity": "critical", "owner": "Ann"}
    return Alert(**{**rule, "runbook": "https://wiki.example.com/vip", **given})


def told(study: Study, rule: Alert | None = None, **episode: Any) -> EpisodeMessage:
    return EpisodeMessage(
        episode={**EPISODE, **episode}, score=SCORE, alert=rule or alert(), study=study
    )


def test_an_opened_episode_is_told_with_all_that_somebody_needs_to_act(study: Study) -> None:
    message = told(study).tell_opening()
    assert message.title == "Critical: C12 (At-Risk VIP), churn probability 78.0%"
    assert dict(message.lines) == {
        "Customer": "C12: At-Risk VIP, high value, last purchase on 2024-06-01",
        "Why now": "Churn probability is 78.0%; the alert is at 70.0%",
        "Likely to leave": "78.0% over the next 90 days",
        "Revenue at stake": "€240",
        "Reason 1": "No order for 30 days; usually every 12 days.",
        "Reason 2": "1 session.",
        "What to do": "Call this week.",
        "Owner": "Ann",
        "Runbook": "https://wiki.example.com/vip",
        "Alert": "vip of shop, critical, number 7",
    }
    assert message.link == "https://holdfast.example.com/live"


def test_the_webhook_gets_the_same_as_values(study: Study) -> None:
    facts = json.loads(told(study).tell_opening().webhook())
    assert facts.pop("title").startswith("Critical")
    assert facts.pop("reasons")[1] == {
        "feature": "n_sessions_30d", "sentence": "1 session", "contribution": 0.3,
    }  # fmt: skip
    assert facts == {
        "event": "opened", "study": "shop", "episode": 7, "rule": "vip", "severity": "critical",
        "owner": "Ann", "customer_id": "C12", "segment": "At-Risk VIP", "value_tier": "high",
        "churn_probability": 0.78, "expected_revenue": 310.0, "at_stake": 240.5,
        "currency": "EUR", "when": "churn_probability", "open": 0.7, "close": 0.5, "value": 0.78,
        "last_purchase_date": "2024-06-01", "opened_date": "2024-07-01", "closed_date": None,
        "close_reason": None, "action": "Call this week", "note": "",
        "runbook": "https://wiki.example.com/vip", "run_id": "R1",
        "link": "https://holdfast.example.com/live",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("bought", "Cleared: C12, the customer has bought"),
        ("recovered", "Cleared: C12, churn probability is back below 50.0%"),
        ("by Ann", "Cleared: C12, closed by Ann"),
        ("late purchase", "Cleared: C12, the customer had bought before"),
        ("lapsed", "Cleared: C12, the customer is no longer scored"),
    ],
)
def test_a_second_message_says_that_it_is_over_and_why(
    study: Study, reason: str, words: str
) -> None:
    closed = {"closed_day": parse_day("2024-07-04"), "close_reason": reason, "note": "called"}
    message = told(study, **closed).tell_ending()
    assert message.title.startswith(words)
    assert message.lines["Open since"] == "2024-07-01"
    assert message.lines["Note"] == "called"
    facts = json.loads(message.webhook())
    assert (facts["event"], facts["close_reason"], facts["value"]) == ("closed", reason, 0.42)
    assert facts["closed_date"] == "2024-07-04"


def test_who_is_no_longer_scored_is_told_without_figures(study: Study) -> None:
    closed = EpisodeMessage(
        episode={**EPISODE, "closed_day": EPISODE["opened_day"], "close_reason": "lapsed"},
        score=None, alert=alert(), study=study,
    ).tell_ending()  # fmt: skip
    assert json.loads(closed.webhook())["at_stake"] is None


@pytest.mark.parametrize(
    ("when", "value", "words"),
    [
        ("at_stake", 1234.0, "Revenue at stake is €1,234; the alert is at €0.70"),
        ("days_since_last_purchase", 41, "Days since last purchase is 41 days; the alert is at 1"),
        (
            "contribution:gap_mean", 0.912,
            "What mean gap adds to the risk is +0.91; the alert is at +0.70",
        ),
    ],
)  # fmt: skip
def test_a_value_is_said_in_its_own_unit(study: Study, when: str, value: float, words: str) -> None:
    message = told(study, alert(when=when), value_opened=value).tell_opening()
    assert message.lines["Why now"].startswith(words)


def test_what_a_data_field_holds_steers_no_mail_no_page_and_no_channel(study: Study) -> None:
    name = "C1\r\nBcc: x@example.com <b>&<!channel>"
    message = told(study, customer_id=name).tell_opening()
    mail = message.mail(sender="h@example.com", to=["ann@example.com"])
    assert mail["Bcc"] is None
    assert "&lt;b&gt;&amp;&lt;!channel&gt;" in message.html()
    assert "<!channel>" not in message.slack().decode()
    assert "\r" not in json.loads(message.webhook())["customer_id"]


def test_a_flood_is_one_message_that_says_how_many_and_where_they_are(study: Study) -> None:
    message = tell_flood(alert(max_opened_per_hour=50), crossed=210, study=study)
    assert message.title == "shop: 210 customers crossed 'vip' in an hour"
    assert message.lines["What happened"] == (
        "210 customers crossed in an hour; the first 50 were sent"
    )
    facts = json.loads(message.webhook())
    assert (facts["event"], facts["crossed"], facts["sent"]) == ("flood", 210, 50)


def test_a_message_comes_back_from_what_is_stored_of_it(study: Study) -> None:
    message = told(study).tell_opening()
    stored = json.loads(json.dumps(vars(message)))
    assert Message(**stored).webhook() == message.webhook()
    assert Message(**stored).text() == message.text()


def test_a_test_says_which_route_it_came_by(study: Study) -> None:
    route = AlertRoute(name="crm", kind="slack", url="${SLACK}")
    assert "'crm' arrive here" in tell_route_test(route, study).text()


def test_opened_episodes_get_the_runs_reasons_and_action(live: Live) -> None:
    scored = live.models.score(live.activity, live.attributes, cutoff_day=live.cutoff_day)
    names = scored.scores["customer_id"].head(3).to_list()
    opened = pl.DataFrame({"rule": ["a", "b", "a"], "customer_id": [names[0], names[0], names[2]]})
    got = describe_opened(opened, scored, live.models, Actions.load(live.run))
    assert got.select("rule", "customer_id").rows() == opened.rows()
    assert got["run_id"].unique().to_list() == [live.run.run_id]
    strongest = live.models.reasons(scored.features).filter(rank=1, customer_id=names[0])
    for place in (0, 1):
        assert got["reasons"][place][0]["sentence"] == strongest["sentence"][0]
        assert len(got["reasons"][place]) == 3
    assert got["action"].null_count() == 0
