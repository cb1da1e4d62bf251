"""Lists of runs on disk: one line a run, its id and the SHA-256 of its manifest.

A line without a digest was written by an older Holdfast. What cannot be meant is read as a run that
is not there, so that a damaged list is noticed where it is used.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from holdfast.storage.safe_files import open_inside, remove_leftovers, replace_file

_AT_MOST_BYTES = 4 * 2**20


class Entry(NamedTuple):
    """One run; `digest` is empty where none was kept."""

    run_id: str
    digest: str


def read_list(path: Path) -> list[Entry]:
    """Read a list; empty where there is no file.

    Raises
    ------
    OSError
        It is there and cannot be read.
    """
    try:
        with open_inside(path.parent.resolve(), path.name) as file:
            text = file.read(_AT_MOST_BYTES).decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    parts = [line.partition(" ") for line in text.split("\n") if line.strip()]
    return [Entry(run_id, digest) for run_id, _, digest in parts]


def write_list(path: Path, entries: Iterable[Entry]) -> None:
    """Replace a list in one step; the caller holds the lock of the lists."""
    remove_leftovers(path)
    text = "".join(f"{' '.join(entry).rstrip()}\n" for entry in entries)
    replace_file(path, lambda new: new.write_text(text, encoding="utf-8"))
