"""Which files a study means: variables and `~` expanded, globs resolved, each file recognised by
its first bytes.
"""

import codecs
import glob
import gzip
import os
import re
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Literal, cast

from holdfast.errors import DataError, StudyError
from holdfast.io.archive import DAMAGE, data_members, is_workbook, open_member

Kind = Literal["csv", "json", "excel", "parquet"]

_KINDS = {"csv": "CSV", "json": "JSON", "excel": "Excel", "parquet": "Parquet"}
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_GZIP = b"\x1f\x8b"
_JSON = re.compile(rb"\s*(\{\s*[\"}]|\[\s*[\[{\"\]\d-])")
_LOOKED_AT = 4096
_FOREIGN = {
    _EMPTY_ZIP: "an empty zip archive",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"ARROW1": "an Arrow file",
    b"SQLite format": "an SQLite database",
    b"%PDF": "a PDF",
}
_BY_QUERY = "read it by a query: [transactions.database] url_env and query"
_EXPORT = "export it as CSV or Parquet"
_UNPACK = "unpack it yourself, and name the file in it"
_ADVICE = {
    b"SQLite format": _BY_QUERY,
    _EMPTY_ZIP: "name an archive with a CSV file in it",
}


@dataclass(frozen=True)
class DataFile:
    """A file and how it is written."""

    path: Path
    kind: Kind
    gzipped: bool = False
    member: str | None = None
    """Its name in the zip archive that `path` is."""

    @property
    def label(self) -> str:
        """What a message calls it."""
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    def open(self) -> IO[bytes]:
        """Open it to be read, unpacked."""
        if self.member is not None:
            return open_member(self.path, self.member)
        if self.gzipped:
            return cast("IO[bytes]", gzip.open(self.path))
        return self.path.open("rb")


def expand_path(path: str, *, project_dir: str) -> str:
    """Fill in `${VAR}` and `~`; a relative path starts at `project_dir`.

    Raises
    ------
    StudyError
        A variable is not set.
    """
    filled = fill_variables(path, where=f"the path {path!r}")
    # Path() would normalise a glob.
    return str(Path(project_dir) / os.path.expanduser(filled))  # noqa: PTH111


def fill_variables(text: str, *, where: str) -> str:
    """Fill in each `${VAR}` from the environment.

    Raises
    ------
    StudyError
        A variable is not set; the message begins with `where`.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not os.environ.get(name):
            raise StudyError(
                f"{where} uses the environment variable {name}, which is not set",
                fix=f"export {name}=... or write it out",
                variable=name,
            )
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", value, text)


def find_files(path: str) -> list[DataFile]:
    """Return the files that an expanded path or glob names, in order of their names.

    Raises
    ------
    DataError
        There are none, one cannot be read, is empty or of a foreign kind, or they are of
        several kinds.
    """
    try:
        files = [file for each in _matches(path) for file in _files_at(each)]
    except OSError as error:
        raise DataError(
            f"{path} cannot be looked for: {error.strerror or error}", fix="check its permissions"
        ) from None
    kinds = sorted({_KINDS[each.kind] for each in files})
    if len(kinds) > 1:
        raise DataError(
            f"{path} matches both {' and '.join(kinds)} files",
            fix="name one kind, as in folder/*.parquet",
        )
    return files


def _files_at(path: Path) -> Iterator[DataFile]:
    """A file, recognised by its first bytes; of a zip archive, what is in it."""
    head = _head(DataFile(path, "csv"))
    if head.startswith(_ZIP) and not is_workbook(path):
        for member in data_members(path):
            inside = DataFile(path, "csv", member=member)
            head = _head(inside)
            if head.startswith((_ZIP, _GZIP, _OLD_OFFICE, b"PAR1")):
                raise DataError(
                    f"{inside.label} is itself packed, or no text",
                    fix=f"unpack {path}, and name the file in it",
                )
            yield replace(inside, kind=_kind(head, inside.label))
    elif head.startswith(_GZIP):
        packed = DataFile(path, "csv", gzipped=True)
        packed = replace(packed, kind=_kind(_head(packed), packed.label))
        if packed.kind in ("excel", "parquet"):
            what = "Parquet" if packed.kind == "parquet" else "a workbook or zip archive"
            raise DataError(
                f"{path} is {what} within gzip",
                fix=f"unpack it: gunzip {path.name}",
            )
        yield packed
    else:
        yield DataFile(path, _kind(head, str(path)))


def _head(file: DataFile) -> bytes:
    try:
        with file.open() as opened:
            head = opened.read(_LOOKED_AT)
    except DAMAGE:
        # What is damaged is said when it is read.
        return b"?"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{file.label} cannot be unpacked: {error}", fix=_UNPACK) from None
    except OSError as error:
        raise DataError(
            f"{file.label} cannot be read: {error.strerror}", fix="check its permissions"
        ) from None
    if not head:
        raise DataError(
            f"{file.label} is empty (0 bytes)", fix="name a file with a header and rows"
        )
    return head


def _kind(head: bytes, label: str) -> Kind:
    if head[8:12] == b"DUCK":
        raise DataError(f"{label} is a DuckDB database", fix=_BY_QUERY)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{label} is {what}", fix=_ADVICE.get(magic, _EXPORT))
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((_ZIP, _OLD_OFFICE)):
        return "excel"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode()
    return "json" if _JSON.match(head.removeprefix(codecs.BOM_UTF8)) else "csv"


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
    matches = [each for each in map(Path, _expand_glob(path)) if each.is_file()]
    if not matches:
        raise DataError(f"there is no file {path}", fix=_neighbours(plain))
    # A link shows a file once more; of its names, the one nearest to the top is kept.
    named = {_identity(each): each for each in sorted(matches, key=_depth_and_name, reverse=True)}
    return sorted(named.values())


def _expand_glob(pattern: str) -> Iterator[str]:
    """What a glob matches; below `**` each folder once, however many links lead to it."""
    match = re.search(r"(^|/)\*\*(/|$)", pattern)
    if match is None:
        yield from glob.glob(pattern)  # noqa: PTH207 - it may be absolute
        return
    top = pattern[: match.end(1)] or "./"
    for folder in _folders_below(glob.glob(top)):  # noqa: PTH207
        below = glob.escape(str(folder)) + "/" + (pattern[match.end() :] or "*")
        yield from _expand_glob(below)


def _folders_below(tops: Iterable[str]) -> Iterator[Path]:
    """These folders and all that are in them, but for hidden ones; the nearest first."""
    waiting, seen = deque(map(Path, sorted(tops))), set[tuple[int, int]]()
    while waiting:
        folder = waiting.popleft()
        if not folder.is_dir() or _identity(folder) in seen:
            continue
        seen.add(_identity(folder))
        yield folder
        if os.access(folder, os.R_OK | os.X_OK):
            waiting.extend(sorted(p for p in folder.iterdir() if not p.name.startswith(".")))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _depth_and_name(path: Path) -> tuple[int, Path]:
    return len(path.parts), path


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    names = sorted(each.name for each in path.parent.iterdir() if each.is_file())
    if close := get_close_matches(path.name, names, n=1, cutoff=0.5):
        return f"did you mean '{close[0]}'?"
    if not names:
        return f"the folder {path.parent} is empty"
    return f"the folder holds {', '.join(names[:5])}"
