"""Of rows that share an event_id the first counts, in files as in a stream."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.validation import REPEATED, Rows
from holdfast.io.warehouse import Warehouse
from holdfast.serving.history_features import OnlineHistory, RawHistory
from holdfast.study import Study
from holdfast.windows import parse_day

COLUMNS = {"customer_id": "who", "occurred_at": "at", "amount": "amount", "event_id": "id"}
Read = Callable[..., OrderLog]


def study(folder: Path, **log: Any) -> Study:
    orders = {"path": "orders.json", "columns": COLUMNS, **log}
    raw = {"study": {"name": "t"}, "project_dir": str(folder), "transactions": orders}
    return Study.from_dict(raw)


@pytest.fixture
def warehouse(tmp_path: Path) -> Any:
    with Warehouse.temporary() as opened:
        yield opened


def line(event_id: str | None, amount: Any = 1, who: str = "A", at: str = "2025-01-01") -> str:
    return json.dumps({"id": event_id, "who": who, "at": at, "amount": amount})


def read(tmp_path: Path, warehouse: Warehouse, *lines: str, **log: Any) -> OrderLog:
    (tmp_path / "orders.json").write_text("\n".join(lines))
    return read_order_log(study(tmp_path, **log), warehouse)


def test_the_first_row_of_an_id_counts_and_the_others_are_set_aside(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    log = read(tmp_path, warehouse, line("x", 5), line("y", 7), line("x", 9), line("x", 5))
    assert log.rows == Rows(read=4, accepted=2, set_aside=2, quarantined=0)
    assert log.reasons["transactions"] == {REPEATED: 2}
    amounts = warehouse.query("SELECT amount_minor FROM transactions ORDER BY 1")
    assert amounts["amount_minor"].to_list() == [500, 700]


def test_a_row_that_is_not_accepted_takes_no_id_from_one_that_is(
    tmp_path: Path, warehouse: Warehouse
) -> None:
    log = read(
        tmp_path, warehouse, line("x", "nothing"), line("x", 3, who=""), line("x", 4), line("", 1)
    )
    assert log.rows == Rows(read=4, accepted=1, set_aside=1, quarantined=2)
    assert log.reasons["transactions"] == {
        "amount is not a number": 1, "no customer": 1, "event_id is missing": 1
    }  # fmt: skip


def test_without_the_role_rows_of_one_id_all_count(tmp_path: Path, warehouse: Warehouse) -> None:
    columns = {name: column for name, column in COLUMNS.items() if name != "event_id"}
    log = read(tmp_path, warehouse, line("x", 5), line("x", 5), columns=columns)
    assert log.rows.accepted == 2


def test_a_study_without_the_role_is_what_it_was_before_there_was_one(tmp_path: Path) -> None:
    columns = {name: column for name, column in COLUMNS.items() if name != "event_id"}
    without = study(tmp_path, columns=columns)
    assert without.fingerprint != study(tmp_path).fingerprint
    dumped = without.transactions.model_dump() if without.transactions else {}
    assert dumped["columns"]["event_id"] is None


def test_a_history_of_one_request_need_not_name_its_rows_and_counts_a_repeated_one_once(
    tmp_path: Path,
) -> None:
    history = OnlineHistory(study(tmp_path))
    day = parse_day("2025-02-01")
    order = {"occurred_at": "2025-01-01", "amount": 5}
    for orders, count, notes in (
        ([order, order], 10.0, ()),
        ([{**order, "event_id": "x"}] * 2, 5.0, (f"transactions: 1 set aside, {REPEATED}",)),
    ):
        made = history.features(RawHistory(customer_id="A", orders=orders), cutoff_day=day)
        assert made.values["spend_90d"] == count
        assert made.notes == notes
