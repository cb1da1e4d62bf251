"""Zip archives: what may be taken out of them, and how much."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from holdfast.errors import DataError

MOST_MEMBERS = 10_000
MOST_UNPACKED = 1 << 40
MOST_RATIO = 200
"""Order logs pack to a tenth or a thirtieth; a thousandfold is what a bomb does."""
_SMALL = 1 << 26
"""So much may come out of any archive."""
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
"""What a packed file raises that is damaged or cut off."""
_SHEETS = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}
_TEXTS = (".csv", ".tsv", ".txt", ".json", ".ndjson", ".jsonl")


def check_members(archive: zipfile.ZipFile, *, limit: int) -> list[str]:
    """The names in a zip, once its declared sizes and names are found harmless.

    `zipfile` never yields more than a member's declared size, so a false declaration ends in a CRC
    error.
    """
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > limit:
        raise DataError(
            f"the archive would unpack to {unpacked / 1e6:,.0f} MB, more than {limit / 1e6:,.0f} MB"
        )
    for name in archive.namelist():
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name:
            raise DataError(f"the archive names a path outside itself: {name!r}")
    return archive.namelist()


def is_workbook(path: Path) -> bool:
    """Whether a zip is an Excel or OpenDocument workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(_SHEETS & set(archive.namelist()))
    except zipfile.BadZipFile as error:
        raise _damage(path, error) from None


def check_workbook(path: Path, *, limit: int) -> None:
    """Refuse a workbook that would unpack to more than fits into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, limit=limit)
    except DataError as error:
        raise DataError(
            f"{path}: {error.problem}", fix="export the sheet as CSV, which is read piece by piece"
        ) from None


def data_members(path: Path) -> Sequence[str]:
    """The files of data in a zip, by name.

    Raises
    ------
    DataError
        There are none, or it is damaged, encrypted, a bomb, or names a path outside itself.
    """
    limit = min(MOST_UNPACKED, max(_SMALL, MOST_RATIO * path.stat().st_size))
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len(infos) > MOST_MEMBERS:
                raise DataError(f"the archive holds {len(infos):,} files")
            check_members(archive, limit=limit)
    except zipfile.BadZipFile as error:
        raise _damage(path, error) from None
    except DataError as error:
        raise DataError(
            f"{path} is not unpacked: {error.problem}",
            fix="see where it comes from; unpack it yourself, and name the file in it",
        ) from None
    plain = [info for info in infos if not info.is_dir() and not _is_clutter(info.filename)]
    chosen = [info for info in plain if info.filename.lower().endswith(_TEXTS)] or plain
    if not chosen:
        raise DataError(f"{path} holds no file", fix="name an archive with a CSV file in it")
    if locked := [info.filename for info in chosen if info.flag_bits & 1]:
        raise DataError(
            f"'{locked[0]}' in {path} is encrypted", fix="unpack it with its password, and name it"
        )
    return sorted(info.filename for info in chosen)


def open_member(path: Path, member: str) -> IO[bytes]:
    """Open a file in a zip."""
    # The member keeps the file open for itself.
    with zipfile.ZipFile(path) as archive:
        return archive.open(member)


def _is_clutter(name: str) -> bool:
    """What macOS and file managers leave."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name.startswith(".")


def _damage(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path} is a damaged or cut-off zip archive: {error}", fix="fetch the file again"
    )
