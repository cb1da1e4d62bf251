"""A file is whole or not there, and whoever replaces it does not meet another."""

import errno
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

from holdfast.errors import RunError
from holdfast.storage.keys import KeyFile
from holdfast.storage.safe_files import replace_file, write_parquet


def test_a_file_is_replaced_in_one_step_and_is_its_owner_s_only(tmp_path: Path) -> None:
    path = tmp_path / "champion"
    path.write_text("old", encoding="utf-8")

    def fail(new: Path) -> None:
        new.write_text("half", encoding="utf-8")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replace_file(path, fail)
    assert [each.name for each in tmp_path.iterdir()] == ["champion"]
    assert path.read_text(encoding="utf-8") == "old"
    replace_file(path, lambda new: new.write_text("new", encoding="utf-8"))
    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_threads_that_replace_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "champion"
    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(replace_file, path, Path.touch) for _ in range(80)]:
            each.result()
    assert [each.name for each in tmp_path.iterdir()] == ["champion"]


def test_what_killed_processes_left_of_the_keys_goes_with_the_next_change(tmp_path: Path) -> None:
    (tmp_path / ".keys.json-4711").write_text("[", encoding="utf-8")
    KeyFile(tmp_path).create(role="reader", name="a")
    assert not list(tmp_path.glob(".keys.json-*"))


def test_a_table_that_the_disk_has_no_room_for_is_refused_by_the_disk(
    small_disk: Callable[[int], Path],
) -> None:
    table = pl.DataFrame({f"c{i}": range(200) for i in range(60)})
    for kib in (4, 8, 24, 44):
        with pytest.raises(OSError, match="No space left") as refused:
            write_parquet(table, small_disk(kib) / "a.parquet")
        assert refused.value.errno == errno.ENOSPC
    path = small_disk(256) / "a.parquet"
    write_parquet(table, path)
    assert pl.read_parquet(path).equals(table)


@pytest.mark.parametrize("change", [{"role": "root"}, {"sha256": "é"}, {"sha256": None}])
def test_nobody_is_let_in_by_a_file_of_keys_that_holds_something_else(
    tmp_path: Path, change: dict[str, str | None]
) -> None:
    text, key = KeyFile(tmp_path).create(role="reader", name="a")
    rows = [{**asdict(key), **change}]
    (tmp_path / "keys.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(RunError, match=r"keys\.json cannot be read"):
        KeyFile(tmp_path).holder(text)
