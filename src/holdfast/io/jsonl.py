"""A journal: an append-only file of JSON lines. What is in it is never changed, so it can be held
against later.
"""

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.errors import DataError, HoldfastError, system_error


def append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add one line and wait until the disk has it; several processes may do so at once.

    Raises
    ------
    HoldfastError
        The file cannot be written.
    """
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        # It names customers or campaigns: nobody else may read it.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "ab") as handle:  # noqa: PTH123 - a descriptor
            fcntl.flock(handle, fcntl.LOCK_EX)
            _write_whole(handle.fileno(), line.encode())
    except OSError as error:
        raise system_error(error) or HoldfastError(
            f"{path} cannot be written: {error.strerror}", fix="free the folder or the disk"
        ) from None


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
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    try:
        return [dict(json.loads(line)) for line in lines]
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}", fix="restore the line from a copy") from None
