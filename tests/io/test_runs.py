"""The registry: a run appears whole or not at all, and never changes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from holdfast.errors import DamagedRun, ProjectBusy, RunError, RunNotFound
from holdfast.io.runs import Registry, Run

FACTS = {
    "created_at": "2026-01-01T00:00:00Z",
    "study": "shop",
    "cutoff_date": "2026-01-01",
    "customers": 1,
}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "runs")


def publish(registry: Registry, *, run_id: str = "20260101T000000Z-00000001") -> Run:
    with registry.staging() as staging:
        folder = staging / "run"
        (folder / "tables").mkdir(parents=True)
        pl.DataFrame({"customer_id": ["a"]}).write_parquet(folder / "tables" / "scores.parquet")
        (folder / "summary.json").write_text('{"customers": 1}', encoding="utf-8")
        return registry.publish(folder, run_id=run_id, facts=FACTS)


def test_a_published_run_is_read_back(registry: Registry) -> None:
    publish(registry)
    run = registry.open("latest")
    assert run.summary == {"customers": 1}
    assert run.scores["customer_id"].to_list() == ["a"]
    assert set(run.manifest["files"]) == {"tables/scores.parquet", "summary.json"}


def test_nothing_is_visible_before_the_rename(registry: Registry) -> None:
    with registry.staging() as staging:
        (staging / "run").mkdir()
        (staging / "run" / "scores.parquet").write_bytes(b"half")
        assert registry.run_ids() == []
    assert not (registry.folder / ".staging").exists()


def test_a_changed_file_is_refused_before_it_is_opened(registry: Registry) -> None:
    run = publish(registry)
    with (run.path / "tables" / "scores.parquet").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(DamagedRun, match=r"scores\.parquet .* is not what was published"):
        registry.open("latest").table("scores")


def test_a_missing_file_is_a_damaged_run(registry: Registry) -> None:
    run = publish(registry)
    (run.path / "summary.json").unlink()
    with pytest.raises(DamagedRun, match="No such file"):
        _ = registry.open("latest").summary


def test_a_broken_manifest_is_a_damaged_run(registry: Registry) -> None:
    run = publish(registry)
    (run.path / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(DamagedRun, match="manifest"):
        registry.open("latest")


def test_rollback_goes_back_to_the_champion_before(registry: Registry) -> None:
    first = publish(registry)
    second = publish(registry, run_id="20260102T000000Z-00000002")
    registry.promote(first.run_id)
    registry.promote(second.run_id)
    assert registry.open().run_id == second.run_id
    assert registry.rollback().run_id == first.run_id
    assert registry.open().run_id == first.run_id
    with pytest.raises(
        RunNotFound, match=r"no champion to go back to: none came before .*; choose .* published: "
    ):
        registry.rollback()


def test_a_damaged_run_is_not_promoted(registry: Registry) -> None:
    run = publish(registry)
    (run.path / "summary.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DamagedRun):
        registry.promote(run.run_id)
    assert registry.champion_id() is None


def test_an_unknown_run_names_the_nearest(registry: Registry) -> None:
    run = publish(registry)
    with pytest.raises(RunNotFound, match=f"did you mean '{run.run_id}'"):
        registry.open(run.run_id[:-1])
    with pytest.raises(RunNotFound):
        registry.open("../../etc")


def test_two_runs_of_one_second_get_two_names(registry: Registry) -> None:
    names = [publish(registry).run_id for _ in range(3)]
    assert names == [
        "20260101T000000Z-00000001",
        "20260101T000000Z-00000001-2",
        "20260101T000000Z-00000001-3",
    ]
    assert registry.run_ids() == sorted(names, reverse=True)


def test_the_second_of_two_at_once_is_told(registry: Registry) -> None:
    busy = pytest.raises(ProjectBusy, match="another run is at work")
    with registry.staging(), busy as refused, registry.staging():
        pass
    assert refused.value.exit_code == 2


def test_a_killed_run_leaves_nothing_and_the_next_works(registry: Registry, tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from holdfast.io.runs import Registry\n"
        "with Registry(Path(sys.argv[1])).staging() as s:\n"
        "    (s / 'half').write_text('x'); print('in', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(registry.folder)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"in\n"
    with pytest.raises(ProjectBusy, match=str(child.pid)):
        publish(registry)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    time.sleep(0.05)
    assert registry.run_ids() == []
    assert publish(registry).run_id in registry.run_ids()


def test_a_full_disk_is_said_and_publishes_nothing(registry: Registry) -> None:
    with pytest.raises(RunError, match="disk is full"), registry.staging():
        Path("/dev/full").write_bytes(b"x")
    assert registry.run_ids() == []


def test_the_manifest_is_plain_json(registry: Registry) -> None:
    run = publish(registry)
    manifest = json.loads((run.path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run_id"] == run.run_id
    assert manifest["files"]["summary.json"]["bytes"] == len('{"customers": 1}')
