"""The audit log: who did what and when, in lines that each hold the SHA-256 of the line before.

A line that is changed, removed or put in breaks the chain behind it. What the end should be stands
in a file beside it, so that a tail that was cut off is noticed too; whoever may rewrite both files
can still cut the end off both, or write a log of his own. No name of a customer stands in it.
"""

import getpass
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.errors import DataError, HoldfastError
from holdfast.storage.safe_files import hold, os_errors_as, remove_leftovers, replace_file, sync

LOG, END = "audit.jsonl", "audit.end"
_FIRST = "0" * 64


def record(project: Path, what: str, *, who: str = "", **facts: Any) -> None:
    """Add a line and wait until the disk has it; several processes may do so at once.

    Parameters
    ----------
    what
        The deed: "promote", "export", "erase", ...
    who
        A key, say; without it, the user of the operating system.
    facts
        What it was done to; never a customer's name.

    Raises
    ------
    HoldfastError
        It cannot be written.
    """
    problem = f"{project / LOG} cannot be written"
    with (
        os_errors_as(HoldfastError, problem, fix="free the folder"),
        hold(project / ".audit.lock"),
    ):
        _append(project, {"who": who or _user(), "what": what, **facts})


@contextmanager
def write_ahead(project: Path, what: str, *, who: str = "", **facts: Any) -> Iterator[None]:
    """Record a deed before it is done: what cannot be recorded does not happen. Where it then
    fails, a second line says "... failed".

    Raises
    ------
    HoldfastError
        The log cannot be written; nothing has happened.
    """
    record(project, what, who=who, **facts)
    try:
        yield
    except BaseException:
        with suppress(HoldfastError):
            record(project, f"{what} failed", who=who, **facts)
        raise


def entries(project: Path) -> list[dict[str, Any]]:
    """Read every line, oldest first, whether or not the chain holds.

    Raises
    ------
    DataError
        A line is not JSON.
    """
    return [_parse(line, number) for number, line in enumerate(_lines(project), 1)]


def verify(project: Path) -> int:
    """Follow the chain to its end; the number of lines.

    Raises
    ------
    DataError
        It is broken; the message names the first line that is.
    """
    lines, before, end = _lines(project), _FIRST, _read_end(project)
    if end is None and len(lines) > 1:
        raise DataError(
            f"{END} is gone or damaged, so nobody can say where {LOG} should end",
            fix="restore it from a copy",
        )
    count, last = end or (0, "")
    for number, line in enumerate(lines, 1):
        entry = _parse(line, number)
        if (entry.get("n"), entry.get("before")) != (number, before):
            raise _break(number, "does not follow from the line before it")
        before = _digest(line)
        if number == count and before != last:
            raise _break(number, f"is not the one that {END} names as the {number:,}th")
    if len(lines) < count:
        raise _break(len(lines) + 1, f"is gone: {END} says that {count:,} were written")
    # A process that was killed may have left one line more than it noted, and never two.
    if len(lines) > count + 1:
        raise _break(count + 2, f"was added by hand: {END} says that {count:,} were written")
    return len(lines)


def _append(project: Path, facts: dict[str, Any]) -> None:
    path = project / LOG
    lines = _lines(project)
    count, last = _read_end(project) or (0, "")
    # A log that was cut is gone on with, and what its end should be stays as it was: the gap is to
    # be seen for ever.
    follows = len(lines) in (count, count + 1) and (not count or _digest(lines[count - 1]) == last)
    line = json.dumps(
        {
            "n": len(lines) + 1, "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **facts,
            "before": _digest(lines[-1]) if lines else _FIRST,
        },
        ensure_ascii=False, allow_nan=False, default=str,
    ).encode()  # fmt: skip
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor
        handle.truncate(sum(len(each) + 1 for each in lines))
        handle.seek(0, os.SEEK_END)
        handle.write(line + b"\n")
    sync(path)
    if follows:
        text = f"{len(lines) + 1} {_digest(line)}\n"
        remove_leftovers(project / END)
        replace_file(project / END, lambda new: new.write_text(text, encoding="ascii"))


def _lines(project: Path) -> list[bytes]:
    """Every whole line; half a line at the end is one that a killed process was never done with."""
    try:
        return (project / LOG).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []


def _read_end(project: Path) -> tuple[int, str] | None:
    """How many lines were written, and the SHA-256 of the last."""
    try:
        count, _, last = (project / END).read_text(encoding="ascii").strip().partition(" ")
        return int(count), last
    except (FileNotFoundError, ValueError):
        return None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _parse(line: bytes, number: int) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError):
        raise _break(number, "is no JSON object") from None


def _break(number: int, why: str) -> DataError:
    return DataError(
        f"line {number:,} of {LOG} {why}",
        fix="compare it with a copy, and find out who may write to this folder",
        line=number,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
