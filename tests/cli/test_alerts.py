"""`holdfast alerts`: what a person at a terminal sees and does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.receivers import web_server
from tests.stream.live_state import VARIABLE, live_state
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.errors import InputError, StudyError

SCHEMA = "test_cli_alerts"
STUDY = f"""
[study]
name = "shop"
currency = "EUR"
[transactions]
path = "orders.csv"
[transactions.columns]
customer_id = "who"
occurred_at = "when"
event_id = "id"
[stream]
source = "outbox"
dsn_env = "{VARIABLE}"
postgres_schema = "{SCHEMA}"
[[alert]]
name = "silent"
open = 0.7
close = 0.5
to = ["crm"]
[[alert]]
name = "fading"
open = 0.6
close = 0.5
[[alert_route]]
name = "crm"
kind = "webhook"
url = "${{HOOK}}"
"""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with live_state(monkeypatch, SCHEMA) as connections:
        yield connections


@pytest.fixture
def study(tmp_path: Path) -> str:
    path = tmp_path / "holdfast.toml"
    path.write_text(STUDY, encoding="utf-8")
    return str(path)


def run(*words: str, study: str) -> str:
    result = CliRunner().invoke(app, ["alerts", *words, "-c", study], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("state")
def test_open_alerts_are_listed_with_the_most_at_stake_first(study: str) -> None:
    listed = json.loads(run("list", "--open", "--json", study=study))
    names = [(row["customer_id"], row["at_stake"]) for row in listed]
    assert {name for name, _ in names[:2]} == {"BOB"}
    assert names[2:] == [("ANN", 120.0), ("EVE", None)]
    shown = run("list", "--open", study=study)
    assert "BOB" in shown
    assert "Call them" in shown


@pytest.mark.usefixtures("state")
def test_without_open_the_closed_ones_follow_and_a_rule_narrows_the_list(study: str) -> None:
    listed = json.loads(run("list", "--rule", "silent", "--json", study=study))
    assert [row["customer_id"] for row in listed] == ["BOB", "ANN", "EVE"]
    assert listed[-1]["close_reason"] == "bought"


@pytest.mark.usefixtures("state")
def test_a_rule_that_is_not_there_is_named_with_the_nearest(study: str) -> None:
    with pytest.raises(StudyError, match="did you mean 'silent'"):
        CliRunner().invoke(
            app, ["alerts", "list", "--rule", "silnt", "-c", study], catch_exceptions=False
        )


def test_a_person_closes_an_alert_and_its_receiver_is_told(state: Any, study: str) -> None:
    assert "closed by Ann" in run("close", "1", "--by", "Ann", "--note", "called", study=study)
    with state.read() as connection:
        closed = connection.execute("SELECT close_reason, note FROM episodes WHERE id = 1")
        assert closed.fetchone() == ("by Ann", "called")
        told = connection.execute(
            "SELECT route, body FROM deliveries WHERE episode_id = 1 AND transition = 'closed'"
        ).fetchall()
    ((route, body),) = told
    assert route == "crm"
    assert body["title"] == "Cleared: ANN, closed by Ann"
    log = (Path(study).parent / "audit.jsonl").read_text(encoding="utf-8")
    assert '"close alert"' in log
    with pytest.raises(InputError, match="closed already"):
        run("close", "1", "--by", "Bob", study=study)
    with pytest.raises(InputError, match="there is no alert 99"):
        run("close", "99", "--by", "Bob", study=study)


def test_a_test_message_arrives_at_the_route(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as web:
        monkeypatch.setenv("HOOK", web.at("/hook"))
        assert "crm: 127.0.0.1 answered with HTTP 200" in run("test", "crm", study=study)
    ((path, body, key),) = web.got
    assert path == "/hook"
    assert json.loads(body)["event"] == "test"
    assert key.startswith("test/")


def test_a_route_that_is_not_there_is_refused(study: str) -> None:
    with pytest.raises(StudyError, match="did you mean 'crm'"):
        run("test", "cmr", study=study)
