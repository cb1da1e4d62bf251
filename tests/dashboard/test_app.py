"""The entry: pages, the choice of a run and the filter of customers."""

from pathlib import Path

import pytest
from tests.dashboard.pages import testing, text

import holdfast.dashboard

APP = Path(holdfast.dashboard.__file__).with_name("app.py")


def test_the_first_page_is_the_overview_of_the_champion(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STUDY", str(older_runs / "log" / "holdfast.toml"))
    shown = testing.AppTest.from_file(str(APP), default_timeout=60).run()
    assert not shown.exception, shown.exception
    assert shown.title[0].value == "Overview"
    (choice,) = (box for box in shown.sidebar.selectbox if box.label == "Run")
    runs = ["20261129T190558Z-6406a92a", "20261129T190534Z-f3b0862c"]
    assert choice.options == ["published run", *runs]
    assert f"Run {runs[0]}." in text(shown)
    assert f"Run {runs[1]}." in text(choice.set_value(runs[1]).run())


def test_without_a_study_there_is_no_run_to_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STUDY", str(tmp_path / "holdfast.toml"))
    shown = testing.AppTest.from_file(str(APP), default_timeout=60).run()
    assert not shown.exception
    assert len(shown.sidebar.selectbox) == 0
    assert shown.error
