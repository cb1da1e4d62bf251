"""Ctrl-C and SIGTERM end a command with a sentence, and nothing is left behind."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.storage.runs import Registry

BOTH = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def start(code: str, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(happened: Callable[[], object], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.02)


@pytest.fixture
def shop(simulated_shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(simulated_shop, tmp_path / "shop"))


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_a_run_that_is_stopped_publishes_nothing_says_so_and_leaves_no_staging(
    shop: Path, number: int, code: int
) -> None:
    before = Registry(shop / "runs").run_ids()
    run = start("from holdfast.cli import main; main()", "run", cwd=shop)
    wait_for((shop / "runs" / ".staging" / "scratch").exists)
    time.sleep(0.5)
    run.send_signal(number)
    _, said = run.communicate(timeout=30)
    assert run.returncode == code, said
    assert said.splitlines()[-1] == "interrupted; nothing was published"
    assert "Traceback" not in said
    assert Registry(shop / "runs").run_ids() == before
    assert not (shop / "runs" / ".staging").exists()


DEAF = """
import hashlib, sys
from pathlib import Path
from holdfast.cli import interruption
from holdfast.storage.runs import Registry
interruption.listen()
registry = Registry(Path(sys.argv[1]))
interruption.watch_runs(registry)
with registry.staging() as staging:
    (staging / "customers.csv").write_text("C1")
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 10**9)
"""


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_a_step_that_hears_nothing_is_ended_from_beside(
    tmp_path: Path, number: int, code: int
) -> None:
    deaf = start(DEAF, str(tmp_path / "runs"), cwd=tmp_path)
    wait_for((tmp_path / "runs" / ".staging" / "customers.csv").exists)
    deaf.send_signal(number)
    _, said = deaf.communicate(timeout=30)
    assert (deaf.returncode, said) == (code, "interrupted; nothing was published\n")
    assert not (tmp_path / "runs" / ".staging").exists()


def test_what_was_published_before_the_signal_is_told(older_runs: Path) -> None:
    code = """
import os, shutil, signal, sys, time
from pathlib import Path
from holdfast.cli import interruption
from holdfast.storage.runs import Registry
interruption.listen()
runs = Path(sys.argv[1])
interruption.watch_runs(Registry(runs))
shutil.copytree(next(runs.glob("2*")), runs / "20271129T190558Z-0badcafe")
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
finally:
    interruption.say()
"""
    ended = start(code, str(older_runs / "log" / "runs"), cwd=older_runs)
    _, said = ended.communicate(timeout=30)
    assert said.splitlines()[0] == "interrupted; run 20271129T190558Z-0badcafe was made"
