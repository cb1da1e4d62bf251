"""JSON reads as rows of text: by line, in an array, or one object after the other."""

import gzip
import json
from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.io import json_files
from holdfast.io.files import find_files
from holdfast.io.json_files import JsonFiles
from holdfast.study import Csv

TWO = '{"id": "A", "at": "2024-01-02", "paid": 12.50}\n{"id": "B", "at": null, "paid": 7}\n'
ROWS = [(0, 1, "A", "2024-01-02", "12.50"), (0, 2, "B", None, "7")]
ARRAY = json.dumps([{"id": "A", "paid": 1}, {"id": "B", "paid": 2}])


def opened(folder: Path, content: str | bytes, dialect: Csv | None = None) -> JsonFiles:
    path = folder / "orders.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return JsonFiles(find_files(str(path)), dialect or Csv())


def rows(files: JsonFiles) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for batch in files.batches() for row in batch.to_pylist()]


@pytest.mark.parametrize(
    "content",
    [
        TWO.encode(),
        b"\xef\xbb\xbf" + TWO.encode(),
        TWO.encode("utf-16"),
        gzip.compress(TWO.encode()),
        f"[{','.join(TWO.splitlines())}]".encode(),
        "\n".join(f"[{line}]" for line in TWO.splitlines()).encode(),
        TWO.replace("{", "{\n  ").encode(),
    ],
    ids=["by line", "with a mark", "UTF-16", "gzip", "an array", "arrays", "one after the other"],
)
def test_every_way_of_writing_gives_the_same_rows_and_no_digit_is_lost(
    tmp_path: Path, content: bytes
) -> None:
    files = opened(tmp_path, content)
    assert files.names == ["id", "at", "paid"]
    assert rows(files) == ROWS


def test_fields_that_come_later_are_columns_too(tmp_path: Path) -> None:
    files = opened(tmp_path, '{"id": 1}\n{"id": 2, "coupon": true}\n')
    assert rows(files) == [(0, 1, "1", None), (0, 2, "2", "true")]


def test_a_bad_line_is_on_record_with_its_number(tmp_path: Path) -> None:
    files = opened(tmp_path, b'{"id": 1}\n\n{"id": 2\n[3]\n{"id": "\xff"}\n{"id": 5}\n')
    assert [row[1:] for row in rows(files)] == [(1, "1"), (6, "5")]
    assert [(each.record, each.reason.partition(":")[0]) for each in files.rejected] == [
        (3, "no JSON"),
        (4, "no object"),
        (5, "bytes that are not utf-8 text"),
    ]


def test_an_object_in_a_row_is_flattened_by_one_level_and_plain_lists_are_joined(
    tmp_path: Path,
) -> None:
    files = opened(tmp_path, '{"customer": {"id": 7, "vip": false}, "tags": ["a", 2], "x": []}')
    assert files.names == ["customer.id", "customer.vip", "tags", "x"]
    assert rows(files) == [(0, 1, "7", "false", "a, 2", "")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 1, "visits": [{"on": 2}]}', "field 'visits' in object 1 .* holds objects"),
        ('{"id": 1, "c": {"d": {"e": 2}}}', r"field 'c\.d' in object 1 .* holds objects"),
        ('[{"a": {"b": 1}, "a.b": 2}]', r"has the field 'a\.b' twice"),
        (ARRAY[:-8], "no JSON from object 2 on: it is cut off"),
        (ARRAY.replace("}, {", "} oh {"), "no JSON from object 2 on"),
        (b'[{"id": "\xff"}]', "bytes that are not utf-8 text"),
        ("[1, 2]", "value 1 .* is no JSON object"),
        ("[" * 100_000, "too many brackets"),
        ("[]", "has no JSON object"),
    ],
)
def test_what_cannot_be_rows_is_refused_with_the_place(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        rows(opened(tmp_path, content))
    assert caught.value.fix


def test_an_array_longer_than_a_piece_of_the_file_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "BLOCK_CHARACTERS", 16)
    wanted = [{"id": str(i), "name": "x" * i} for i in range(40)]
    assert [row[2:] for row in rows(opened(tmp_path, json.dumps(wanted)))] == [
        (each["id"], each["name"]) for each in wanted
    ]


def test_a_record_that_never_ends_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "BLOCK_CHARACTERS", 16)
    monkeypatch.setattr(json_files, "MOST_CHARACTERS", 64)
    with pytest.raises(DataError, match="no JSON from object 1 on"):
        opened(tmp_path, '[{"id": "' + "x" * 1000 + '"}]')


def test_numbers_and_texts_agree_on_the_decimal_sign(tmp_path: Path) -> None:
    files = opened(tmp_path, '{"text": "1,5", "number": 1.5}', Csv(decimal=","))
    assert rows(files) == [(0, 1, "1,5", "1,5")]


def test_what_follows_an_array_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no JSON from object 3 on: Expecting value at 'and more"):
        opened(tmp_path, ARRAY + " and more")
