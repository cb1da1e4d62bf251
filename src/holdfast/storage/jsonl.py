"""A journal: an append-only file of JSON lines. What is in it is never changed, so it can be held
against later; only a customer who was erased is taken out.
"""

import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.errors import DataError, HoldfastError
from holdfast.storage.safe_files import os_errors_as, remove_leftovers, replace_file


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one line and wait until the disk has it; several processes may do so at once.

    Raises
    ------
    HoldfastError
        The file cannot be written.
    """
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
    problem, fix = f"{path} cannot be written", "free the folder or the disk"
    with os_errors_as(HoldfastError, problem, fix=fix), _hold(path) as descriptor:
        _write_whole(descriptor, line.encode())


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    """Replace the lines of a journal, where there is one, in one step; whoever appends waits.

    Raises
    ------
    OSError
        It cannot be written.
    """
    if not path.exists():
        return
    with _hold(path):
        before = path.read_text(encoding="utf-8")
        after = change(before)
        if after != before:
            remove_leftovers(path)
            replace_file(path, lambda new: new.write_text(after, encoding="utf-8"))


@contextmanager
def _hold(path: Path) -> Iterator[int]:
    """Hold the journal that has the name now: it may be replaced while it is waited for."""
    while True:
        # It names customers or campaigns: nobody else may read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _write_whole(descriptor: int, line: bytes) -> None:
    """Write a line, or nothing: half a line would make the next one unreadable as well."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def entries(path: Path) -> list[dict[str, Any]]:
    """Read every line, oldest first; none where there is no file.

    Raises
    ------
    DataError
        A line is not JSON.
    """
    try:
        # A text in it may hold any other sign that ends a line.
        lines = path.read_bytes().split(b"\n")
        return [dict(json.loads(line)) for line in lines if line]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} is damaged: {error}", fix="restore the line from a copy") from None
