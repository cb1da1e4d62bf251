"""A file is read line by line, as it grows."""

from contextlib import closing
from pathlib import Path

import pytest

from holdfast.stream.sources.file_source import FileSource
from holdfast.stream.sources.source import Rewound


def test_lines_are_read_once_they_are_complete_and_blank_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}\n{"a": 3')
    with closing(FileSource(path)) as source:
        records = source.read(0, source.first(0) - 1, most=10, wait_seconds=0)
        assert [(r.position, r.body) for r in records] == [(8, b'{"a": 1}'), (18, b'{"a": 2}')]
        assert source.lag(0, 18) == 1
        with path.open("ab") as file:
            file.write(b"}\n")
        assert [r.body for r in source.read(0, 18, most=10, wait_seconds=0)] == [b'{"a": 3}']
        assert source.lag(0, 27) == 0


def test_a_file_that_became_shorter_is_another_file(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("{}\n" * 4)
    with closing(FileSource(path)) as source:
        path.write_text("{}\n")
        with pytest.raises(Rewound, match="ends at 2, but was read up to 11"):
            source.read(0, 11, most=1, wait_seconds=0)
