"""A run as the pages need it: read when asked for, once, and whole though it is older."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.dashboard.run_view import open_registry, open_run, read_study
from holdfast.errors import RunNotFound, StudyError
from holdfast.serving.load import has_table
from holdfast.storage.runs import Registry


def test_the_project_is_the_one_that_the_environment_names(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_STUDY", str(older_runs / "log" / "holdfast.toml"))
    assert read_study().name == "tiny-log"
    registry = open_registry()
    assert registry.champion_id() == open_run(registry, "champion").run.run_id
    monkeypatch.setenv("HOLDFAST_STUDY", str(older_runs / "nowhere.toml"))
    with pytest.raises(StudyError):
        open_registry()


def test_a_run_is_opened_once_and_by_any_of_its_names(older_runs: Path) -> None:
    registry = Registry(older_runs / "log" / "runs")
    run = open_run(registry, "champion")
    assert run is open_run(registry, "latest") is open_run(registry, run.run.run_id)
    assert run.table("segments") is run.table("segments")
    with pytest.raises(RunNotFound):
        open_run(registry, "20200101T000000Z-00000000")


def test_what_is_made_is_kept(older_runs: Path) -> None:
    run = open_run(Registry(older_runs / "log" / "runs"), "champion")
    made: list[int] = []
    for _ in range(2):
        run.keep("key", lambda: made.append(1))
    assert made == [1]


def test_a_log_and_a_snapshot_are_told_apart(older_runs: Path) -> None:
    log, snapshot = (
        open_run(Registry(older_runs / name / "runs"), "champion") for name in ("log", "snapshot")
    )
    assert (log.is_snapshot, snapshot.is_snapshot) == (False, True)
    assert (log.currency, snapshot.currency) == ("USD", "USD")
    assert has_table(log.run, "cohorts")
    assert not has_table(snapshot.run, "cohorts")
    # A table that the run does not have is there, without rows, by its contract.
    assert snapshot.table("cohorts").height == 0
    assert snapshot.table("cohorts").columns == log.table("cohorts").columns


def test_a_run_is_compared_with_the_one_before(older_runs: Path) -> None:
    registry = Registry(older_runs / "log" / "runs")
    latest, first = (open_run(registry, run_id) for run_id in registry.run_ids())
    assert latest.before is not None
    assert latest.before.run_id == first.run.run_id
    assert latest.trail.height == 2
    assert latest.moves is not None
    assert (first.before, first.moves, first.trail.height) == (None, None, 1)


def test_a_list_is_described_once_and_again_where_its_groups_are_others(older_runs: Path) -> None:
    run = open_run(Registry(older_runs / "snapshot" / "runs"), "champion")
    rows = run.scores.head(3)
    told = run.describe(rows)
    assert run.describe(rows) is told
    assert told["customer_id"].to_list() == rows["customer_id"].to_list()
    for arm in ("contact", "hold out"):
        assert set(run.describe(rows.with_columns(arm=pl.lit(arm)))["arm"]) == {arm}
