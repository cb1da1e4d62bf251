"""A server reads its own copy of a run: checked, shared, and there when the run is not."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.errors import DamagedRun
from holdfast.storage import serving_copy
from holdfast.storage.runs import Registry, Run, read_run
from holdfast.storage.serving_copy import COPIES, forget, is_in_use, keep, reopen

FACTS = {
    "created_at": "2026-01-01T00:00:00Z",
    "study": "shop",
    "cutoff_date": "2026-01-01",
    "customers": 1,
}


def publish(runs: Path, day: int) -> Run:
    registry = Registry(runs)
    with registry.staging() as staging:
        folder = staging / "run"
        for name in ("report.html", "scores.arrow", "charts/roc_pr.png", "tables/reasons.parquet"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"{name} of day {day}", encoding="utf-8")
        return registry.publish(folder, run_id=f"2026010{day}T000000Z-00000001", facts=FACTS)


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
    copy = reopen(tmp_path / "runs", run.run_id, run.digest)
    assert copy.read("tables/reasons.parquet") == b"tables/reasons.parquet of day 1"
    assert keep(run).path == copy.path


def test_a_changed_file_is_not_served(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    (run.path / "scores.arrow").write_text("scores.arrow of day 2", encoding="utf-8")
    with pytest.raises(DamagedRun, match=r"scores\.arrow .* is not what was published"):
        keep(run)
    with pytest.raises(DamagedRun, match="No such file"):
        reopen(tmp_path / "runs", run.run_id, run.digest)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    (run.path / "scores.arrow").unlink()
    with pytest.raises(DamagedRun, match=r"scores\.arrow of run .* cannot be read: No such file"):
        keep(run)


def test_only_the_latest_copies_stay(tmp_path: Path) -> None:
    for day in range(1, COPIES + 3):
        keep(publish(tmp_path / "runs", day))
    assert days_kept(tmp_path) == ["20260103", "20260104", "20260105"]


def days_kept(tmp_path: Path) -> list[str]:
    return sorted(path.name[:8] for path in (tmp_path / "runs" / ".serving").glob("2026*"))


def test_a_copy_in_use_is_never_removed_and_one_that_is_used_again_is_not_old(
    tmp_path: Path,
) -> None:
    runs = [publish(tmp_path / "runs", day) for day in range(1, 8)]
    used = keep(runs[0])
    for run in runs[1:4]:
        keep(run)
    keep(runs[1])
    for run in runs[4:6]:
        keep(run)
    assert days_kept(tmp_path) == ["20260101", "20260102", "20260105", "20260106"]
    assert used.is_untouched()
    assert is_in_use(tmp_path / "runs", used.run_id)
    assert not forget(tmp_path / "runs", used.run_id)
    del used
    assert not is_in_use(tmp_path / "runs", runs[0].run_id)
    keep(runs[6])
    assert days_kept(tmp_path) == ["20260105", "20260106", "20260107"]
    assert forget(tmp_path / "runs", runs[6].run_id)
    assert days_kept(tmp_path) == ["20260105", "20260106"]


def test_another_process_s_use_of_a_copy_counts(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    code = (
        "import sys; from holdfast.storage.runs import Registry; "
        "from holdfast.storage.serving_copy import keep\n"
        "copy = keep(Registry(sys.argv[1]).open('latest')); print('in', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "runs")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "in\n"
        assert not forget(tmp_path / "runs", run.run_id)
        child.kill()
        child.wait()
        assert forget(tmp_path / "runs", run.run_id)


@pytest.mark.parametrize("name", ["scores.arrow", "manifest.json"])
def test_a_copy_that_was_altered_is_made_again(tmp_path: Path, name: str) -> None:
    run = publish(tmp_path / "runs", 1)
    altered = keep(run).path / name
    content = bytearray(altered.read_bytes())
    content[-3] ^= 1
    altered.write_bytes(content)
    with pytest.raises(DamagedRun):
        reopen(tmp_path / "runs", run.run_id, run.digest)
    assert keep(run).read("scores.arrow") == b"scores.arrow of day 1"
    assert reopen(tmp_path / "runs", run.run_id, run.digest).path == altered.parent


def test_a_copy_that_is_sound_in_itself_but_another_s_is_not_served(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    copy = keep(run)
    other = publish(tmp_path / "elsewhere" / "runs", 1)
    with (other.path / "manifest.json").open("a") as file:
        file.write(" ")
    foreign = keep(read_run(other.path))
    shutil.rmtree(copy.path)
    shutil.copytree(foreign.path, copy.path)
    with pytest.raises(DamagedRun, match="is another's"):
        reopen(tmp_path / "runs", run.run_id, run.digest)
    assert keep(run).digest == run.digest


def test_a_folder_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    run = publish(tmp_path / "runs", 1)
    folder = tmp_path / "runs" / ".serving"
    folder.mkdir(mode=0o755)
    assert keep(run).path.parent == folder
    assert folder.stat().st_mode & 0o777 == 0o700


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
    assert copy.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("planted", ["open", "link", "file"])
def test_a_folder_of_the_temporary_one_that_anybody_may_have_made_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    run = publish(tmp_path / "runs", 1)
    (tmp_path / "runs" / ".serving").write_text("", encoding="utf-8")
    shared, theirs = tmp_path / "shared", tmp_path / "theirs"
    shared.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    shutil.rmtree(keep(run).path)
    (guessable,) = shared.iterdir()
    guessable.rename(theirs)
    if planted == "open":
        guessable.mkdir(mode=0o777)
        guessable.chmod(0o777)
    elif planted == "link":
        guessable.symlink_to(theirs)
    else:
        guessable.write_text("", encoding="utf-8")
    serving_copy._elsewhere.cache_clear()
    copy = keep(run)
    assert copy.path.parent != guessable
    assert copy.path.parent.parent == shared
    assert copy.path.parent.stat().st_mode & 0o777 == 0o700
