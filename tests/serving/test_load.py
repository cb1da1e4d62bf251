"""A model is first loaded in a child process, which never outlives what started it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import DamagedRun
from holdfast.serving import load


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """A run whose model is a pipe that nobody writes to: loading it never ends."""
    (tmp_path / "models" / "churn").mkdir(parents=True)
    os.mkfifo(tmp_path / "models" / "churn" / "trees.txt")
    return tmp_path


def test_the_child_ends_when_its_parent_is_killed(endless: Path) -> None:
    watched, held = os.pipe()
    command = [sys.executable, "-c", load._CHILD, str(endless / "models")]
    with subprocess.Popen(command, stdin=watched) as child:
        os.close(watched)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(5)
        os.close(held)
        assert child.wait(20) == 1


def test_a_model_that_never_loads_is_a_damaged_run(
    endless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_CHILD_SECONDS", 1)
    with pytest.raises(DamagedRun, match="were not loaded within 1 seconds"):
        load.load_in_child(endless)
