"""JSON objects as rows of text.

An object inside a row is flattened by one level (`customer.id`) and a list of plain values is
joined by commas. An order that holds its lines becomes one row for each of them, on which the
order's own fields repeat (`line_items.price`); what lies deeper in it stays JSON. In any other
object what lies deeper is refused by name.
"""

import json
import re
from collections.abc import Iterator, Mapping

from holdfast.errors import DataError

Row = dict[str, str | None]
_LINES = (
    "lineitems", "orderlines", "orderitems", "orderdetails", "lines", "items", "products",
    "positions", "articles",
)  # fmt: skip
_NESTED = "\0 objects"


def to_rows(value: object, number: int, label: str) -> list[Row]:
    """An object as a row of text, or as one for each of an order's lines.

    Raises
    ------
    DataError
        It is no object, a field occurs twice, or a field holds objects.
    """
    if not isinstance(value, dict):
        raise DataError(
            f"value {number} of {label} is no JSON object",
            fix='write one object for each row, as in [{"customer": "A7", "amount": 12.5}]',
        )
    name = _lines_of(value)
    if name is None:
        return [_row(value, number, label, keeps_json=False)]
    order = {key: cell for key, cell in value.items() if key != name}
    return [
        _row({**order, name: line} if line else order, number, label, keeps_json=True)
        for line in value[name] or [None]
    ]


def is_lines(name: str) -> bool:
    """Whether a field of this name holds an order's lines."""
    return _plain(name) in _LINES


def _lines_of(order: Mapping[str, object]) -> str | None:
    """The field that holds an order's lines."""
    fields = {_plain(name): name for name in order}
    for word in _LINES:
        lines = order.get(fields.get(word, ""))
        if isinstance(lines, list) and all(isinstance(line, dict) for line in lines):
            return fields[word]
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()


def _row(value: Mapping[str, object], number: int, label: str, *, keeps_json: bool) -> Row:
    row: Row = {}
    for field, cell in _flat(value):
        text = _cell(cell)
        if text is _NESTED and keeps_json:
            text = json.dumps(cell, ensure_ascii=False)
        if text is _NESTED or field in row:
            raise _refusal(field, number, label, is_twice=field in row)
        row[field] = text
    return row


def _flat(value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The fields of an object, and those of the objects in it."""
    for name, cell in value.items():
        if isinstance(cell, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in cell.items())
        else:
            yield name, cell


def _cell(value: object) -> str | None:
    """A value as text; `_NESTED` where it is more than one."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(each, (dict, list)) for each in value):
        return ", ".join(_cell(each) or "" for each in value)
    return _NESTED


def _refusal(field: str, number: int, label: str, *, is_twice: bool) -> DataError:
    if is_twice:
        return DataError(
            f"object {number} of {label} has the field '{field}' twice, once as a field of an "
            "object in it",
            fix="rename one of them",
            column=field,
        )
    return DataError(
        f"the field '{field}' in object {number} of {label} holds objects, and a row has one value "
        "in each field",
        fix=f"write one row for each of them (with jq: .{field}[]), or leave '{field}' out",
        column=field,
    )
