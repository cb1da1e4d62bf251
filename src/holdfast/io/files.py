"""Which files a study means: variables and `~` expanded, globs resolved, each file recognised by
its first bytes.
"""

import glob
import os
import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from holdfast.errors import DataError, StudyError

Kind = Literal["csv", "csv.gz", "parquet"]

_FOREIGN = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"ARROW1": "an Arrow file",
    b"SQLite format": "an SQLite database",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True)
class DataFile:
    """A file and how it is written."""

    path: Path
    kind: Kind


def expanded(path: str, *, project_dir: str) -> str:
    """Fill in `${VAR}` and `~`; a relative path starts at `project_dir`.

    Raises
    ------
    StudyError
        A variable is not set.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not os.environ.get(name):
            raise StudyError(
                f"the path {path!r} uses the environment variable {name}, which is not set",
                fix=f"export {name}=... or write the path out",
                variable=name,
            )
        return os.environ[name]

    filled = os.path.expanduser(re.sub(r"\$\{(\w+)\}", value, path))  # noqa: PTH111 - Path() would normalise a glob
    return str(Path(project_dir) / filled)


def find_files(path: str) -> list[DataFile]:
    """Return the files that an expanded path or glob names, in order of their names.

    Raises
    ------
    DataError
        There are none, one cannot be read, is empty or of a foreign kind, or CSV and Parquet are
        mixed.
    """
    files = [DataFile(each, kind_of(each)) for each in _matches(path)]
    kinds = {"parquet" if each.kind == "parquet" else "csv" for each in files}
    if len(kinds) > 1:
        raise DataError(
            f"{path} matches both CSV and Parquet files",
            fix="name one kind, as in folder/*.parquet",
        )
    return files


def kind_of(path: Path) -> Kind:
    """Recognise a file by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", fix="check its permissions"
        ) from None
    if not head:
        raise DataError(f"{path} is empty (0 bytes)", fix="name a file with a header and rows")
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path} is {what}", fix="export it as CSV or Parquet")
    if head.startswith(b"PAR1"):
        return "parquet"
    return "csv.gz" if head.startswith(b"\x1f\x8b") else "csv"


def _matches(path: str) -> list[Path]:
    plain = Path(path)
    if plain.is_dir():
        raise DataError(
            f"{path} is a folder", fix=f"name a file, or a glob such as {plain / '*.parquet'}"
        )
    if plain.exists() and not plain.is_file():
        raise DataError(
            f"{path} is no file but a pipe or a device",
            fix="write it to a file first: it is read twice",
        )
    if plain.exists():
        return [plain]
    found = sorted(Path(each) for each in glob.glob(path, recursive=True))  # noqa: PTH207 - an absolute glob
    files = [each for each in found if each.is_file()]
    if not files:
        raise DataError(f"there is no file {path}", fix=_neighbours(plain))
    return files


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    names = sorted(each.name for each in path.parent.iterdir() if each.is_file())
    close = get_close_matches(path.name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'?"
    return (
        f"the folder holds {', '.join(names[:5])}"
        if names
        else f"the folder {path.parent} is empty"
    )
