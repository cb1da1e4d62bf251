"""A zip of CSV or JSON reads as the files in it; a harmful one is refused with what to do."""

import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.io.csv import CsvFiles
from holdfast.io.files import find_files
from holdfast.study import Csv

ORDERS = b"id,paid\n1,2\n"


def packed(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def rows(path: Path) -> list[tuple[object, ...]]:
    files = CsvFiles(find_files(str(path)), Csv())
    return [tuple(row.values()) for batch in files.batches() for row in batch.to_pylist()]


def test_the_files_of_data_in_a_zip_are_read_in_order_of_name(tmp_path: Path) -> None:
    members = {
        "out/b.csv": b"paid,id\n4,3\n", "out/a.csv": ORDERS, "LIESMICH.md": b"hello",
        "__MACOSX/out/._a.csv": b"\0\5",
    }  # fmt: skip
    (tmp_path / "a.zip").write_bytes(packed(members))
    assert rows(tmp_path / "a.zip") == [(0, 1, "1", "2"), (1, 1, "3", "4")]
    (tmp_path / "j.zip").write_bytes(packed({"a.ndjson": b'{"id": 1}\n'}))
    assert [(file.kind, file.member) for file in find_files(str(tmp_path / "j.zip"))] == [
        ("json", "a.ndjson")
    ]


def test_a_member_of_another_layout_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed({"a.csv": ORDERS, "b.csv": b"id,name\n1,x\n"}))
    with pytest.raises(DataError, match=r"b\.csv and .*a\.csv .*first lacks paid; the s.*name"):
        rows(tmp_path / "a.zip")


def encrypted() -> bytes:
    content = bytearray(packed({"a.csv": ORDERS}))
    content[content.find(b"PK\x03\x04") + 6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed({"../a.csv": ORDERS}), "names a path outside itself"),
        (packed({"/etc/a.csv": ORDERS}), "names a path outside itself"),
        (packed({"a.csv": b"\n" * (1 << 27)}), "would unpack to 134 MB"),
        (packed({"in.zip": packed({"a.csv": ORDERS})}), r"in\.zip is itself packed"),
        (packed({"a.csv.gz": gzip.compress(ORDERS)}), "is itself packed"),
        (encrypted(), r"'a\.csv' in .* is encrypted"),
        (packed({}), "an empty zip archive"),
        (packed({"empty/": b""}), "holds no file"),
        (packed({"a.csv": b""}), r"a\.csv is empty"),
        (packed({"a.csv": ORDERS})[:60], "damaged or cut-off zip"),
        (gzip.compress(packed({"xl/workbook.xml": b""})), "a workbook or zip archive within gzip"),
    ],
    ids="above absolute bomb nested gzip encrypted empty folder blank cut workbook".split(),
)
def test_a_harmful_archive_is_refused_with_what_to_do(
    tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        rows(tmp_path / "a.zip")
    assert caught.value.fix


def test_damage_inside_a_member_is_found_while_it_is_read(tmp_path: Path) -> None:
    content = bytearray(packed({"a.csv": ORDERS + b"".join(b"%d,1\n" % i for i in range(9000))}))
    content[9000:9010] = b"x" * 10
    (tmp_path / "a.zip").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"a\.zip/a\.csv is a damaged or cut-off zip archive"):
        rows(tmp_path / "a.zip")


def test_a_damaged_file_in_a_zip_of_lzma_is_said(tmp_path: Path) -> None:
    path = tmp_path / "orders.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("orders.csv", "id,n\n" + "1,2\n" * 20_000)
    content = bytearray(path.read_bytes())
    content[60:120] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged or cut-off zip archive"):
        list(CsvFiles(find_files(str(path)), Csv()).batches())
