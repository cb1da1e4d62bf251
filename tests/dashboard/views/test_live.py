"""The page Live, the overview's line and a customer's timeline: the figures of the state; one
sentence where there is none, or where it cannot be read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import client_of
from tests.dashboard.pages import chart, figures, links, show, tables, text
from tests.stream.live_state import VARIABLE, live_state, name_schema
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.report import formatting
from holdfast.storage import audit_log
from holdfast.stream.live_view import find_episode
from holdfast.stream.state.connections import Connections

streamlit = pytest.importorskip("streamlit")
testing = pytest.importorskip("streamlit.testing.v1")
SCHEMA = name_schema("live_page")
STREAM = f"""
[stream]
source = "outbox"
dsn_env = "{VARIABLE}"
postgres_schema = "{SCHEMA}"
"""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connections]:
    with live_state(monkeypatch, SCHEMA) as connections:
        yield connections
    forget()


@pytest.fixture
def project(older_runs: Path) -> Path:
    """A published run, with a stream."""
    study = older_runs / "log" / "holdfast.toml"
    text = study.read_text(encoding="utf-8")
    named = text.replace('amount = "amount"', 'amount = "amount"\nevent_id = "line"')
    study.write_text(named + STREAM, encoding="utf-8")
    return study


def forget() -> None:
    """Hang up, and read anew."""
    streamlit.cache_resource.clear()


def test_the_page_has_the_figures_of_the_state(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("live", project, monkeypatch)
    assert figures(shown) == {
        "Open alerts": "4", "Revenue at stake": "$420", "Opened in 24 hours": "4",
        "Events waiting": "2,500",
    }  # fmt: skip
    cells = {(c["rule"], c["segment"]): c["alerts"] for c in chart(shown, "Open alerts by")[0]}
    assert cells == {
        ("silent", "At-Risk VIP"): 2, ("fading", "At-Risk VIP"): 1, ("fading", "Vulnerable"): 1,
    }  # fmt: skip
    alerts = tables(shown)["Open alerts 1 to 4, the most at stake first"]
    assert [[row[0], *row[1].split("\n")[:1]] for row in alerts] == [
        ["BOB", "fading"], ["BOB", "silent"], ["ANN", "silent"], ["EVE", "fading"],
    ]  # fmt: skip
    assert "customer?customer=BOB" in links(shown)


def test_page_api_and_command_line_have_the_same_alerts(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("live", project, monkeypatch)
    with client_of(project.parent) as api:
        answer = api.get("/alerts").json()
        status = api.get("/stream/status").json()
    printed = CliRunner().invoke(app, ["alerts", "list", "--open", "--json", "-c", str(project)])
    listed = json.loads(printed.stdout)
    assert [each["id"] for each in listed] == [each["id"] for each in answer["alerts"]]
    (rows,) = (rows for caption, rows in tables(shown).items() if "Open alerts 1" in caption)
    assert [row[0] for row in rows] == [each["customer_id"] for each in listed]
    assert [row[3] for row in rows] == [formatting.money(a["at_stake"], "USD") for a in listed]
    assert answer["open"] == status["open"]
    assert figures(shown)["Revenue at stake"] == formatting.money(status["open"]["at_stake"], "USD")
    assert int(figures(shown)["Open alerts"]) == len(listed) == status["open"]["alerts"]


def test_the_page_says_what_went_wrong(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("live", project, monkeypatch)
    assert "1 message could not be delivered: crm (1). The last error: HTTP 503." in text(shown)
    assert "2 events of the last 24 hours could not be understood" in text(shown)
    ((reason, *_),) = tables(shown)["Messages that could not be understood"]
    assert reason == "Not a JSON object"
    partitions = tables(shown)["Where the stream stands"]
    assert [row[:3] for row in partitions] == [
        ["Partition 0", "Up to date", "0"], ["Partition 1", "Behind", "2,500"],
    ]  # fmt: skip


def test_a_filter_in_the_address_narrows_the_list(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("live", project, monkeypatch, alert_rule="silent")
    alerts = tables(shown)["Open alerts 1 to 2, the most at stake first"]
    assert [row[0] for row in alerts] == ["BOB", "ANN"]


def test_an_operator_closes_an_alert_with_a_note_and_it_is_on_record(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("live", project, monkeypatch)
    box = next(each for each in shown.selectbox if each.label == "Alert")
    box.set_value(2)
    next(each for each in shown.text_input if each.label == "Note").input("has called")
    next(each for each in shown.button if each.label == "Close it").click().run()
    assert not shown.exception
    with state.read() as connection:
        episode = find_episode(connection, 2)
    assert episode is not None
    assert episode["note"] == "has called"
    assert episode["close_reason"].startswith("by operator")
    (deed,) = [e for e in audit_log.entries(project.parent) if e["what"] == "close alert"]
    assert deed["alert"] == 2


def test_a_reader_is_not_offered_to_close(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("live", project, monkeypatch, role="reader")
    assert [each.label for each in shown.button if "Close" in each.label] == []


def test_the_overview_says_how_many_alerts_are_new_and_links_to_them(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("overview", project, monkeypatch)
    assert "4 new alerts in 24 hours, $420 at stake" in text(shown)
    assert "live" in links(shown)


TIMELINE = """
from holdfast.dashboard.live_sections import customer_timeline
from holdfast.dashboard.run_view import open_registry, open_run
customer_timeline(open_run(open_registry(), "champion"), "{name}")
"""


def timeline(study: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """The section of a customer's page."""
    monkeypatch.setenv("HOLDFAST_STUDY", str(study))
    monkeypatch.setattr("holdfast.dashboard.access._role", lambda: "operator")
    shown = testing.AppTest.from_string(TIMELINE.format(name=name), default_timeout=120).run()
    assert not shown.exception, shown.exception
    return shown


def test_a_customer_has_a_timeline_and_their_alerts_can_be_closed_there(
    project: Path, state: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = timeline(project, monkeypatch, "BOB")
    told = [what for _, what in tables(shown)["What the stream knows of BOB"]]
    assert "Message to crm that it opened, alert “silent”, waiting: HTTP 503" in told
    assert "Alert “fading” (warning) opened at 0.75: silent for 80 days" in told
    assert told[-2:] == ["3 visits, 5 other events", "1 order, $50 spent"]
    assert "churn probability 80%, $300 at stake" in text(shown)
    assert [each.label for each in shown.button] == ["Close it"]
    assert "not heard of this customer" in text(timeline(project, monkeypatch, "nobody"))


def test_a_study_without_a_stream_says_how_to_get_one(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = older_runs / "log" / "holdfast.toml"
    shown = show("live", study, monkeypatch)
    assert "No events are followed yet" in text(shown)
    assert shown.code[0].value == "holdfast stream init\nholdfast stream run"
    assert "alerts" not in text(show("overview", study, monkeypatch))


@pytest.mark.parametrize("page", ["live", "overview"])
def test_where_postgresql_is_down_a_page_has_a_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    forget()
    monkeypatch.setenv(VARIABLE, "postgresql://nobody@127.0.0.1:9/none")
    sentence = "Live alerts cannot be read: PostgreSQL cannot be reached"
    assert sentence in text(show(page, project, monkeypatch))
    assert sentence in text(timeline(project, monkeypatch, "BOB"))
