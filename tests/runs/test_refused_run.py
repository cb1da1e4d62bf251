"""A run that is worse than the published one is kept, told of, and does not count."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.decisions.message_words import Message, tell_refused
from holdfast.decisions.messages import Messenger
from holdfast.runs import run as room
from holdfast.runs.run_history import change_champion, list_runs
from holdfast.runs.schedule import NOT_PUBLISHED, Ended, run_until_done
from holdfast.runs.train_and_score import Outcome
from holdfast.storage.run_log import RunLog
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study
from holdfast.study.messages import MessageReceiver, Messages

CONTEST = {
    "task": "churn", "metric": "log_loss", "cutoffs": ["2024-01-01"], "customers": 1_234,
    "loss": 0.61, "published": "R1", "published_loss": 0.48, "difference": 0.13, "low": 0.1,
    "high": 0.16, "worse": True,
}  # fmt: skip


def outcome_of(run: Run, **summary: Any) -> Outcome:
    """What the run found, with another summary."""
    files = run.manifest["files"]
    names = [Path(name).stem for name in files if name.startswith("tables/")]
    others = ("segments.json", "wording.json")
    parts = {name: run.read(name) for name in files if name.startswith("models/") or name in others}
    return Outcome(
        tables={name: run.table(name) for name in names},
        parts=parts,
        summary={**run.summary, **summary},
        data_fingerprint=run.manifest["data_sha256"],
    )


@pytest.fixture
def refusing_shop(simulated_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shop with a published run, whose next run is found to be worse."""
    folder = Path(shutil.copytree(simulated_shop, tmp_path / "shop"))
    old = Registry(folder / "runs").open()
    lost = {"refused": True, "contests": [CONTEST], "not_held": {}}
    worse = outcome_of(old, challenger=lost)
    monkeypatch.setattr(room, "train_and_score", lambda *_, **__: worse)
    monkeypatch.setattr(room, "write_papers", lambda folder, study, outcome, summary: [
        room.write_json(folder / "study.json", study.model_dump(mode="json")),
        room.write_json(folder / "summary.json", summary),
    ])  # fmt: skip
    return folder


def test_it_is_kept_and_listed_and_may_be_published_by_hand(refusing_shop: Path) -> None:
    registry = Registry(refusing_shop / "runs")
    before = registry.champion_id()
    new = room.run(Study.from_toml(refusing_shop / "holdfast.toml"))
    assert room.is_refused(new)
    assert registry.champion_id() == before
    rows = {row["run_id"]: row for row in list_runs(registry)}
    assert (rows[new.run_id]["refused"], rows[str(before)]["refused"]) == (True, None)
    change_champion(registry, new.run_id)
    assert registry.champion_id() == new.run_id


def test_the_command_line_ends_with_three_and_says_what_to_do(refusing_shop: Path) -> None:
    ended = CliRunner().invoke(app, ["run", "--json", "-c", str(refusing_shop / "holdfast.toml")])
    assert ended.exit_code == NOT_PUBLISHED == 3
    assert "Not published" in ended.stderr
    assert "holdfast runs promote latest" in ended.stderr
    listed = CliRunner().invoke(app, ["runs", "list", "-c", str(refusing_shop / "holdfast.toml")])
    assert "worse: not published" in listed.stdout


def test_asked_not_to_publish_it_has_done_what_was_asked(refusing_shop: Path) -> None:
    command = ["run", "--json", "--no-promote", "-c", str(refusing_shop / "holdfast.toml")]
    assert CliRunner().invoke(app, command).exit_code == 0


def test_the_message_says_by_how_much_it_is_worse_and_what_to_do(refusing_shop: Path) -> None:
    study = Study.from_toml(refusing_shop / "holdfast.toml")
    new = room.run(study)
    message = tell_refused(new, study)
    assert (message.event, message.facts["run_id"]) == ("refused", new.run_id)
    assert "1,234 customers" in message.lines["Why"]
    assert "log loss 0.6100, not 0.4800" in message.lines["Why"]
    assert "holdfast runs promote latest" in message.lines["What to do"]


def test_those_who_hear_of_failures_hear_of_it(
    refusing_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.from_toml(refusing_shop / "holdfast.toml").model_copy(
        update={"messages": Messages(webhook=MessageReceiver(url="${T_HOOK}"), on=["failure"])}
    )
    begun = datetime.now(UTC)
    with RunLog(refusing_shop / "runs") as log:
        log.write("began", process=os.getpid())
        log.write("published", run_id=room.run(study).run_id)
    posted: list[Message] = []
    monkeypatch.setattr(Messenger, "send", lambda _, message: posted.append(message))
    messenger = Messenger(study, say=pytest.fail)
    messenger.tell(Ended(process=os.getpid(), code=NOT_PUBLISHED, begun=begun))
    assert [message.event for message in posted] == ["refused"]


def test_the_schedule_does_not_try_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Ended(process=1, code=NOT_PUBLISHED, begun=datetime.now(UTC))
    calls: list[object] = []
    monkeypatch.setattr(
        "holdfast.runs.schedule._run", lambda command: calls.append(command) or ended
    )
    heard: list[Ended] = []
    run_until_done(
        ["x"], say=lambda _: None, tell=heard.append, sleep=lambda _: pytest.fail("slept")
    )
    assert (len(calls), heard) == (1, [ended])
