"""An order's amount counts once, and what its other lines leave blank is the order's."""

from pathlib import Path

import pytest

from holdfast.errors import StudyError
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

HEADER = "order,who,day,total,refunded,status,sku,n,price\n"
COLUMNS = {
    "customer_id": "who",
    "occurred_at": "day",
    "order_id": "order",
    "product_id": "sku",
    "quantity": "n",
    "unit_price": "price",
    "amount": "total",
    "refunded": "refunded",
}


def lines_of(folder: Path, rows: str, **transactions: object) -> list[tuple[object, ...]]:
    (folder / "log.csv").write_text(HEADER + rows, encoding="utf-8")
    log = {"path": str(folder / "log.csv"), "columns": COLUMNS, **transactions}
    study = Study.from_dict({"study": {"name": "shop"}, "transactions": log})
    (folder / "scratch").mkdir(exist_ok=True)
    with Warehouse(folder / "scratch") as warehouse:
        read_order_log(study, warehouse)
        return warehouse.query(
            "SELECT customer_id, order_id, product_id, amount_minor, is_return FROM transactions "
            "ORDER BY order_id, occurred_at, product_id"
        ).rows()


@pytest.mark.parametrize("repeated", ["", "20.00"])
def test_a_total_counts_once_whether_it_is_repeated_or_on_the_first_line_alone(
    tmp_path: Path, repeated: str
) -> None:
    rows = f"1,ann,2024-01-05,20.00,,paid,A,1,12\n1,ann,2024-01-05,{repeated},,,B,1,8\n"
    assert lines_of(tmp_path, rows, amount_of="order") == [
        ("ann", "1", "A", 2000, False),
        ("ann", "1", "B", 0, False),
    ]


def test_blank_cells_are_filled_from_the_line_above_and_only_within_an_order(
    tmp_path: Path,
) -> None:
    rows = (
        "1,ann,2024-01-05,20.00,,paid,A,1,12\n1,,,,,,B,1,8\n"
        "2,bob,2024-01-06,5.00,,void,A,1,5\n2,,,,,,B,1,0\n"
    )
    aside = {"cancelled": "status = 'void'"}
    assert lines_of(tmp_path, rows, amount_of="order", set_aside=aside) == [
        ("ann", "1", "A", 2000, False),
        ("ann", "1", "B", 0, False),
    ]


def test_lines_without_an_order_stand_for_themselves(tmp_path: Path) -> None:
    rows = ",ann,2024-01-05,20.00,,paid,A,1,12\n,bob,2024-01-05,20.00,,paid,B,1,8\n"
    assert [line[3] for line in lines_of(tmp_path, rows, amount_of="order")] == [2000, 2000]


def test_an_order_that_is_charged_and_given_back_counts_both(tmp_path: Path) -> None:
    rows = "1,ann,2024-01-05,20.00,,sale,A,1,20\n1,ann,2024-01-09,20.00,,refund,A,1,20\n"
    back = {"when": "status = 'refund'"}
    lines = lines_of(tmp_path, rows, amount_of="order", returns=back)
    assert [(line[3], line[4]) for line in lines] == [(2000, False), (-2000, True)]


@pytest.mark.parametrize(
    ("refunded", "left"), [("5.50", 1450), ("-5.50", 1450), ("", 2000), ("20.00", 0), ("25.00", 0)]
)
def test_what_was_given_back_lowers_the_amount_to_no_less_than_zero(
    tmp_path: Path, refunded: str, left: int
) -> None:
    rows = f"1,ann,2024-01-05,20.00,{refunded},paid,A,1,20\n"
    assert lines_of(tmp_path, rows) == [("ann", "1", "A", left, False)]


def test_a_refund_of_an_order_counts_once_too(tmp_path: Path) -> None:
    rows = "1,ann,2024-01-05,20.00,5.00,paid,A,1,12\n1,ann,2024-01-05,20.00,5.00,paid,B,1,8\n"
    assert sum(int(str(line[3])) for line in lines_of(tmp_path, rows, amount_of="order")) == 1500


def test_minor_units_are_taken_as_they_are(tmp_path: Path) -> None:
    rows = "1,ann,2024-01-05,2000,550,paid,A,1,20\n"
    assert [line[3] for line in lines_of(tmp_path, rows, amounts_in="minor")] == [1450]


def test_an_orders_amount_needs_an_order() -> None:
    columns = {"customer_id": "who", "occurred_at": "day", "amount": "total"}
    log = {"path": "log.csv", "columns": columns, "amount_of": "order"}
    with pytest.raises(StudyError, match="no column names the order or its amount"):
        Study.from_dict({"study": {"name": "shop"}, "transactions": log})
