"""What a file says of certain customers, and the file without it.

Tables, lists and journals are searched by their column of ids, cell by cell: C1 is not C10. Prose
(findings, reports) is searched for the id as a word; an id that might be a figure or a plain word
counts there only where a sentence of Holdfast names a customer.
"""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from holdfast.io.csv import any_cell_size
from holdfast.report.table_format import plain
from holdfast.study import Study

ID = "customer_id"
ERASED = "[erased]"
_LISTED = "excluded"
"""The list of customers in the rule of an export."""
_BEFORE, _AFTER = r"(?<![^\s\"'(\[>,;:\\])", r"(?![^\s\"')\]<,;:.?!&\\])(?!\\?\.\w)"
# As in "customer C1: 12 units", "C1 (1,000 EUR, 3 orders)", "'C1' has 9 lines", "C1 / c1" and
# "row 7 (C1 on 2024-01-01)".
_NAMED = (
    r"(?<=customer ){}", r"{}(?= \\?\(\\?-?[\d,.\\]+ [A-Z]{{3}}, )", r"{}(?=(?:'|&#39;) has )",
    r"{}(?= / )", r"(?<= / ){}", r"{}(?= on \d{{4}}\\?-\d\d\\?-\d\d\\?\))",
)  # fmt: skip
_ROW = re.compile(r"<tr\b.*?</tr>\n?", re.DOTALL)
_CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", re.DOTALL)
_TAG = re.compile(r"(<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class People:
    """Customers by all the names that a run may know them by.

    Attributes
    ----------
    columns
        What the sources call the column of ids: of a row in quarantine only those are looked at.
    """

    names: frozenset[str]
    columns: frozenset[str] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str], study: Study) -> "People":
        """The people of these names, in the runs of a study."""
        sources = (study.transactions, study.events, study.customers, study.treatments)
        columns = [each.columns.customer_id for each in (*sources, study.snapshot) if each]
        return cls(frozenset(names), frozenset(columns))

    def find(self, path: Path) -> int:
        """Count the places in a file that are about them; 0 for a kind of file that names nobody.

        Raises
        ------
        OSError, ValueError, polars.exceptions.PolarsError
            It cannot be read.
        """
        if path.suffix == ".parquet":
            names = pl.scan_parquet(path, glob=False).collect_schema().names()
            wanted = [name for name in (ID, "raw") if name in names]
            return self._count_rows(pl.read_parquet(path, columns=wanted)) if wanted else 0
        if path.suffix == ".arrow":
            return self._count_rows(pl.read_ipc(io.BytesIO(path.read_bytes())))
        if path.suffix not in _WITHOUT:
            return 0
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        return _WITHOUT[path.suffix](self, text)[1]

    def remove(self, name: str, content: bytes) -> bytes:
        """Return the content of a file without them; untouched where it does not name them."""
        kind = PurePosixPath(name).suffix
        if kind in (".parquet", ".arrow"):
            return self._remove_rows(kind, content)
        if kind not in _WITHOUT:
            return content
        text, count = _WITHOUT[kind](self, content.decode("utf-8", "surrogateescape"))
        return text.encode("utf-8", "surrogateescape") if count else content

    def rows_about(self, table: pl.DataFrame) -> pl.Series:
        """Which rows of a table are about them."""
        if ID in table.columns:
            return table.select(pl.col(ID).cast(pl.String).is_in(list(self.names))).to_series()
        if "raw" in table.columns:
            return pl.Series([self.is_in_raw(raw) for raw in table["raw"]], dtype=pl.Boolean)
        return pl.repeat(False, table.height, eager=True)

    def is_in_raw(self, raw: str | None) -> bool:
        """Whether a row of the quarantine, which may be a line that was no row, names them."""
        try:
            cells = dict(json.loads(raw or "{}"))
        except (ValueError, TypeError):
            cells = {"line": raw}
        if list(cells) == ["line"]:
            return bool(self._in_a_line.search(str(cells["line"])))
        ids = {name: cell for name, cell in cells.items() if name in self.columns} or cells
        tidy = (str(cell).strip() for cell in ids.values())
        return any({cell, cell.removesuffix(".0")} & self.names for cell in tidy)

    def strip_text(self, text: str) -> tuple[str, int]:
        """Prose without them, and how often they were in it."""
        count = 0
        for pattern in self._in_prose:
            text, n = pattern.subn(ERASED, text)
            count += n
        return text, count

    def _count_rows(self, table: pl.DataFrame) -> int:
        return int(self.rows_about(table).fill_null(False).sum())

    def _remove_rows(self, kind: str, content: bytes) -> bytes:
        out, read = io.BytesIO(), pl.read_parquet if kind == ".parquet" else pl.read_ipc
        table = read(io.BytesIO(content))
        about = self.rows_about(table).fill_null(False)
        if not about.any():
            return content
        if kind == ".parquet":
            table.filter(~about).write_parquet(out, compression="zstd", statistics=True)
        else:
            table.filter(~about).rechunk().write_ipc(out, compression="uncompressed")
        return out.getvalue()

    def _without_csv(self, text: str) -> tuple[str, int]:
        with any_cell_size():
            rows = list(csv.reader(io.StringIO(text, newline="")))
        # A spreadsheet's formula was made harmless by an apostrophe.
        names = self.names | {f"'{name}" for name in self.names}
        left = [row for i, row in enumerate(rows) if not i or not row or row[0] not in names]
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows(left)
        return out.getvalue(), len(rows) - len(left)

    def _without_json(self, text: str) -> tuple[str, int]:
        counts: list[int] = []
        value = self._strip(json.loads(text), counts)
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1), sum(counts)

    def _without_lines(self, text: str) -> tuple[str, int]:
        counts: list[int] = []
        lines = [
            json.dumps(self._strip(json.loads(line), counts), ensure_ascii=False)
            for line in text.split("\n")[:-1]
        ]
        return "".join(f"{line}\n" for line in lines), sum(counts)

    def _strip(self, value: Any, counts: list[int]) -> Any:
        if isinstance(value, dict):
            lists = {key: each for key, each in value.items() if key == _LISTED}
            left = {key: [i for i in each if i not in self.names] for key, each in lists.items()}
            counts += (len(each) - len(left[key]) for key, each in lists.items())
            return {key: self._strip(each, counts) for key, each in {**value, **left}.items()}
        if isinstance(value, list):
            return [self._strip(each, counts) for each in value]
        if isinstance(value, str):
            text, count = self.strip_text(value)
            counts.append(count)
            return text
        return value

    def _without_html(self, page: str) -> tuple[str, int]:
        count = 0

        def row(match: re.Match[str]) -> str:
            nonlocal count
            cells = [re.sub(r"</?bdi>", "", cell) for cell in _CELL.findall(match[0])]
            if not (cells and len(cells) > 2 and cells[0] in self._in_html):
                return match[0]
            count += 1
            return ""

        parts = [
            _ROW.sub(row, part) if ">Customer</th>" in part else part
            for part in re.split(r"(?=<table\b)", page)
        ]
        escaped = People(self._in_html)
        pieces = _TAG.split("".join(parts))
        for i in range(0, len(pieces), 2):
            pieces[i], n = escaped.strip_text(pieces[i])
            count += n
        return "".join(pieces), count

    def _without_markdown(self, text: str) -> tuple[str, int]:
        return People(self.names | set(map(plain, self.names))).strip_text(text)

    @cached_property
    def _in_html(self) -> frozenset[str]:
        shown = (_CONTROL.sub("\N{REPLACEMENT CHARACTER}", name) for name in self.names)
        # As the templates escape it, which write &#34; for a quote.
        return frozenset(html.escape(name).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
                         for name in shown)  # fmt: skip

    @cached_property
    def _in_a_line(self) -> re.Pattern[str]:
        ends = r"[^\s\"',;|]"
        return re.compile(rf"(?<!{ends})(?:{_any_of(self.names)})(?:\.0)?(?!{ends})")

    @cached_property
    def _in_prose(self) -> list[re.Pattern[str]]:
        plain = _any_of(name for name in self.names if not _stands_out(name))
        other = _any_of(name for name in self.names if _stands_out(name))
        whole = [rf"{_BEFORE}(?:{other})(?:{_AFTER})"] if other else []
        named = [pattern.format(rf"{_BEFORE}(?:{plain}){_AFTER}") for pattern in _NAMED if plain]
        return [re.compile(pattern) for pattern in (*whole, *named)]


_WITHOUT: dict[str, Callable[[People, str], tuple[str, int]]] = {
    ".csv": People._without_csv, ".json": People._without_json,
    ".jsonl": People._without_lines, ".html": People._without_html,
    ".md": People._without_markdown,
}  # fmt: skip


def _any_of(names: Iterable[str]) -> str:
    # The longest first: an id may begin with another.
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)


def _stands_out(name: str) -> bool:
    """Whether an id cannot be a figure or a plain word in a sentence.

    >>> [name for name in ("12", "2011", "12346", "C01", "C0012", "churn", "a@b.de") if
    ...  _stands_out(name)]
    ['12346', 'C0012', 'a@b.de']
    """
    if "@" in name or not name.isascii():
        return True
    has_digit = any(sign.isdigit() for sign in name)
    least = 4 if any(sign.isalpha() for sign in name) else 5
    return has_digit and len(name) >= least


def files_below(folder: Path) -> Iterator[Path]:
    """Every plain file below a folder, hidden ones too."""
    yield from sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
