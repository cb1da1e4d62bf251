"""What the machine refuses is a sentence with what to do, from every command, and nothing half done
stays.
"""

import errno
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.cli.test_cli import QUICK, holdfast

from holdfast.cli import main
from holdfast.storage.runs import Registry


@pytest.mark.parametrize(
    ("error", "problem", "fix"),
    [
        (OSError(errno.ENOSPC, "x", "a.parquet"), "the disk is full (a.parquet)", "free some"),
        (pl.exceptions.ComputeError("No space left on device"), "the disk is full", "free some"),
        (OSError("No space left on device (os error 28)"), "the disk is full", "free some"),
        (OSError(errno.EROFS, "x", "runs"), "the file system is read-only (runs)", "mount it"),
        (PermissionError(errno.EACCES, "x", "k"), "permission is denied (k)", "let this user"),
        (OSError(errno.EMFILE, "x"), "too many files are open", "raise the limit"),
        (MemoryError(), "the memory is not enough", "close other programs"),
    ],
)
def test_what_the_machine_refuses_is_said_and_what_to_do(
    error: Exception,
    problem: str,
    fix: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(sys.modules[main.__module__], "app", refuse)
    monkeypatch.setattr(sys, "argv", ["holdfast"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {problem}")
    assert f"Fix: {fix}" in said
    assert "did not expect" not in said


def copy_to(disk: Path, shop: Path) -> Path:
    """The shop's sources on a disk, read from where they are; its runs would be written there."""
    text = (shop / "holdfast.toml").read_text(encoding="utf-8")
    for source in shop.glob("*.parquet"):
        text = text.replace(f'"{source.name}"', f'"{source}"')
    (disk / "holdfast.toml").write_text(text, encoding="utf-8")
    return disk


@pytest.mark.slow
@pytest.mark.parametrize("kib", [200, 700, 1100])
def test_a_run_on_a_disk_that_fills_up_publishes_nothing_and_says_why(
    kib: int, simulated_shop: Path, small_disk: Callable[[int], Path]
) -> None:
    disk = copy_to(small_disk(kib), simulated_shop)
    said = holdfast("run", *QUICK, cwd=disk, code=1)
    assert "the disk is full" in said
    assert "free some space" in said
    assert "did not expect" not in said
    assert Registry(disk / "runs").run_ids() == []
    assert not (disk / "runs" / ".staging").exists()


def test_on_a_read_only_disk_every_command_that_writes_says_so(
    older_runs: Path, small_disk: Callable[[int], Path]
) -> None:
    disk = small_disk(8192)
    shutil.copytree(older_runs / "log", disk, dirs_exist_ok=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    run_id = Registry(disk / "runs").run_ids()[-1]
    for command in (
        ("run",),
        ("runs", "promote", run_id),
        ("runs", "rollback"),
        ("keys", "create", "--role", "reader"),
        ("simulate", "new"),
    ):
        said = holdfast(*command, cwd=disk, code=1)
        assert "read-only" in said.lower(), (command, said)
        assert "Fix:" in said
        assert "did not expect" not in said
    assert "churn" in holdfast("predict", "--random", cwd=disk)
