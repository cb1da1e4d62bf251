"""The registry: a run appears whole or not at all, and never changes."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from holdfast.errors import DamagedRun, MachineError, ProjectBusy, RunError, RunNotFound
from holdfast.storage.runs import Registry, Run

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


def test_a_file_that_is_changed_after_it_was_checked_is_checked_again(registry: Registry) -> None:
    run = registry.open(publish(registry).run_id)
    assert run.table("scores").height == 1
    path = run.path / "tables" / "scores.parquet"
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedRun, match="SHA-256"):
        run.table("scores")


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
        RunNotFound, match=r"no published run to go back to: none came before .*; publish .* runs: "
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
        "import sys, time; from pathlib import Path; from holdfast.storage.runs import Registry\n"
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


def edit_manifest(run: Run, **changes: object) -> None:
    path = run.path / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | changes), encoding="utf-8")


@pytest.mark.parametrize("promoted", [True, False])
def test_a_manifest_that_is_changed_is_not_the_run_that_was_published(
    registry: Registry, promoted: bool
) -> None:
    run = publish(registry)
    if promoted:
        registry.promote(run.run_id)
    edit_manifest(run, created_at="2026-01-02T00:00:00Z")
    for name in ("champion" if promoted else "latest", run.run_id):
        with pytest.raises(DamagedRun, match=r"manifest of run .* is not what was published"):
            registry.open(name)
    with pytest.raises(DamagedRun, match="manifest"):
        registry.promote(run.run_id)


def test_both_lists_name_the_digest_of_the_manifest(registry: Registry) -> None:
    run = publish(registry)
    registry.promote(run.run_id)
    digest = hashlib.sha256((run.path / "manifest.json").read_bytes()).hexdigest()
    for name in ("champion", "published"):
        assert (registry.folder / name).read_text(encoding="utf-8") == f"{run.run_id} {digest}\n"


def test_a_run_without_a_digest_is_checked_once_said_and_then_held_to_it(
    registry: Registry,
) -> None:
    first, second = publish(registry), publish(registry)
    (registry.folder / "published").unlink()
    (registry.folder / "champion").write_text(f"{first.run_id}\n", encoding="utf-8")
    heard: list[str] = []
    registry = Registry(registry.folder, tell=heard.append)
    assert registry.open().run_id == first.run_id
    registry.promote(second.run_id)
    assert [line.split()[1] for line in heard] == [second.run_id, first.run_id]
    assert "its 2 files were checked" in heard[0]
    registry.promote(first.run_id)
    assert len(heard) == 2
    edit_manifest(first, customers=2)
    with pytest.raises(DamagedRun, match="is not what was published"):
        registry.open()


def test_a_new_run_gives_the_champion_of_an_older_version_its_digest(registry: Registry) -> None:
    first = publish(registry)
    (registry.folder / "published").unlink()
    (registry.folder / "champion").write_text(f"{first.run_id}\n", encoding="utf-8")
    publish(registry)
    assert registry.champions() == [(first.run_id, first.digest)]


def test_without_a_champion_the_newest_run_does_not_stand_in(registry: Registry) -> None:
    run = publish(registry)
    with pytest.raises(RunNotFound, match=r"is the published one; .*runs promote latest"):
        registry.open()
    for content in (f"{run.run_id[:-1]}9\n", "../elsewhere", "\0\xff", f"{run.run_id}x"):
        (registry.folder / "champion").write_text(content, encoding="latin-1")
        with pytest.raises(RunNotFound, match=r"the published run .* is not in"):
            registry.open()
    assert registry.open("latest").run_id == run.run_id
    assert registry.promote("latest").run_id == registry.open().run_id == run.run_id


@pytest.mark.parametrize("name", ["champion", "published"])
def test_a_list_that_is_no_plain_file_is_said_and_not_waited_for(
    registry: Registry, name: str
) -> None:
    publish(registry)
    (registry.folder / name).unlink(missing_ok=True)
    os.mkfifo(registry.folder / name)
    with pytest.raises(RunError, match=f"{name} cannot be read: it is no plain file"):
        registry.open()


def test_the_latest_run_is_the_last_published_whatever_the_clock_said(registry: Registry) -> None:
    future = publish(registry, run_id="20991231T000000Z-00000001")
    now = publish(registry)
    assert registry.run_ids() == [now.run_id, future.run_id]
    assert registry.open("latest").run_id == now.run_id


def test_what_killed_promotions_left_is_cleaned_up(registry: Registry) -> None:
    run = publish(registry)
    for name in (".champion-123", ".champion-a_b", ".published-9"):
        (registry.folder / name).write_text("half", encoding="utf-8")
    registry.promote(run.run_id)
    publish(registry)
    assert sorted(path.name for path in registry.folder.glob(".*-*")) == []


def test_simultaneous_promotions_lose_nothing(registry: Registry) -> None:
    runs = [publish(registry, run_id=f"20260101T000000Z-0000000{n}") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(registry.promote, run.run_id) for run in runs * 5]:
            result.result()
    assert sorted(registry.champions()) == sorted((run.run_id, run.digest) for run in runs)
    with ThreadPoolExecutor(7) as pool:
        back = [pool.submit(registry.rollback) for _ in range(7)]
        assert len({each.result().run_id for each in back}) == 7
    assert len(registry.champions()) == 1


def test_nobody_else_may_read_a_run(registry: Registry) -> None:
    run = publish(registry)
    registry.promote(run.run_id)
    modes = {path: path.stat().st_mode & 0o777 for path in (run.path, *run.path.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert (registry.folder / "champion").stat().st_mode & 0o777 == 0o600


def test_every_file_and_folder_of_a_run_is_on_the_disk_before_it_appears(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def sync(path: Path) -> None:
        assert registry.run_ids() == []
        synced.append(path.name)

    with registry.staging() as staging:
        (staging / "run" / "tables").mkdir(parents=True)
        (staging / "run" / "tables" / "a.parquet").write_bytes(b"x")
        with monkeypatch.context() as patch:
            patch.setattr("holdfast.storage.runs.sync", sync)
            patch.setattr(Path, "replace", lambda *_: None)
            registry.publish(staging / "run", run_id="20260101T000000Z-00000001", facts=FACTS)
    assert sorted(synced[:-1]) == ["a.parquet", "manifest.json", "run", "tables"]


def test_the_champion_is_never_removed_and_a_removed_run_leaves_the_lists(
    registry: Registry,
) -> None:
    first, second = publish(registry), publish(registry)
    registry.promote(first.run_id)
    registry.promote(second.run_id)
    with pytest.raises(RunError, match="the published run is not removed"):
        registry.remove([second.run_id])
    registry.remove([first.run_id])
    assert registry.run_ids() == [second.run_id]
    assert registry.champions() == [(second.run_id, second.digest)]
    assert not (registry.folder / ".removed").exists()
    listed = (registry.folder / "published").read_text(encoding="utf-8")
    assert listed == f"{second.run_id} {second.digest}\n"


def test_what_is_removed_does_not_stay_out_of_sight_because_a_list_cannot_be_written(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = publish(registry), publish(registry)
    registry.promote(second.run_id)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("holdfast.storage.runs.write_list", refuse)
        with pytest.raises(MachineError, match="free some space"):
            registry.remove([first.run_id])
    assert registry.run_ids() == [second.run_id]
    assert not (registry.folder / ".removed").exists()


def test_a_folder_that_may_not_be_written_is_said(registry: Registry) -> None:
    run = publish(registry)
    (registry.folder / ".lists.lock").unlink()
    (registry.folder / ".lists.lock").mkdir()
    with pytest.raises(RunError, match=r"runs cannot be changed: Is a directory; see that"):
        registry.promote(run.run_id)


def test_a_full_disk_is_said_and_publishes_nothing(registry: Registry) -> None:
    words = "the disk is full; nothing was published"
    with pytest.raises(MachineError, match=words), registry.staging():
        Path("/dev/full").write_bytes(b"x")
    assert registry.run_ids() == []


def test_the_manifest_is_plain_json(registry: Registry) -> None:
    run = publish(registry)
    manifest = json.loads((run.path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run_id"] == run.run_id
    assert manifest["files"]["summary.json"]["bytes"] == len('{"customers": 1}')


def test_a_run_shows_itself_in_a_line_and_in_a_notebook(older_runs: Path) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    customers = run.scores.height
    assert repr(run).startswith(f"<Run {run.run_id} of ")
    assert f": {customers} customers on 2024-09-2" in repr(run)
    html = run._repr_html_()
    assert html.count("<table>") == 3
    for segment in run.table("segments")["segment"]:
        assert f"<td>{segment}</td>" in html
    assert "<td>roc_auc</td>" in html


def test_what_a_run_shows_in_a_notebook_is_escaped_and_a_damaged_one_says_so(
    older_runs: Path,
) -> None:
    run = Registry(older_runs / "log" / "runs").open()
    named = Run(run.path, {**run.manifest, "study": "<script>alert(1)</script>"})
    assert "&lt;script&gt;alert" in named._repr_html_()
    assert "<script" not in named._repr_html_()
    (run.path / "tables" / "segments.parquet").write_bytes(b"half")
    assert "segments.parquet" in run._repr_html_()
