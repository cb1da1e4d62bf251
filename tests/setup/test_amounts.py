"""What an amount is of is told by the rows: of a line, of an order, or of something else."""

import polars as pl
import pytest

from holdfast.setup.amounts import weigh_amounts
from holdfast.setup.column_roles import log_columns
from holdfast.setup.file_sample import Sample
from holdfast.setup.row_rules import find_rules

LINES = {
    "customer_id": ["a", "a", "b", "b", "c", "c", "a"],
    "order_date": ["2024-01-01"] * 2 + ["2024-01-02"] * 2 + ["2024-01-03"] * 2 + ["2024-01-04"],
    "order_id": ["o1", "o1", "o2", "o2", "o3", "o3", "o4"],
    "quantity": [1, 2, 1, 1, 3, 1, 2],
    "price": [5.0, 2.5, 4.0, 3.0, 1.0, 8.0, 6.0],
}


def weighed(**columns: list[object]) -> tuple[str, str, bool]:
    sample = Sample(pl.DataFrame({**LINES, **columns}))
    amounts = weigh_amounts(sample, log_columns(sample, {}))
    sample.close()
    return amounts.of, amounts.contradicted, amounts.sure


@pytest.mark.parametrize(
    ("total", "of", "contradicted", "sure"),
    [
        ([10.0, 10.0, 7.0, 7.0, 11.0, 11.0, 12.0], "order", "", True),
        ([10.0, None, 7.0, None, 11.0, None, 12.0], "order", "", True),
        ([14.9, 14.9, 11.9, 11.9, 15.9, 15.9, 16.9], "order", "", False),
        ([5.0, 5.0, 4.0, 3.0, 3.0, 8.0, 12.0], "line", "", True),
        (
            [70.0, 90.0, 88.0, 61.0, 55.0, 77.0, 99.0],
            "line",
            "in 7 of 7 rows it is far from price x quantity",
            True,
        ),
    ],
)
def test_the_lines_of_an_order_and_price_times_quantity_tell_what_an_amount_is_of(
    total: list[object], of: str, contradicted: str, sure: bool
) -> None:
    assert weighed(total=total) == (of, contradicted, sure)


def test_two_columns_that_speak_of_one_thing_are_one_rule() -> None:
    status = ["paid", "paid", "void", "void", "paid", "paid", "paid"]
    payment = ["done", "done", "done", "done", "failed", "failed", "done"]
    sample = Sample(pl.DataFrame({**LINES, "status": status, "payment_status": payment}))
    amounts = weigh_amounts(sample, log_columns(sample, {}))
    (rule,) = find_rules(sample, amounts, None)
    sample.close()
    assert rule.key == "cancelled or failed"
    assert rule.condition == "(\"status\" IN ('void')) OR (\"payment_status\" IN ('failed'))"
    assert rule.because == "orders and money: void 1 (7.00); orders and money: failed 1 (11.00)"
