"""What providers send, unpacked and read by an explicit format: a member of a zip, fixed width,
CSV, a workbook.
"""

import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import polars as pl

from holdfast.errors import DataError

CHANGED = (
    "fetch it again; if that gives the same, the provider has changed the file: see the data set's "
    "page"
)

MAX_MEMBER_BYTES = 256 * 2**20
MAX_WORKBOOK_BYTES = 2 * 2**30


def extract(archive: Path, *, member: str, to: Path) -> None:
    """Copy the one file called `member`, in whatever folder of the zip it lies, to the path `to`.

    Raises
    ------
    DataError
        It is no zip, is damaged, lacks the member, unpacks to more than 256 MiB, or names a path
        outside itself.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            inside = _guarded(opened, name=archive.name, limit=MAX_MEMBER_BYTES)
            found = [
                info
                for info in inside
                if PurePosixPath(info.filename).name.lower() == member.lower()
            ]
            if len(found) != 1:
                names = ", ".join(info.filename for info in inside[:5])
                raise DataError(
                    f"{archive.name} holds {len(found)} files called {member}; it holds {names}",
                    fix=CHANGED,
                )
            with opened.open(found[0]) as source, to.open("wb") as target:
                shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{archive.name} is not a sound zip archive ({error})", fix=advice(archive)
        ) from None


def advice(file: Path) -> str:
    """What to do about a file that is not what it should be."""
    with file.open("rb") as opened:
        web_page = opened.read(512).lstrip().startswith(b"<")
    return (
        "a web page came instead of the file: see what a proxy or login page says there"
        if web_page
        else CHANGED
    )


def read_fixed_width(
    path: Path, *, fields: Mapping[str, tuple[int, int, pl.DataType]]
) -> pl.DataFrame:
    """Read text of one width, `name: (start, stop, type)`; a line of another width is an error that
    names it.
    """
    lines = path.read_bytes().decode("latin-1").splitlines()
    width = max(stop for _, stop, _ in fields.values())
    for number, line in enumerate(lines, start=1):
        if len(line) != width:
            raise DataError(
                f"{path.name}, line {number}: {len(line)} characters, expected {width}", fix=CHANGED
            )
    text = pl.col("line")
    return pl.DataFrame({"line": lines}).select(
        _typed(text.str.slice(start, stop - start).str.strip_chars(), kind).alias(name)
        for name, (start, stop, kind) in fields.items()
    )


def _typed(text: pl.Expr, kind: pl.DataType) -> pl.Expr:
    return text.str.strptime(kind, "%Y%m%d") if isinstance(kind, pl.Datetime) else text.cast(kind)


def read_csv(path: Path, *, numbers: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Read comma-separated UTF-8 with a header; every column is text but `numbers`."""
    return pl.read_csv(path, infer_schema=False).cast(pl.Schema(numbers))


def read_workbook(
    path: Path, *, sheets: Mapping[str, str], columns: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """Read the named sheets one below the other; a last column `sheet` says which a row is from."""
    import fastexcel

    try:
        with zipfile.ZipFile(path) as archive:
            _guarded(archive, name=path.name, limit=MAX_WORKBOOK_BYTES)
        return pl.concat(
            pl.read_excel(
                path, sheet_name=sheet, columns=list(columns), schema_overrides=dict(columns)
            )
            .cast(pl.Schema(columns))
            .with_columns(sheet=pl.lit(name))
            for name, sheet in sheets.items()
        )
    # Polars says by a plain ValueError that a sheet is missing.
    except (fastexcel.FastExcelError, zipfile.BadZipFile, ValueError) as error:
        raise DataError(f"{path.name} is not the workbook we know: {error}", fix=CHANGED) from None


def _guarded(archive: zipfile.ZipFile, *, name: str, limit: int) -> list[zipfile.ZipInfo]:
    """The members of a zip, once their declared sizes and names are found harmless.

    `zipfile` never yields more than a member's declared size, so a false declaration ends in a CRC
    error.
    """
    inside = archive.infolist()
    unpacked = sum(info.file_size for info in inside)
    if unpacked > limit:
        raise DataError(
            f"{name} would unpack to {unpacked / 1e6:,.0f} MB, more than {limit / 1e6:,.0f} MB"
        )
    for info in inside:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in info.filename:
            raise DataError(f"{name} names a path outside itself: {info.filename!r}")
    return inside
