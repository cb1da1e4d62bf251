"""Calls that fail: the system of a full, broken or read-only disk, or not ours, says no once.

A call site is a chain of lines of Holdfast's own code, from the command down, and what is called
there; of each, the first, the middle and the last call of a command fail, one at a time.
"""

import builtins
import errno
import io
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl

import holdfast

Site = tuple[str, ...]
"""Lines of Holdfast's code, the outermost first, and the operation."""
FULL, BROKEN, READ_ONLY, DENIED = errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES
_PACKAGE = str(Path(holdfast.__file__).parent) + os.sep
_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_REAL = {
    name: getattr(os, name) for name in ("open", "write", "fsync", "replace", "rename", "mkdir")
}
# The machine stays on, and waiting for its disk would take most of the time.
_REAL["fsync"] = lambda _: None


def numbers_of(site: Site) -> tuple[int, ...]:
    """The errors that a call there may end in."""
    return (FULL, BROKEN, READ_ONLY, DENIED) if site[-1] == "open" else (FULL, BROKEN, READ_ONLY)


@dataclass
class Calls:
    """Counts the calls of every site, and lets one of them fail.

    Attributes
    ----------
    fails
        A site, which of its calls, and the number of its error.
    happened
        Whether it has failed.
    """

    fails: tuple[Site, int, int] | None = None
    counts: Counter[Site] = field(default_factory=Counter)
    happened: bool = False

    def check(self, operation: str, path: object = None) -> None:
        """Count a call, and raise where it is the one.

        Raises
        ------
        OSError
            It is.
        """
        lines = tuple(_lines_of_holdfast())
        if not lines:
            return
        site = (*lines, operation)
        self.counts[site] += 1
        if self.fails and not self.happened and self.fails[:2] == (site, self.counts[site]):
            self.happened = True
            number = self.fails[2]
            if operation == "write table":
                raise OSError(f"{os.strerror(number)} (os error {number})")
            raise OSError(number, os.strerror(number), path)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Stand between Python and the system."""
        with (
            patch.object(os, "open", self._open_descriptor),
            patch.object(os, "write", self._before("write")),
            patch.object(os, "fsync", self._before("fsync")),
            patch.object(os, "replace", self._before("replace")),
            patch.object(os, "rename", self._before("rename")),
            patch.object(os, "mkdir", self._before("mkdir")),
            patch.object(io, "open", self._open_file),
            patch.object(builtins, "open", self._open_file),
            patch.object(pl.DataFrame, "write_parquet", self._table(pl.DataFrame.write_parquet)),
            patch.object(pl.DataFrame, "write_ipc", self._table(pl.DataFrame.write_ipc)),
        ):
            yield

    def _before(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.check(name, None if isinstance(args[0], int) else args[0])
            return _REAL[name](*args, **options)

        return call

    def _table(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(table: pl.DataFrame, file: Any, *args: Any, **options: Any) -> Any:
            if isinstance(file, str | Path):
                # What a disk that fills up leaves.
                try:
                    self.check("write table", file)
                except OSError:
                    Path(file).write_bytes(b"PAR1")
                    raise
            return write(table, file, *args, **options)

        return call

    def _open_descriptor(self, path: Any, flags: int, *args: Any, **options: Any) -> int:
        if flags & _CHANGES:
            self.check("open", path)
        return int(_REAL["open"](path, flags, *args, **options))

    def _open_file(
        self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None,
        errors: str | None = None, newline: str | None = None, closefd: bool = True,
        opener: Any = None,
    ) -> Any:  # fmt: skip
        if not set(mode) & set("wax+") or buffering == 0 or not any(_lines_of_holdfast()):
            return _REAL_OPEN(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not isinstance(file, int):
            self.check("open", file)
        raw = _File(self, file, mode.replace("b", "").replace("t", ""), closefd, opener)
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)


_REAL_OPEN = io.open


class _File(io.FileIO):
    """A file that writes half of what it is given before it fails."""

    def __init__(self, calls: Calls, file: Any, mode: str, closefd: bool, opener: Any) -> None:
        super().__init__(file, mode, closefd, opener)
        self._calls = calls

    def write(self, data: Any) -> int:
        try:
            self._calls.check("write")
        except OSError:
            super().write(memoryview(data)[: len(data) // 2])
            raise
        return int(super().write(data))


def _lines_of_holdfast() -> Iterator[str]:
    lines = []
    frame: Any = sys._getframe(1)
    while frame is not None:
        if (name := frame.f_code.co_filename).startswith(_PACKAGE):
            lines.append(f"{name[len(_PACKAGE) :]}:{frame.f_lineno}")
        frame = frame.f_back
    return reversed(lines)


def trials(counts: Counter[Site]) -> Iterator[tuple[Site, int, int]]:
    """What is to fail: of each site the first, the middle and the last call, with every error."""
    for site, n in counts.items():
        for which in sorted({1, (n + 1) // 2, n}):
            for number in numbers_of(site):
                yield site, which, number
