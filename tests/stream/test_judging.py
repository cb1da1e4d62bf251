"""A message is judged as the same row of a file is."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.validation import REPEATED
from holdfast.io.warehouse import Warehouse
from holdfast.stream.judging import Judge
from holdfast.stream.sources.source import Record
from holdfast.study import Study
from holdfast.windows import parse_day

COLUMNS = {
    "customer_id": "who", "occurred_at": "at", "order_id": "order", "product_id": "item",
    "quantity": "n", "unit_price": "price", "event_id": "id",
}  # fmt: skip
CELLS: dict[str, list[Any]] = {
    "who": ["A", " B ", "", None, 17],
    "at": ["2025-01-02", "2025-03-30T01:30:00", "2 Jan 2025", 1740000000, "2025-01-02T10:00:00Z",
           "never", None],
    "order": ["O1", "R2", None],
    "item": ["P1", None, "22"],
    "n": [1, 2, 0, -1, "3", 1.5, True, None],
    "price": [9.99, "1,234.50", "$5", 0, 1e2, 0.000000001, 12345678901234.56, "x", None],
}  # fmt: skip


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study.from_dict(
        {
            "study": {"name": "t", "time_zone": "Europe/London"},
            "project_dir": str(tmp_path),
            "transactions": {
                "path": "orders.json",
                "columns": COLUMNS,
                "returns": {"when": "order LIKE 'R%'"},
                "set_aside": {"a sample": "price > 1000"},
            },
            "stream": {"source": "outbox"},
        }
    )


def rows_at_random(count: int) -> list[dict[str, Any]]:
    draw = random.Random(3)
    rows = [
        {name: draw.choice(cells) for name, cells in CELLS.items()} | {"id": f"x{number}"}
        for number in range(count)
    ]
    # What is wrong in one cell alone is judged by that cell.
    good = {"who": "A", "at": "2025-01-02", "order": "O1", "item": "P1", "n": 1, "price": 2}
    rows += [
        good | {name: cell, "id": f"{name}{place}"}
        for name, cells in CELLS.items()
        for place, cell in enumerate(cells)
    ]
    return rows


@pytest.mark.parametrize("at_once", [1_000, 7])
def test_every_message_is_judged_as_the_same_row_of_a_file(study: Study, at_once: int) -> None:
    rows = rows_at_random(120)
    (Path(study.project_dir) / "orders.json").write_text("\n".join(map(json.dumps, rows)))
    records = [Record(n, json.dumps(row).encode()) for n, row in enumerate(rows)]
    facts = "event_id, customer_id, day, occurred_at, order_id, product_id, amount_minor, is_return"
    with Warehouse.temporary() as warehouse, Warehouse.temporary() as other:
        log = read_order_log(study, warehouse)
        batch = warehouse.query(
            f"SELECT {facts} FROM validated_transactions WHERE verdict = 0 ORDER BY event_id"
        )
        judge = Judge(study, other)
        parts = [
            judge.judge(records[n : n + at_once], last_day=30_000)
            for n in range(0, len(rows), at_once)
        ]
    lines = sorted(row for part in parts for row in part.lines.select(batch.columns).iter_rows())
    assert lines == batch.rows()
    reasons: dict[str, int] = {}
    for part in parts:
        for (_, _, reason), count in part.counts.items():
            reasons[reason] = reasons.get(reason, 0) + count
    assert reasons == log.reasons["transactions"]
    assert REPEATED not in reasons


def test_what_happens_after_the_last_day_cannot_have_happened(study: Study) -> None:
    row = {"who": "A", "at": "2025-01-03", "n": 1, "price": 2, "id": "x"}
    record = Record(1, json.dumps(row).encode())
    with Warehouse.temporary() as warehouse:
        judge = Judge(study, warehouse)
        day = parse_day("2025-01-03")
        assert judge.judge([record], last_day=day).lines.height == 1
        (dead,) = judge.judge([record], last_day=day - 1).dead
    assert dead.reason == "its day is after tomorrow"


def test_a_column_called_source_may_be_the_studys_own(study: Study) -> None:
    row = {"who": "A", "at": "2025-01-03", "n": 1, "price": 2, "id": "x", "source": "web"}
    with Warehouse.temporary() as warehouse:
        judged = Judge(study, warehouse).judge(
            [Record(1, json.dumps(row).encode())], last_day=30_000
        )
    assert judged.lines["source"].to_list() == [1]
