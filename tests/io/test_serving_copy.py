"""A server reads its own copy of a run: checked, shared, and there when the run is not."""

import shutil
from pathlib import Path

import pytest

from holdfast.errors import DamagedRun
from holdfast.io.runs import Registry, Run
from holdfast.io.serving_copy import COPIES, keep, kept_runs


def publish(runs: Path, day: int) -> Run:
    registry = Registry(runs)
    with registry.staging() as staging:
        folder = staging / "run"
        for name in ("report.html", "scores.arrow", "charts/roc_pr.png", "tables/reasons.parquet"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{name} of day {day}", encoding="utf-8")
        return registry.publish(folder, run_id=f"2026010{day}T000000Z-00000001", facts={})


def test_the_copy_holds_what_a_server_reads_and_leaves_out_the_report(tmp_path: Path) -> None:
    copy = keep(publish(tmp_path / "runs", 1))
    assert sorted(copy.manifest["files"]) == ["scores.arrow", "tables/reasons.parquet"]
    assert copy.read("scores.arrow") == b"scores.arrow of day 1"
    assert copy.run_id == "20260101T000000Z-00000001"
    assert not (copy.path / "report.html").exists()


def test_the_copy_is_there_when_the_run_is_not(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    keep(run)
    shutil.rmtree(run.path)
    (copy,) = kept_runs(tmp_path / "runs")
    assert copy.read("tables/reasons.parquet") == b"tables/reasons.parquet of day 1"
    assert keep(run).path == copy.path


def test_a_changed_file_is_not_served(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    (run.path / "scores.arrow").write_text("something else", encoding="utf-8")
    with pytest.raises(DamagedRun, match=r"scores\.arrow .* is not what was published"):
        keep(run)
    assert kept_runs(tmp_path / "runs") == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    (run.path / "scores.arrow").unlink()
    with pytest.raises(DamagedRun, match=r"scores\.arrow of run .* cannot be read: No such file"):
        keep(run)


def test_only_the_latest_copies_stay(tmp_path: Path) -> None:
    for day in range(1, COPIES + 3):
        keep(publish(tmp_path / "runs", day))
    kept = [run.run_id[:8] for run in kept_runs(tmp_path / "runs")]
    assert kept == ["20260105", "20260104", "20260103"]


def test_where_the_runs_may_not_be_written_the_copy_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = publish(tmp_path / "runs", 1)
    # A file where the folder would be: no one, not even root, can make it.
    (tmp_path / "runs" / ".serving").write_text("", encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    copy = keep(run)
    assert copy.path.is_relative_to(tmp_path / "elsewhere")
    assert copy.read("scores.arrow") == b"scores.arrow of day 1"
