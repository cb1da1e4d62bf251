"""The first reader waits for nothing that could be made before."""

import sys
from pathlib import Path

import pytest

from holdfast.dashboard import preload
from holdfast.dashboard.run_view import open_run
from holdfast.storage.runs import Registry


def test_pages_are_imported_and_the_champions_models_were_loaded_once(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STUDY", str(older_runs / "snapshot" / "holdfast.toml"))
    preload.preload()
    assert "holdfast.dashboard.views.health" in sys.modules
    runs = older_runs / "snapshot" / "runs"
    assert [path.name[:16] for path in (runs / ".loaded").iterdir()] == ["20261129T190620Z"]
    run = open_run(Registry(runs), "champion")
    # The overview's charts are kept: what makes one is not asked again.
    assert run.keep(("chart", "violins"), lambda: pytest.fail("made twice"))


def test_a_project_that_cannot_be_opened_is_left_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STUDY", str(tmp_path / "holdfast.toml"))
    preload.preload()
