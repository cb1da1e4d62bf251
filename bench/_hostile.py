"""Hostile files: what arrives in real life, written on the spot, with what must become of each.

Whatever is written, Holdfast must end with exit code 0 or 2, without a traceback, with a fix beside
every error, and where it reads rows, accepted + set aside + quarantined = read.
"""

import codecs
import gzip
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

HEADER = "customer,at,order,product,qty,price"
N = 40
LINES = [
    f"c{i % 9},2024-0{1 + i % 9}-1{i % 9} 10:{i:02d}:00,o{i},p{i % 4},{1 + i % 3},{2.5 + i}"
    for i in range(N)
]
COLUMNS = {
    "customer_id": "customer",
    "occurred_at": "at",
    "order_id": "order",
    "product_id": "product",
    "quantity": "qty",
    "unit_price": "price",
}
READS = "reads"
REFUSES = "refuses"
Writer = Callable[[Path], None]


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One file, or several.

    Attributes
    ----------
    write
        Writes into a folder; the study's `path` is `path` below it.
    must
        "reads": exit 0, with `accepted`, `set_aside` and `quarantined` rows; "refuses": exit 2,
        saying `says`.
    csv, log
        Keys of [transactions.csv], and of [transactions].
    """

    name: str
    write: Writer
    must: str = READS
    accepted: int = N
    set_aside: int = 0
    quarantined: int = 0
    says: str = ""
    path: str = "orders.csv"
    csv: dict[str, Any] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)

    def study(self, folder: Path) -> Path:
        """Write the file and a study over it."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write(folder)
        path = folder / "holdfast.toml"
        columns = {**COLUMNS, **self.log.get("columns", {})}
        more = {key: value for key, value in self.log.items() if key != "columns"}
        lines = ['[study]\nname = "hostile"', "[transactions]", f"path = {json.dumps(self.path)}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
        lines += [
            "[transactions.columns]",
            *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in columns.items()),
        ]
        lines += [
            "[transactions.csv]",
            *(f"{key} = {json.dumps(value)}" for key, value in self.csv.items()),
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path


def text(lines: Sequence[str], *, header: str = HEADER, ending: str = "\n") -> str:
    """A file of these lines."""
    return ending.join([header, *lines]) + ending


def _bytes(content: bytes, name: str = "orders.csv") -> Writer:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def _text(content: str, encoding: str = "utf-8") -> Writer:
    return _bytes(content.encode(encoding))


def _plus(*lines: str) -> Writer:
    """The usual lines, and these."""
    return _text(text([*LINES, *lines]))


def _cell(column: int, value: str) -> str:
    """A line that is right but for one cell."""
    cells = ["x", "2024-05-05 10:00:00", "o-x", "p1", "1", "5.00"]
    cells[column] = value
    return ",".join(cells)


def frame(n: int = N) -> pl.DataFrame:
    """The usual lines as a table."""
    return pl.DataFrame(
        {
            "customer": [f"c{i % 9}" for i in range(n)],
            "at": [datetime(2024, 1 + i % 9, 1 + i % 28, 10) for i in range(n)],  # noqa: DTZ001
            "order": [f"o{i}" for i in range(n)],
            "product": [f"p{i % 4}" for i in range(n)],
            "qty": [1 + i % 3 for i in range(n)],
            "price": [2.5 + i for i in range(n)],
        }
    )


def _parquet(**tables: pl.DataFrame) -> Writer:
    def write(folder: Path) -> None:
        for name, table in tables.items():
            table.write_parquet(folder / f"{name}.parquet")

    return write


def _directory(folder: Path) -> None:
    (folder / "orders.csv").mkdir()


def _unreadable(folder: Path) -> None:
    (folder / "orders.csv").write_text(text(LINES), encoding="utf-8")
    (folder / "orders.csv").chmod(0)


def _nothing(folder: Path) -> None:
    """Write nothing."""


def _loop(folder: Path) -> None:
    (folder / "orders.csv").symlink_to(folder / "orders.csv")


def _broken_link(folder: Path) -> None:
    (folder / "orders.csv").symlink_to(folder / "gone.csv")


def _fifo(folder: Path) -> None:
    os.mkfifo(folder / "orders.csv")


def _mixed_kinds(folder: Path) -> None:
    (folder / "orders-1.csv").write_text(text(LINES), encoding="utf-8")
    frame().write_parquet(folder / "orders-2.parquet")


def _several(*contents: str) -> Writer:
    def write(folder: Path) -> None:
        for i, content in enumerate(contents):
            (folder / f"orders-{i}.csv").write_text(content, encoding="utf-8")

    return write


def _foreign(head: bytes) -> Writer:
    return _bytes(head + b"\0" * 200)


def _nested(folder: Path) -> None:
    table = pa.table(
        {
            **{c: frame()[c].to_arrow() for c in frame().columns},
            "tags": [["a", "b"]] * N,
            "address": [{"town": "Rome"}] * N,
        }
    )
    pq.write_table(table, folder / "orders.parquet")


def _decimals(folder: Path) -> None:
    frame().with_columns(pl.col("price").cast(pl.Decimal(20, 6))).write_parquet(
        folder / "orders.parquet"
    )


def _float_ids(folder: Path) -> None:
    table = frame().with_columns(
        customer=pl.Series([float(i % 9) if i else None for i in range(N)])
    )
    table.write_parquet(folder / "orders.parquet")


def _damaged_parquet(folder: Path) -> None:
    frame().write_parquet(folder / "orders.parquet")
    whole = (folder / "orders.parquet").read_bytes()
    (folder / "orders.parquet").write_bytes(whole[: len(whole) // 2])


def _damaged_page(folder: Path) -> None:
    frame(5_000).write_parquet(folder / "orders.parquet", compression="zstd")
    whole = bytearray((folder / "orders.parquet").read_bytes())
    whole[200:600] = b"\xaa" * 400
    (folder / "orders.parquet").write_bytes(bytes(whole))


WHOLE = text(LINES)
CORPUS: tuple[Hostile, ...] = (
    # Encodings and bytes
    Hostile(name="UTF-8 with a byte order mark", write=_text(WHOLE, "utf-8-sig")),
    Hostile(
        name="UTF-8 with two byte order marks",
        write=_bytes(codecs.BOM_UTF8 * 2 + WHOLE.encode()),
        must=REFUSES,
        says="customer",
    ),
    Hostile(
        name="Latin-1, said",
        write=_text(text([*LINES, _cell(0, "Zoë")]), "latin-1"),
        accepted=N + 1,
        csv={"encoding": "latin-1"},
    ),
    Hostile(
        name="Latin-1 taken for UTF-8",
        write=_text(text([*LINES, _cell(0, "Zoë")]), "latin-1"),
        quarantined=1,
    ),
    Hostile(
        name="Windows-1252 with smart quotes",
        quarantined=1,
        write=_bytes(text(LINES).encode() + _cell(3, "\u201cp\u201d").encode("cp1252") + b"\n"),
    ),
    Hostile(name="UTF-16, said", write=_text(WHOLE, "utf-16"), csv={"encoding": "utf-16"}),
    Hostile(
        name="UTF-16 taken for UTF-8", write=_text(WHOLE, "utf-16"), must=REFUSES, says="utf-16"
    ),
    Hostile(
        name="UTF-8 taken for UTF-16",
        write=_text(WHOLE),
        csv={"encoding": "utf-16"},
        must=REFUSES,
        says="not UTF-16",
    ),
    Hostile(
        name="UTF-16 cut in the middle of a character",
        write=_bytes(WHOLE.encode("utf-16")[:-1]),
        accepted=N - 1,
        quarantined=1,
        csv={"encoding": "utf-16"},
    ),
    Hostile(
        name="UTF-16 without a byte order mark",
        write=_text(WHOLE, "utf-16-le"),
        csv={"encoding": "utf-16"},
    ),
    Hostile(name="UTF-32", write=_text(WHOLE, "utf-32"), must=REFUSES),
    Hostile(name="a NUL in a cell", write=_plus(_cell(3, "p\0q")), accepted=N + 1),
    Hostile(name="a file of NULs", write=_bytes(b"\0" * 4096), must=REFUSES),
    Hostile(
        name="random bytes",
        write=_bytes(bytes((i * 7919 + i // 3) % 251 for i in range(20_000))),
        must=REFUSES,
    ),
    Hostile(
        name="half an emoji",
        write=_bytes(WHOLE.encode() + _cell(3, "p").encode()[:-7] + b"\xf0\x9f,1,5\n"),
        quarantined=1,
    ),
    Hostile(
        name="control characters in an id", write=_plus(_cell(0, "a\x07\x1bb")), accepted=N + 1
    ),
    # Structure
    Hostile(name="empty", write=_bytes(b""), must=REFUSES, says="empty"),
    Hostile(name="blank lines only", write=_text("\n\n\n"), must=REFUSES, says="header"),
    Hostile(name="header only", write=_text(HEADER + "\n"), must=REFUSES, says="no rows"),
    Hostile(name="header without a line end", write=_text(HEADER), must=REFUSES, says="no rows"),
    Hostile(name="no header", write=_text("\n".join(LINES)), must=REFUSES, says="column"),
    Hostile(name="an empty line above the header", write=_text("\n\n" + WHOLE)),
    Hostile(name="blank lines between", write=_text(WHOLE.replace("\n", "\n\n"))),
    Hostile(name="no line end at the end", write=_text(WHOLE.rstrip("\n"))),
    Hostile(name="CRLF", write=_text(text(LINES, ending="\r\n"))),
    Hostile(name="CR only", write=_text(text(LINES, ending="\r"))),
    Hostile(
        name="CRLF, LF and CR mixed",
        write=_text(
            text(LINES[:20], ending="\r\n")
            + "\r".join(LINES[20:30])
            + "\r"
            + "\n".join(LINES[30:])
            + "\n"
        ),
    ),
    Hostile(name="ragged: too few cells", write=_plus("a,2024-01-01,o"), quarantined=1),
    Hostile(name="ragged: too many cells", write=_plus(_cell(5, "5,6,7")), quarantined=1),
    Hostile(
        name="a comma at the end of every row",
        write=_text(HEADER + "\n" + ",\n".join(LINES) + ",\n"),
        must=REFUSES,
    ),
    Hostile(
        name="every row ragged",
        write=_text(text([line + ",x" for line in LINES * 40])),
        must=REFUSES,
        says="cells where the header has 6",
    ),
    Hostile(
        name="duplicate headers",
        write=_text(text(LINES, header="customer,at,order,product,qty,qty")),
        must=REFUSES,
        says="2 times",
    ),
    Hostile(
        name="a header without a name",
        write=_text(text([f"{x}," for x in LINES], header=HEADER + ",")),
    ),
    Hostile(
        name="blanks around headers",
        write=_text(text(LINES, header=" customer , at,order ,product,qty, price")),
    ),
    Hostile(
        name="headers in another case",
        write=_text(text(LINES, header=HEADER.upper())),
        must=REFUSES,
        says="column",
    ),
    Hostile(name="the header repeated within", write=_plus(HEADER), quarantined=1),
    Hostile(name="a total at the end", write=_plus("Total,,,,120,900.50"), quarantined=1),
    Hostile(
        name="a comment at the top", write=_text("# exported by the shop\n" + WHOLE), must=REFUSES
    ),
    Hostile(
        name="semicolons taken for commas",
        write=_text(WHOLE.replace(",", ";")),
        must=REFUSES,
        says="column",
    ),
    Hostile(name="tabs, said", write=_text(WHOLE.replace(",", "\t")), csv={"delimiter": "\t"}),
    Hostile(
        name="an unclosed quote in the last row",
        write=_text(WHOLE + _cell(3, '"p1') + "\n" + LINES[0]),
        quarantined=1,
    ),
    Hostile(
        name="an unclosed quote in the first row",
        must=REFUSES,
        says="quote",
        write=_text(text([_cell(3, '"p1'), *LINES * 30])),
    ),
    Hostile(name="a quoted line break", write=_plus(_cell(3, '"p\n1"')), accepted=N + 1),
    Hostile(
        name="a quoted delimiter and a doubled quote",
        write=_plus(_cell(3, '"a, ""b"""')),
        accepted=N + 1,
    ),
    Hostile(name="a cell of 3 MB", write=_plus(_cell(3, "x" * 3_000_000)), accepted=N + 1),
    Hostile(
        name="2,000 columns",
        write=_text(
            "\n".join(
                [
                    HEADER + "," + ",".join(f"x{i}" for i in range(2_000)),
                    *(line + ",1" * 2_000 for line in LINES),
                ]
            )
        ),
    ),
    # Dates
    Hostile(
        name="Excel serial dates",
        write=_text(text([_cell(1, str(45_000 + i)) for i in range(N)])),
    ),
    Hostile(name="a day of 1899", write=_plus(_cell(1, "1899-12-31")), quarantined=1),
    Hostile(name="a day of 1900", write=_plus(_cell(1, "1900-01-01 00:00:00")), quarantined=1),
    Hostile(name="a day of 2099", write=_plus(_cell(1, "2099-12-31 10:00:00")), accepted=N + 1),
    Hostile(name="a day of 9999", write=_plus(_cell(1, "9999-12-31 23:59:59")), quarantined=1),
    Hostile(name="the 30th of February", write=_plus(_cell(1, "2024-02-30")), quarantined=1),
    Hostile(name="no day", write=_plus(_cell(1, ""), _cell(1, "  ")), quarantined=2),
    Hostile(
        name="words for a day",
        write=_plus(_cell(1, "yesterday"), _cell(1, "NaT"), _cell(1, "0000-00-00")),
        quarantined=3,
    ),
    Hostile(
        name="an infinite day",
        write=_plus(_cell(1, "infinity"), _cell(1, "-infinity")),
        quarantined=2,
    ),
    Hostile(
        name="days first, not said",
        must=REFUSES,
        says="timestamp_format",
        write=_text(text([_cell(1, f"{13 + i % 15}/01/2024") for i in range(N)])),
    ),
    Hostile(
        name="times with offsets among times without",
        write=_plus(_cell(1, "2024-05-05T10:00:00+02:00"), _cell(1, "2024-05-05T10:00:00Z")),
        accepted=N + 2,
    ),
    Hostile(
        name="an hour that a clock change skips",
        write=_plus(_cell(1, "2024-03-31 02:30:00")),
        accepted=N + 1,
    ),
    # Numbers
    Hostile(
        name="decimal commas, said",
        write=_text(
            text(
                [f"c{i % 9};2024-01-1{i % 9};o{i};p;1;{i + 1},50" for i in range(N)],
                header=HEADER.replace(",", ";"),
            )
        ),
        csv={"delimiter": ";", "decimal": ","},
    ),
    Hostile(
        name="decimal commas, not said",
        must=REFUSES,
        says="unit_price is not a number",
        write=_text(
            text(
                [f"c{i % 9};2024-01-1{i % 9};o{i};p;1;{i + 1},5" for i in range(N)],
                header=HEADER.replace(",", ";"),
            )
        ),
        csv={"delimiter": ";"},
    ),
    Hostile(name="thousands grouped", write=_plus(_cell(5, '"1,234.50"')), accepted=N + 1),
    Hostile(
        name="a currency sign", write=_plus(_cell(5, "£5.00"), _cell(5, "5.00 EUR")), set_aside=2
    ),
    Hostile(
        name="Infinity and NaN",
        write=_plus(*(_cell(5, word) for word in ("inf", "-Infinity", "NaN", "nan"))),
        quarantined=4,
    ),
    Hostile(
        name="words for nothing",
        write=_plus(*(_cell(5, word) for word in ("NULL", "N/A", "-", "#REF!"))),
        quarantined=4,
    ),
    Hostile(
        name="a number beyond 64 bits", write=_plus(_cell(4, "99999999999999999999")), quarantined=1
    ),
    Hostile(
        name="an amount beyond 64 bits of cents",
        write=_plus("x,2024-05-05,o,p,999999999999,9999999999"),
        quarantined=1,
    ),
    Hostile(name="an exponent", write=_plus(_cell(5, "1e3")), accepted=N + 1),
    Hostile(name="an exponent without end", write=_plus(_cell(5, "1e999")), quarantined=1),
    Hostile(name="a hexadecimal number", write=_plus(_cell(4, "0x1F")), quarantined=1),
    Hostile(name="an underscore in a number", write=_plus(_cell(4, "1_000")), quarantined=1),
    Hostile(
        name="a formula",
        write=_plus(_cell(3, "=HYPERLINK(1)"), _cell(5, "=1+1")),
        accepted=N + 1,
        quarantined=1,
    ),
    Hostile(name="a price of nothing", write=_plus(_cell(5, "0"), _cell(5, "-1")), set_aside=2),
    # Ids
    Hostile(
        name="no id", write=_plus(_cell(0, ""), _cell(0, "   "), _cell(0, "\u00a0")), set_aside=3
    ),
    Hostile(
        name="ids of emoji, Arabic, Hebrew and joiners",
        accepted=N + 4,
        write=_plus(*(_cell(0, word) for word in ("🛒👩‍👩‍👧", "عميل", "לקוח", "a\u202eb"))),
    ),
    Hostile(
        name="ids that differ by case", write=_plus(_cell(0, "C1"), _cell(0, "c1")), accepted=N + 2
    ),
    Hostile(
        name="ids that differ by blanks",
        write=_plus(_cell(0, " c1"), _cell(0, "c1 ")),
        accepted=N + 2,
    ),
    Hostile(
        name="ids beyond 64 bits",
        write=_plus(_cell(0, "123456789012345678901234567890")),
        accepted=N + 1,
    ),
    Hostile(
        name="ids of floats",
        write=_text(text([f"{i % 9}.0,2024-01-1{i % 9},o{i},p,1,5" for i in range(N)])),
    ),
    Hostile(
        name="an id of 100,000 characters", write=_plus(_cell(0, "i" * 100_000)), accepted=N + 1
    ),
    Hostile(
        name="an id with SQL",
        write=_plus(_cell(0, "x'); DROP TABLE transactions; --")),
        accepted=N + 1,
    ),
    Hostile(name="an id with markup", write=_plus(_cell(0, "<script>[bold]{{x}}")), accepted=N + 1),
    # Compression and kinds
    Hostile(name="gzip", write=_bytes(gzip.compress(WHOLE.encode()))),
    Hostile(
        name="gzip cut short",
        write=_bytes(gzip.compress(WHOLE.encode())[:-20]),
        must=REFUSES,
        says="gzip",
    ),
    Hostile(
        name="gzip with a wrong checksum",
        must=REFUSES,
        says="gzip",
        write=_bytes(gzip.compress(WHOLE.encode())[:-8] + b"\0" * 8),
    ),
    Hostile(name="gzip of nothing", write=_bytes(gzip.compress(b"")), must=REFUSES),
    Hostile(
        name="gzip twice", write=_bytes(gzip.compress(gzip.compress(WHOLE.encode()))), must=REFUSES
    ),
    Hostile(
        name="two gzips in a row",
        write=_bytes(
            gzip.compress(text(LINES[:20]).encode())
            + gzip.compress(("\n".join(LINES[20:]) + "\n").encode())
        ),
    ),
    Hostile(
        name="a zip or workbook",
        write=_foreign(b"PK\x03\x04"),
        must=REFUSES,
        says="zip archive",
    ),
    Hostile(
        name="an old workbook", write=_foreign(b"\xd0\xcf\x11\xe0"), must=REFUSES, says="workbook"
    ),
    Hostile(name="zstd", write=_foreign(b"\x28\xb5\x2f\xfd"), must=REFUSES, says="zstd"),
    Hostile(name="a PDF", write=_foreign(b"%PDF-1.7"), must=REFUSES, says="PDF"),
    Hostile(
        name="a web page",
        write=_text("<!doctype html>\n<html><body>Sign in</body></html>\n"),
        must=REFUSES,
    ),
    Hostile(
        name="JSON lines", write=_text('{"customer": "a", "at": "2024-01-01"}\n' * 5), must=REFUSES
    ),
    # Parquet
    Hostile(name="Parquet", write=_parquet(orders=frame()), path="orders.parquet"),
    Hostile(
        name="Parquet without rows",
        write=_parquet(orders=frame().clear()),
        path="orders.parquet",
        must=REFUSES,
        says="no rows",
    ),
    Hostile(
        name="Parquet with another schema in the second file",
        path="*.parquet",
        must=REFUSES,
        says="differ",
        write=_parquet(a=frame(), b=frame().with_columns(price=pl.col("price").cast(pl.String))),
    ),
    Hostile(
        name="Parquet with a column less in the second file",
        path="*.parquet",
        must=REFUSES,
        says="price",
        write=_parquet(a=frame(), b=frame().drop("price")),
    ),
    Hostile(
        name="Parquet cut short",
        write=_damaged_parquet,
        path="orders.parquet",
        must=REFUSES,
        says="damaged",
    ),
    Hostile(
        name="Parquet with a damaged page",
        write=_damaged_page,
        path="orders.parquet",
        must=REFUSES,
        says="damaged",
    ),
    Hostile(name="Parquet with lists and structs beside", write=_nested, path="orders.parquet"),
    Hostile(name="Parquet with decimals", write=_decimals, path="orders.parquet"),
    Hostile(
        name="Parquet with ids of floats and one missing",
        write=_float_ids,
        path="orders.parquet",
        accepted=N - 1,
        set_aside=1,
    ),
    Hostile(
        name="Parquet with times in a zone",
        path="orders.parquet",
        write=_parquet(
            orders=frame().with_columns(pl.col("at").dt.replace_time_zone("America/New_York"))
        ),
    ),
    Hostile(
        name="Parquet by the name of a CSV", write=lambda f: frame().write_parquet(f / "orders.csv")
    ),
    # Places
    Hostile(name="a folder", write=_directory, must=REFUSES, says="folder"),
    Hostile(name="no such file", write=_nothing, must=REFUSES, says="no file"),
    Hostile(name="a broken link", write=_broken_link, must=REFUSES, says="no file"),
    Hostile(name="a link to itself", write=_loop, must=REFUSES),
    Hostile(name="a pipe", write=_fifo, must=REFUSES, says="no file but"),
    Hostile(
        name="unreadable",
        write=_unreadable,
        must=READS if os.geteuid() == 0 else REFUSES,
        says="permission",
    ),
    Hostile(
        name="a glob that matches nothing",
        write=_nothing,
        path="*.csv",
        must=REFUSES,
        says="no file",
    ),
    Hostile(
        name="CSV and Parquet together",
        write=_mixed_kinds,
        path="orders-*",
        must=REFUSES,
        says="both",
    ),
    Hostile(
        name="files with columns in another order",
        path="orders-*.csv",
        accepted=N + 1,
        write=_several(WHOLE, "at,customer,order,product,qty,price\n2024-05-05,x,o,p,1,5\n"),
    ),
    Hostile(
        name="files with other columns",
        path="orders-*.csv",
        must=REFUSES,
        says="differ",
        write=_several(WHOLE, "customer,at\nx,2024-05-05\n"),
    ),
    Hostile(
        name="an empty file among others",
        path="orders-*.csv",
        must=REFUSES,
        says="empty",
        write=_several(WHOLE, ""),
    ),
    Hostile(
        name="a file without rows among others",
        path="orders-*.csv",
        write=_several(WHOLE, HEADER + "\n"),
    ),
)


def in_process(hostile: Hostile, folder: Path) -> str:
    """Check a hostile file through the command line's own code, in this process."""
    from typer.testing import CliRunner

    from holdfast.cli.main import app
    from holdfast.errors import HoldfastError

    ended = CliRunner().invoke(app, ["check", "-c", str(hostile.study(folder)), "--json"])
    error = ended.exception
    if isinstance(error, HoldfastError):
        said = json.dumps({"error": {"problem": error.problem, "fix": error.fix}})
        return judged(hostile, code=error.exit_code, said=said)
    if error is not None and not isinstance(error, SystemExit):
        return f"{type(error).__name__}: {error}"
    return judged(hostile, code=ended.exit_code, said=ended.stdout)


def judged(hostile: Hostile, *, code: int, said: str) -> str:
    """Compare how the command ended with what must become of the file: empty where all is well,
    else what is not.
    """
    if "Traceback" in said:
        return "a traceback"
    if code not in (0, 2):
        return f"exit code {code}: {said[-300:]}"
    found = json.loads(said)
    if hostile.must == REFUSES:
        if code != 2 or "error" not in found:
            return f"it was read: {found.get('rows')}"
        error = found["error"]
        if not error["fix"]:
            return f"no fix: {error['problem']}"
        whole = f"{error['problem']} {error['fix']}"
        return (
            ""
            if hostile.says.lower() in whole.lower()
            else f"it says {whole!r}, not {hostile.says!r}"
        )
    if code or "rows" not in found:
        return f"refused: {found.get('error')}"
    rows = found["rows"]["transactions"]
    if rows["read"] != rows["accepted"] + rows["set_aside"] + rows["quarantined"]:
        return f"rows do not add up: {rows}"
    want = (hostile.accepted, hostile.set_aside, hostile.quarantined)
    got = (rows["accepted"], rows["set_aside"], rows["quarantined"])
    return (
        ""
        if got == want
        else f"accepted, set aside, quarantined are {got}, not {want}: {found['reasons']}"
    )
