"""A study's sources are read as what they are: an order log or a snapshot."""

from pathlib import Path

import pytest

from holdfast.errors import DataError
from holdfast.ingest.read import OrderLog, Snapshot, read_sources
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.windows import parse_day

ORDERS = "id,day,amount\na,2024-01-01,5\na,2024-01-03,7\nb,2024-01-04,1\n"
CUSTOMERS = "id,visits,gone\na,3,false\nb,5,true\n"


def study(folder: Path, **source: object) -> Study:
    return Study.from_dict({"study": {"name": "shop"}, "project_dir": str(folder), **source})


def test_transactions_are_an_order_log(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    columns = {"customer_id": "id", "occurred_at": "day", "amount": "amount"}
    asked = study(tmp_path, transactions={"path": "orders.csv", "columns": columns})
    with Warehouse(tmp_path) as warehouse:
        log = read_sources(asked, warehouse)
    assert isinstance(log, OrderLog)
    assert (log.kind, log.n_customers) == ("log", 2)
    assert (log.first_day, log.end_day) == (parse_day("2024-01-01"), parse_day("2024-01-05"))


def test_one_row_per_customer_is_a_snapshot(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    source = {
        "path": "customers.csv",
        "as_of": "2024-07-01",
        "columns": {"customer_id": "id"},
        "labels": {"churned": "gone"},
    }
    with Warehouse(tmp_path) as warehouse:
        snapshot = read_sources(study(tmp_path, snapshot=source), warehouse)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.kind, snapshot.end_day) == ("snapshot", parse_day("2024-07-01"))
    assert snapshot.frame.select("customer_id", "visits", "churned").rows() == [
        ("a", 3.0, False),
        ("b", 5.0, True),
    ]


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    columns = {"customer_id": "id", "occurred_at": "day", "amount": "amount"}
    asked = study(tmp_path, transactions={"path": "orders.csv", "columns": columns})
    with Warehouse(tmp_path) as warehouse, pytest.raises(DataError, match="there is no file"):
        read_sources(asked, warehouse)
