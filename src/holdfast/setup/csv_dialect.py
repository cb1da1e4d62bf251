"""How an unknown text file is written: found out once, by `holdfast init`, to be written down and
confirmed.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Literal

from holdfast.ingest.money import MEANINGS
from holdfast.io.files import DataFile
from holdfast.io.json_files import first_texts
from holdfast.io.text import header_place, reading
from holdfast.study import Csv
from holdfast.study.currencies import minor_digits

_LOOKED_AT = 64 << 20
_PARSED = 1 << 20
_ROWS = 500
_DELIMITERS = ",;\t|"
_COMMA_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}([. ']\d{3})+),(\d{1,2}|\d{4,})|0,\d+")
_POINT_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}([, ']\d{3})+)\.\d+")
_GROUPED_BY_POINTS = re.compile(r"\d{1,3}(\.\d{3})+")
_BESIDE_AMOUNTS = re.compile(r"^([^\d]{1,6}?)?([+-]?\d.*\d)([^\d]{1,6})?$")
_THREE = 3
_BLANKS = str.maketrans("\u00a0\u202f\u2009\u2019", "   '")

Encoding = Literal["utf-8", "utf-8-sig", "latin-1", "utf-16"]


def detect_dialect(file: DataFile) -> Csv:
    """Guess encoding, delimiter, quote, decimal sign and title lines from the first 64 MB; of JSON
    the decimal sign of numbers that are written as text.

    Bytes that are no UTF-8 are taken for Latin-1, in which nothing is impossible: the guess to look
    at first.
    """
    if file.kind == "json":
        return Csv(decimal=decimal_of(first_texts(file)))
    with reading(file), file.open() as raw:
        head = raw.read(_LOOKED_AT)
    encoding = _encoding(head)
    text = head[:_PARSED].decode(encoding, "replace").removeprefix("\ufeff")
    quote = (
        "'"
        if text.count("'") > 2 * text.count('"') and re.search(r"(^|[,;\t|])'", text, re.MULTILINE)
        else '"'
    )
    delimiter = max(_DELIMITERS, key=lambda sign: _regularity(_records(text, sign, quote)))
    records = _records(text, delimiter, quote)
    place = header_place([row for _, row in records])
    cells = [cell.strip() for _, row in records[place + 1 :] for cell in row]
    return Csv(
        encoding=encoding,
        delimiter=delimiter,
        quote=quote,
        decimal=decimal_of(cells),
        skip_lines=records[place - 1][0] if place else 0,
    )


def _encoding(head: bytes) -> Encoding:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in head[1:400:2]:
        return "utf-16"
    try:
        # Not final: the last character may be cut by the end of what was read.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def _records(text: str, delimiter: str, quote: str) -> list[tuple[int, list[str]]]:
    """The first records that are not blank, each with the line on which it ends."""
    whole_lines = text[: text.rfind("\n") + 1] or text
    rows = csv.reader(io.StringIO(whole_lines, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        return [(rows.line_num, row) for row in islice(rows, _ROWS) if row]
    except csv.Error:
        return []


def _regularity(records: Sequence[tuple[int, Sequence[str]]]) -> tuple[float, int]:
    """Share of rows as wide as the header, 0 for a single column; then the number of columns."""
    rows = [row for _, row in records]
    below = rows[header_place(rows) :]
    if not below or len(below[0]) < 2:
        return 0.0, 0
    widths = Counter(map(len, below))
    return widths[len(below[0])] / len(rows), len(below[0])


def decimal_of(cells: Sequence[str]) -> Literal[".", ","]:
    """The sign that more numbers have, with a currency beside them or without.

    A comma before three digits says nothing (1,716); a point does where a currency stands beside
    it that has no thousandths (1.716 €).
    """
    commas = points = 0
    for cell in cells:
        parts = _BESIDE_AMOUNTS.match(cell.translate(_BLANKS))
        if parts is None:
            continue
        number = parts[2]
        sign = (parts[1] or parts[3] or "").strip("+-() ").lower()
        has_cents = sign in MEANINGS and minor_digits(MEANINGS[sign][0]) < _THREE
        is_grouped = has_cents and _GROUPED_BY_POINTS.fullmatch(number) is not None
        commas += is_grouped or _COMMA_NUMBER.fullmatch(number) is not None
        points += not is_grouped and _POINT_NUMBER.fullmatch(number) is not None
    return "," if commas > points else "."
