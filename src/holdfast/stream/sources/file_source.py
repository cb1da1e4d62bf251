"""A file of JSON lines as a source: it grows at its end, and a position is that of a line's last
byte.

It is for trying a stream out, for tests, and for logs that a program appends to. A line counts once
its line break is written. A file that has become shorter than what was read is another file.
"""

from collections.abc import Sequence
from pathlib import Path

from holdfast.errors import DataError, system_error
from holdfast.io.files import expand_path
from holdfast.stream.sources.source import Record, Rewound, poll
from holdfast.study import Study

_BYTES_A_LINE = 200
"""Before any line was read."""


class FileSource:
    """One file, which is partition 0."""

    def __init__(self, path: Path) -> None:
        self._path, self._mean_bytes = path, float(_BYTES_A_LINE)
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise system_error(error) or DataError(
                f"{path} cannot be read: {error.strerror}", fix="correct stream.path"
            ) from None

    @classmethod
    def of(cls, study: Study) -> "FileSource":
        """Open the file that the study's [stream] names."""
        assert study.stream is not None
        return cls(Path(expand_path(str(study.stream.path), project_dir=study.project_dir)))

    def partitions(self) -> Sequence[int]:
        """The only one."""
        return (0,)

    def first(self, partition: int) -> int:
        """The first byte."""
        return 0

    def read(
        self, partition: int, after: int, *, most: int, wait_seconds: float
    ) -> Sequence[Record]:
        """Whole lines after a position; blank ones are skipped."""
        return poll(lambda: self._read(after, most), wait_seconds=wait_seconds)

    def lag(self, partition: int, after: int) -> int:
        """By the mean length of the lines so far."""
        size = self._path.stat().st_size
        return -int(-(size - after - 1) // self._mean_bytes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, after: int, most: int) -> list[Record]:
        size = self._path.stat().st_size
        if size < after + 1:
            raise Rewound(str(self._path), partition=0, after=after, last=size - 1)
        self._file.seek(after + 1)
        records: list[Record] = []
        end = after
        while len(records) < most and (line := self._file.readline()).endswith(b"\n"):
            end += len(line)
            if body := line.strip():
                records.append(Record(end, body))
        if records:
            self._mean_bytes = (records[-1].position - after) / len(records)
        return records
