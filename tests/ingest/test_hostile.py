"""Hostile files: exit code 0 or 2, no traceback, a fix beside every error, and no row lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench._hostile import CORPUS, Hostile, in_process, judged

from holdfast.errors import HoldfastError
from holdfast.setup.propose import propose

THROUGH_A_PROCESS = (
    "an unclosed quote in the last row",
    "gzip cut short",
    "Parquet with a damaged page",
    "a pipe",
)
LARGE = ("a cell of 3 MB", "2,000 columns")


def test_there_are_a_hundred_of_them_and_no_two_alike() -> None:
    assert len({hostile.name for hostile in CORPUS}) == len(CORPUS) >= 100


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_a_hostile_file_ends_as_it_must(hostile: Hostile, tmp_path: Path) -> None:
    assert in_process(hostile, tmp_path / "shop") == ""


@pytest.mark.parametrize(
    "hostile", [h for h in CORPUS if h.name in THROUGH_A_PROCESS], ids=lambda h: h.name
)
def test_a_hostile_file_ends_so_on_a_real_command_line_too(
    hostile: Hostile, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from holdfast.cli import main; main()",
            "check",
            "-c",
            str(hostile.study(tmp_path / "shop")),
            "--json",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert judged(hostile, code=done.returncode, said=done.stdout) == "", done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile", [h for h in CORPUS if h.name not in LARGE], ids=lambda hostile: hostile.name
)
def test_a_hostile_file_is_proposed_a_study_or_refused_with_a_fix(
    hostile: Hostile, tmp_path: Path
) -> None:
    hostile.study(tmp_path / "shop")
    refused = None
    try:
        proposal = propose(tmp_path / "shop" / hostile.path, project_dir=tmp_path / "shop")
    except HoldfastError as error:
        refused = error
    assert refused is None or (refused.exit_code == 2 and refused.fix), refused
    assert refused or proposal.kind in ("log", "snapshot")
