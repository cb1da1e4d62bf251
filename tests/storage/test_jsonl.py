"""A journal only grows, and a damaged line is not passed over."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.errors import DataError, HoldfastError, MachineError
from holdfast.storage import jsonl


def test_entries_come_back_in_order_whatever_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    assert jsonl.entries(path) == []
    for entry in ({"a": 1}, {"a": "Zoë\n=1+1"}):
        jsonl.append(path, entry)
    assert jsonl.entries(path) == [{"a": 1}, {"a": "Zoë\n=1+1"}]
    assert path.read_bytes().count(b"\n") == 2


def test_a_damaged_line_is_said(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    jsonl.append(path, {"a": 1})
    path.write_text(path.read_text(encoding="utf-8")[:-3], encoding="utf-8")
    with pytest.raises(DataError, match=r"j\.jsonl is damaged"):
        jsonl.entries(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="cannot be written: No such file"):
        jsonl.append(tmp_path / "none" / "j.jsonl", {})


def test_a_line_that_the_disk_has_no_room_for_leaves_nothing(
    small_disk: Callable[[int], Path],
) -> None:
    path = small_disk(64) / "j.jsonl"
    jsonl.append(path, {"a": 1})
    with pytest.raises(MachineError, match="the disk is full"):
        jsonl.append(path, {"a": "x" * 2**17})
    assert jsonl.entries(path) == [{"a": 1}]
    jsonl.append(path, {"a": 2})
    assert jsonl.entries(path) == [{"a": 1}, {"a": 2}]


def test_a_line_that_waited_while_the_journal_was_replaced_is_in_the_new_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    jsonl.append(path, {"name": "ann"})
    with ThreadPoolExecutor(1) as beside:

        def change(text: str) -> str:
            waiting = beside.submit(jsonl.append, path, {"name": "bob"})
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.2)
            return text.replace("ann", "[erased]")

        jsonl.rewrite(path, change)
    assert [entry["name"] for entry in jsonl.entries(path)] == ["[erased]", "bob"]


def test_a_text_may_hold_whatever_ends_a_line_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    entry = {"name": "\u2028a\x85b\x0bc\nd"}
    jsonl.append(path, entry)
    assert jsonl.entries(path) == [entry]


@pytest.mark.parametrize("line", [b"null", b"3", b"\xff"])
def test_a_line_that_is_no_object_is_said(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(DataError, match=r"j\.jsonl is damaged"):
        jsonl.entries(path)
