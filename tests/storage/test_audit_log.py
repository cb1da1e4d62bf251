"""The audit log: a line that is changed, removed, put in or cut off is noticed."""

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from holdfast.errors import DataError, HoldfastError
from holdfast.storage.audit_log import entries, record, verify, write_ahead
from holdfast.storage.keys import KeyFile


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for number in range(1, 6):
        record(tmp_path, "promote", run_id=f"run {number}")
    return tmp_path


def _lines(project: Path) -> list[str]:
    return (project / "audit.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def _write(project: Path, lines: list[str]) -> None:
    (project / "audit.jsonl").write_text("".join(lines), encoding="utf-8")


def test_every_line_says_who_did_what_and_when(project: Path) -> None:
    assert verify(project) == 5
    record(project, "push", who="key 1f2e", contacted=3)
    last = entries(project)[-1]
    assert (last["n"], last["who"], last["what"], last["contacted"]) == (6, "key 1f2e", "push", 3)
    assert (project / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_project_without_a_log_has_no_lines(tmp_path: Path) -> None:
    assert verify(tmp_path) == 0


def test_a_line_that_was_changed_is_named_by_the_one_behind_it(project: Path) -> None:
    lines = _lines(project)
    lines[1] = lines[1].replace("run 2", "run 9")
    _write(project, lines)
    with pytest.raises(DataError, match=r"line 3 of audit.jsonl does not follow"):
        verify(project)


def test_the_last_line_is_held_to_what_was_noted(project: Path) -> None:
    lines = _lines(project)
    lines[4] = lines[4].replace("run 5", "run 9")
    _write(project, lines)
    with pytest.raises(DataError, match=r"line 5 of audit.jsonl is not the one"):
        verify(project)


@pytest.mark.parametrize(("left", "first"), [([0, 2, 3, 4], 2), ([1, 2, 3, 4], 1)])
def test_a_line_that_was_taken_out_is_noticed(project: Path, left: list[int], first: int) -> None:
    _write(project, [_lines(project)[i] for i in left])
    with pytest.raises(DataError, match=f"line {first} of audit.jsonl does not follow"):
        verify(project)


def test_a_tail_that_was_cut_off_stays_noticed_whatever_is_written_after_it(project: Path) -> None:
    _write(project, _lines(project)[:3])
    with pytest.raises(DataError, match=r"line 4 of audit.jsonl is gone"):
        verify(project)
    for _ in range(3):
        record(project, "promote", run_id="later")
    with pytest.raises(DataError, match=r"line 5 of audit.jsonl is not the one"):
        verify(project)


def test_half_a_line_of_a_killed_process_is_dropped(project: Path) -> None:
    with (project / "audit.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"n": 6, "at"')
    assert verify(project) == 5
    record(project, "promote", run_id="run 6")
    assert [entry["n"] for entry in entries(project)] == [1, 2, 3, 4, 5, 6]
    assert verify(project) == 6


def test_a_process_killed_before_it_noted_the_end_breaks_nothing(project: Path) -> None:
    end = (project / "audit.end").read_bytes()
    record(project, "promote", run_id="run 6")
    (project / "audit.end").write_bytes(end)
    assert verify(project) == 6
    record(project, "promote", run_id="run 7")
    assert verify(project) == 7


def test_lines_added_by_hand_are_noticed(project: Path) -> None:
    lines = _lines(project)
    end = (project / "audit.end").read_bytes()
    record(project, "promote", run_id="run 6")
    record(project, "promote", run_id="run 7")
    assert len(_lines(project)) == len(lines) + 2
    (project / "audit.end").write_bytes(end)
    with pytest.raises(DataError, match=r"line 7 of audit.jsonl was added by hand"):
        verify(project)


def test_without_the_note_of_its_end_nobody_can_vouch_for_it(project: Path) -> None:
    (project / "audit.end").unlink()
    with pytest.raises(DataError, match=r"audit.end is gone"):
        verify(project)


def _record_ten(project: Path, name: str) -> None:
    for _ in range(10):
        record(project, "promote", who=name)


def test_several_processes_write_one_chain(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3) as pool:
        list(pool.map(partial(_record_ten, tmp_path), "abc"))
    assert verify(tmp_path) == 30
    assert json.loads(_lines(tmp_path)[29])["n"] == 30


def test_keys_that_are_made_and_revoked_are_written_down_without_their_hash(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    _, key = keys.create(role="reader", name="shop window")
    keys.revoke(key.key_id)
    made, revoked = entries(tmp_path)
    assert (made["what"], made["key_id"], made["role"]) == ("key created", key.key_id, "reader")
    assert (revoked["what"], revoked["key_id"]) == ("key revoked", key.key_id)
    assert key.sha256 not in (tmp_path / "audit.jsonl").read_text(encoding="utf-8")


def test_a_deed_stands_in_the_log_before_it_is_done_and_its_failure_after_it(
    tmp_path: Path,
) -> None:
    def fail() -> None:
        with write_ahead(tmp_path, "promote", who="ann", run_id="run 1"):
            assert [entry["what"] for entry in entries(tmp_path)] == ["promote"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [(e["what"], e["who"], e["run_id"]) for e in entries(tmp_path)] == [
        ("promote", "ann", "run 1"),
        ("promote failed", "ann", "run 1"),
    ]


def test_a_key_that_cannot_be_recorded_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(HoldfastError, match="cannot be written"):
        KeyFile(tmp_path).create(role="reader", name="ann")
    assert KeyFile(tmp_path).keys() == {}
