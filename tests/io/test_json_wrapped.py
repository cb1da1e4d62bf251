"""JSON as interfaces answer: rows that an object wraps, and orders that hold their lines."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.errors import DataError
from holdfast.io import json_files
from holdfast.io.files import find_files
from holdfast.io.json_files import JsonFiles
from holdfast.study import Csv

ROWS = [{"id": "A", "paid": "1.50"}, {"id": "B", "paid": "7"}]
ORDERS = [
    {"id": 1, "customer": {"id": "K7"}, "total": 15.50, "line_items": [
        {"sku": "mug", "price": 5.00, "tax_lines": [{"rate": 0.2}]}, {"sku": "pot", "price": 10.5}],
     "refunds": []},
    {"id": 2, "customer": {"id": "K8"}, "total": 0, "line_items": [], "refunds": [{"id": 9}]},
]  # fmt: skip


def rows(folder: Path, content: str) -> list[dict[str, object]]:
    (folder / "orders.json").write_text(content)
    files = JsonFiles(find_files(str(folder / "orders.json")), Csv())
    read = [row for batch in files.batches() for row in batch.to_pylist()]
    names = ["_file", "_row", *files.names]
    return [dict(zip(names, row.values(), strict=True)) for row in read]


@pytest.mark.parametrize(
    "wrapped",
    [
        {"orders": ROWS},
        {"count": 2, "data": {"orders": ROWS}, "errors": []},
        {"status": "ok", "data": ROWS, "links": {"next": None}},
        {"@odata.count": 2, "value": ROWS},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_are_found_in_the_object_that_wraps_them(
    tmp_path: Path, wrapped: dict[str, Any], indent: int | None
) -> None:
    read = rows(tmp_path, json.dumps(wrapped, indent=indent))
    assert [{name: row[name] for name in ("id", "paid")} for row in read] == ROWS
    assert [row["_row"] for row in read] == [1, 2]


def test_pages_one_after_the_other_are_read_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "BLOCK_CHARACTERS", 64)
    page = json.dumps({"orders": ROWS * 9, "next": "p2"})
    assert len(rows(tmp_path, f"{page}\n{page}\n")) == 36


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"customer_id": "A7", "orders": [{"id": 1}]}', "field 'orders' in object 1"),
        ('{"orders": [{"id": 1}], "customer_id": "A7"}', "something beside the rows"),
        ('{"orders": [{"id": 1}, {"id": ', "it is cut off"),
        ('{"orders": [{"id": 1}]} [{"id": 2}]', "more than rows"),
        ('{"orders": [{"id": 1, "history": [{"at": 2}]}]}', "field 'history' in object 1"),
    ],
)
def test_what_says_more_than_rows_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        rows(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [json.dumps(ORDERS), "\n".join(map(json.dumps, ORDERS)), json.dumps({"orders": ORDERS})],
    ids=["an array", "by line", "wrapped"],
)
def test_an_order_is_a_row_for_each_of_its_lines(tmp_path: Path, content: str) -> None:
    order = {"_file": 0, "id": "1", "customer.id": "K7", "total": "15.5", "refunds": ""}
    mug = {"line_items.sku": "mug", "line_items.price": "5.0"}
    pot = {"line_items.sku": "pot", "line_items.price": "10.5", "line_items.tax_lines": None}
    assert rows(tmp_path, content) == [
        {**order, "_row": 1, **mug, "line_items.tax_lines": '[{"rate": "0.2"}]'},
        {**order, "_row": 2, **pot},
        {
            **dict.fromkeys((*mug, "line_items.tax_lines")),
            **{"_file": 0, "_row": 3, "id": "2", "customer.id": "K8", "total": "0"},
            "refunds": '[{"id": "9"}]',
        },
    ]
