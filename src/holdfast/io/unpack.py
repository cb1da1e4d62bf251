"""What providers send, unpacked and read by an explicit format: a member of a zip, fixed width,
CSV, a workbook.
"""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import PurePosixPath

import polars as pl

from holdfast.errors import DataError
from holdfast.io.archive import DAMAGE, check_members

CHANGED = (
    "fetch it again; if that gives the same, the provider has changed the file: see the data set's "
    "page"
)

_TYPES: Mapping[str, pl.DataType] = {
    "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(), "float64": pl.Float64(),
    "string": pl.String(), "datetime[ms]": pl.Datetime("ms"), "datetime[us]": pl.Datetime("us"),
}  # fmt: skip
MAX_MEMBER_BYTES = 256 * 2**20
MAX_WORKBOOK_BYTES = 2 * 2**30


def extract(archive: bytes, member: str) -> bytes:
    """Return the one file called `member`, in whatever folder of the zip it lies.

    Raises
    ------
    DataError
        It is no zip, is damaged, lacks the member, unpacks to more than 256 MiB, or names a path
        outside itself.
    """
    try:
        with zipfile.ZipFile(BytesIO(archive)) as opened:
            inside = check_members(opened, limit=MAX_MEMBER_BYTES)
            names = [name for name in inside if PurePosixPath(name).name.lower() == member.lower()]
            if len(names) != 1:
                raise DataError(
                    f"the archive holds {len(names)} files called {member}; it holds "
                    f"{', '.join(inside[:5])}",
                    fix=CHANGED,
                )
            return opened.read(names[0])
    except (*DAMAGE, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"not a sound zip archive ({error})", fix=advice(archive)) from None


def advice(content: bytes) -> str:
    """What to do about a file that is not what it should be."""
    if content[:512].lstrip().startswith(b"<"):
        return "a web page came instead of the file: see what a proxy or login page says there"
    return CHANGED


def read_fixed_width(content: bytes, fields: Mapping[str, tuple[int, int, str]]) -> pl.DataFrame:
    """Read text of one width, `name: (start, stop, type)`; a line of another width is an error that
    names it.
    """
    lines = content.decode("latin-1").splitlines()
    width = max(stop for _, stop, _ in fields.values())
    for number, line in enumerate(lines, start=1):
        if len(line) != width:
            raise DataError(f"line {number}: {len(line)} characters, expected {width}", fix=CHANGED)
    text = pl.col("line")
    return pl.DataFrame({"line": lines}).select(
        _parse(text.str.slice(start, stop - start).str.strip_chars(), _TYPES[kind]).alias(name)
        for name, (start, stop, kind) in fields.items()
    )


def _parse(text: pl.Expr, kind: pl.DataType) -> pl.Expr:
    return text.str.strptime(kind, "%Y%m%d") if isinstance(kind, pl.Datetime) else text.cast(kind)


def read_csv(content: bytes, numbers: Mapping[str, str]) -> pl.DataFrame:
    """Read comma-separated UTF-8 with a header; every column is text but `numbers`."""
    return pl.read_csv(content, infer_schema=False).cast(_schema(numbers))


def read_workbook(
    content: bytes, sheets: Mapping[str, str], columns: Mapping[str, str]
) -> pl.DataFrame:
    """Read the named sheets one below the other; a last column `sheet` says which a row is from."""
    import fastexcel

    schema = _schema(columns)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            check_members(archive, limit=MAX_WORKBOOK_BYTES)
        return pl.concat(
            pl.read_excel(
                content, sheet_name=sheet, columns=schema.names(), schema_overrides=schema
            )
            .cast(schema)
            .with_columns(sheet=pl.lit(name))
            for name, sheet in sheets.items()
        )
    # Polars says by a plain ValueError that a sheet is missing.
    except (fastexcel.FastExcelError, zipfile.BadZipFile, ValueError) as error:
        raise DataError(f"not the workbook we know: {error}", fix=CHANGED) from None


def _schema(columns: Mapping[str, str]) -> pl.Schema:
    return pl.Schema({name: _TYPES[kind] for name, kind in columns.items()})
