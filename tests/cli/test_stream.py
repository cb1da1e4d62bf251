"""`holdfast stream` from the first command to the last, as a person would call it."""

import json
import sys
from typing import Any

import pytest
import typer
from tests.stream.shops import HISTORY, Shop, order
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.study import Study


@pytest.fixture
def call(stream_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command over the shop's study, and return its exit code and output."""
    made = stream_shop.study
    monkeypatch.setattr(Study, "from_toml", classmethod(lambda *_, **__: made))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["holdfast", *arguments])
        result = CliRunner().invoke(app, ["stream", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return run


def test_a_stream_is_begun_run_proved_and_shown(stream_shop: Shop, call: Any) -> None:
    stream_shop.write_history(HISTORY)
    stream_shop.send([order(3, "C", "2025-05-01"), "{", order(3, "C", "2025-05-01")])
    assert call("init") == (
        0,
        "3 lines of 2 customers are loaded; 1 partition will be read from the first message that "
        "is there.\nNext: `holdfast stream run`.\n",
    )
    run = ("run", "--until-caught-up", "--today", "2025-06-30")
    code, text = call(*run)
    assert (code, text.splitlines()[-1]) == (
        0, "3 messages read: 1 new, 1 not understood; 0 scores made"
    )  # fmt: skip
    assert call("verify") == (
        0, "3 customers, 4 days of activity and 0 scores: 0 cells differ from the batch\n"
    )  # fmt: skip
    status = json.loads(call("status", "--json")[1])
    assert [row["lag"] for row in status["partitions"]] == [0]
    assert [(row["reason"], row["messages"]) for row in status["dead"]] == [
        ("not a JSON object", 1)
    ]
    assert "not a JSON object" in call("dead", "list")[1]
    assert call("dead", "retry")[1] == "0 messages understood now, 1 still not\n"
    assert json.loads(call("replay", "--from", "2025-01-01", "--json")[1])["customers"] == 3


def test_verify_fails_where_a_cell_differs(stream_shop: Shop, call: Any) -> None:
    stream_shop.begin()
    with stream_shop.connect() as connection:
        connection.execute("UPDATE customer_days SET n_orders = 9 WHERE n_orders > 0")
    code, text = call("verify")
    assert code == 1
    assert "2 cells differ from the batch\n  n_orders: 2\n" in text


def test_help_lists_the_commands(call: Any) -> None:
    text = call("--help")[1]
    assert all(
        name in text for name in ("init", "run", "status", "sweep", "replay", "verify", "dead")
    )
    assert isinstance(app, typer.Typer)
