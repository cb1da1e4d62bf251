"""`holdfast schedule` tells how its runs went, and goes on whatever becomes of the message."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.receivers import web_server

SCHEDULE = (sys.executable, "-m", "holdfast.cli", "schedule")
NEVER = "0 0 29 2 *"
SECONDS = 300


@pytest.fixture
def shop(older_runs: Path) -> Path:
    """A small log whose study tells a webhook."""
    project = older_runs / "log"
    with (project / "holdfast.toml").open("a", encoding="utf-8") as study:
        study.write("\n[messages]\nlink = 'https://shop.example'\nwebhook = {url = '${T_HOOK}'}\n")
    return project


@pytest.fixture
def web() -> Iterator[Any]:
    with web_server() as server:
        yield server


def told_by_schedule(shop: Path, web: Any) -> tuple[dict[str, Any], str]:
    """What a schedule that runs at once tells first, and what it printed."""
    environment = {**os.environ, "T_HOOK": web.at("/secret-hook")}
    command = [*SCHEDULE, "--cron", NEVER, "--now"]
    with subprocess.Popen(
        command, cwd=shop, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    ) as schedule:  # fmt: skip
        until = time.monotonic() + SECONDS
        while not web.got and schedule.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        schedule.send_signal(signal.SIGTERM)
        printed, _ = schedule.communicate(timeout=SECONDS)
    assert web.got, printed
    return json.loads(web.got[0][1]), printed


def test_a_good_run_is_told_with_its_figures_and_keeps_nothing_of_the_receiver(
    shop: Path, web: Any
) -> None:
    told, printed = told_by_schedule(shop, web)
    run = shop / "runs" / told["run_id"]
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert told["event"] == "run"
    assert told["link"] == "https://shop.example"
    for name in ("customers", "share_at_risk", "cutoff_date"):
        assert told[name] == summary[name]
    assert sum(told["findings"].values()) == len(summary["findings"])
    kept = "".join(
        path.read_text(encoding="utf-8")
        for path in (run / "study.json", run / "manifest.json", shop / "audit.jsonl")
    )
    assert "T_HOOK" not in kept
    assert "secret-hook" not in kept + printed


def test_a_run_that_fails_is_told_and_tried_again(shop: Path, web: Any) -> None:
    (shop / "orders.csv").write_text("", encoding="utf-8")
    told, printed = told_by_schedule(shop, web)
    assert told["event"] == "failed"
    assert told["problem"].endswith("orders.csv is empty (0 bytes)")
    assert told["fix"] == "name a file with a header and rows"
    assert Path(told["log"]).is_file()
    assert "the next try is in 1 min" in printed


def test_a_test_message_says_what_was_answered_and_its_exit_code_says_if_it_arrived(
    shop: Path, web: Any
) -> None:
    for path, code, said in (
        ("/in", 0, "webhook: 127.0.0.1 answered with HTTP 200"),
        (
            "/broken", 1,
            "the message by webhook was not sent, in 1 try: 127.0.0.1 answered with HTTP 500",
        ),
    ):  # fmt: skip
        done = subprocess.run(
            [*SCHEDULE, "--test-messages"],
            cwd=shop,
            env={**os.environ, "T_HOOK": web.at(path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr.strip()) == (code, said)
