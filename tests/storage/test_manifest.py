"""A manifest is read as if a stranger had written it."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import DamagedRun
from holdfast.storage.manifest import read_manifest
from holdfast.storage.runs import read_run

RUN_ID = "20260101T000000Z-00000001"
CONTENT = b'{"customers": 1}'
SUMMARY = {"bytes": 16, "sha256": hashlib.sha256(CONTENT).hexdigest()}
MANIFEST: dict[str, Any] = {
    "run_id": RUN_ID,
    "created_at": "2026-01-01T00:00:00Z",
    "study": "shop",
    "cutoff_date": "2026-01-01",
    "customers": 1,
    "files": {"summary.json": SUMMARY},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / RUN_ID
    folder.mkdir()
    (folder / "summary.json").write_bytes(CONTENT)
    return folder


def write(folder: Path, manifest: Any) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_manifest_comes_with_the_digest_of_its_bytes(folder: Path) -> None:
    write(folder, MANIFEST)
    content = (folder / "manifest.json").read_bytes()
    assert read_manifest(folder) == (MANIFEST, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize(
    "name",
    [
        "../keys.json", "tables/../../keys.json", "/etc/passwd", "tables//a.parquet", "",
        "tables/", "tables/./a", "tables\\a.parquet", "tables/a\0.parquet", "tables/.hidden",
        "manifest.json", "keys.json", "scripts/a.sh", "models/churn/tre\u0301es.txt", ".", "tables",
        "tables/a\n", "scores.arrow/", "C:/a", "summary.json ", f"tables/{300 * 'a'}",
    ],
)  # fmt: skip
def test_a_name_that_no_run_holds_is_refused(folder: Path, name: str) -> None:
    write(folder, MANIFEST | {"files": {name: SUMMARY}})
    with pytest.raises(DamagedRun, match="names what no run holds"):
        read_manifest(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("created_at", "yesterday"), ("created_at", 20260101),
        ("created_at", "2026-13-01T00:00:00Z"),
        ("cutoff_date", "2026-02-30"), ("customers", "1"), ("customers", -1), ("customers", 1.5),
        ("customers", True), ("study", ""), ("study", None), ("kind", "other"), ("seed", "42"),
        ("study_sha256", "ab"), ("versions", []), ("versions", {"python": 3}), ("run_id", None),
        ("seconds", {"a": "b"}), ("files", []), ("files", {"summary.json": {}}),
        ("files", {"summary.json": SUMMARY | {"bytes": -1}}),
        ("files", {"summary.json": SUMMARY | {"bytes": "16"}}),
        ("files", {"summary.json": SUMMARY | {"sha256": "A" * 64}}),
        ("files", {"summary.json": SUMMARY | {"more": 1}}), ("unknown", 1),
        ("run_id", "20260101T000000Z-00000002"), ("run_id", "../20260101T000000Z-00000001"),
    ],
)  # fmt: skip
def test_every_value_is_held_to_its_kind(folder: Path, key: str, value: Any) -> None:
    write(folder, MANIFEST | {key: value})
    with pytest.raises(DamagedRun, match=f"manifest of run {RUN_ID} cannot be read"):
        read_manifest(folder)


@pytest.mark.parametrize("key", ["run_id", "created_at", "study", "cutoff_date", "files"])
def test_what_every_manifest_says_may_not_be_missing(folder: Path, key: str) -> None:
    write(folder, {name: value for name, value in MANIFEST.items() if name != key})
    with pytest.raises(DamagedRun, match=f"'{key}': Field required"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 200_000, b"NaN", b'{"run_id": NaN}'],
)
def test_what_is_no_manifest_is_said_and_nothing_else(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DamagedRun, match="cannot be read"):
        read_manifest(folder)


def test_a_manifest_without_end_is_not_read(folder: Path) -> None:
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DamagedRun, match="larger than"):
        read_manifest(folder)


@pytest.mark.parametrize("name", ["manifest.json", "summary.json"])
def test_only_plain_files_are_read_and_nothing_is_waited_for(folder: Path, name: str) -> None:
    write(folder, MANIFEST)
    elsewhere = folder.parent / "elsewhere"
    (folder / name).rename(elsewhere)
    fifo = folder.parent / "pipe"
    os.mkfifo(fifo)
    for target in (elsewhere, Path("/dev/zero"), fifo, folder.parent / "nothing"):
        (folder / name).symlink_to(target)
        with pytest.raises(DamagedRun, match="no plain file"):
            read_run(folder).verify()
        (folder / name).unlink()
    fifo.rename(folder / name)
    with pytest.raises(DamagedRun, match="no plain file"):
        read_run(folder).verify()
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(DamagedRun, match="no plain file"):
        read_run(folder).verify()


def test_no_link_is_followed_anywhere_on_the_way(folder: Path) -> None:
    table = {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    write(folder, MANIFEST | {"files": {"tables/a.parquet": table}})
    (folder.parent / "tables").mkdir()
    (folder.parent / "tables" / "a.parquet").write_bytes(b"x")
    (folder / "tables").symlink_to("../tables")
    with pytest.raises(DamagedRun, match="behind a link"):
        read_run(folder).verify()
    moved = folder.rename(folder.parent / "moved")
    folder.symlink_to(moved)
    with pytest.raises(DamagedRun, match="behind a link"):
        read_run(folder)


def test_the_size_is_compared_before_anything_is_hashed(folder: Path) -> None:
    write(folder, MANIFEST)
    with (folder / "summary.json").open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(DamagedRun, match="1,099,511,627,776 bytes, not 16"):
        read_run(folder).verify()
