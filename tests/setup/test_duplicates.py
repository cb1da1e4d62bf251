"""Rows that repeat: double entries, purchases, or a question."""

import polars as pl
import pytest

from holdfast.setup.column_roles import Candidate
from holdfast.setup.duplicates import Duplicates, weigh_duplicates
from holdfast.setup.file_sample import Sample

Row = tuple[str, str, str | None, str]
CLOCK = "2024-01-0{} 10:00:00"


def weigh(rows: list[Row], *, has_orders: bool = True) -> Duplicates:
    frame = pl.DataFrame(rows, schema=["who", "at", "order", "item"], orient="row")
    roles = {"customer_id": "who", "occurred_at": "at"} | (
        {"order_id": "order"} if has_orders else {}
    )
    sample = Sample(frame if has_orders else frame.drop("order"))
    columns = {role: Candidate(name, role, 1.0) for role, name in roles.items()}
    weighed = weigh_duplicates(sample, columns, None)
    sample.close()
    return weighed


ORDER: list[Row] = [("a", CLOCK.format(1), "o1", "x"), ("a", CLOCK.format(1), "o1", "y")]
OTHER: list[Row] = [("b", CLOCK.format(2), "o2", "x"), ("b", CLOCK.format(2), "o2", "z")]


def test_no_row_twice_is_no_question() -> None:
    assert weigh([*ORDER, *OTHER]) == Duplicates("keep", "no row repeats another")


def test_whole_orders_over_again_are_double_entries() -> None:
    weighed = weigh([*ORDER, *ORDER, *OTHER])
    assert (weighed.value, weighed.sure) == ("drop", True)
    assert weighed.because.startswith(
        "2 of 6 rows repeat an earlier one, 2 of them in whole orders"
    )


def test_one_line_of_an_order_over_again_is_asked_about() -> None:
    weighed = weigh([*ORDER, ORDER[0], *OTHER])
    assert (weighed.value, weighed.sure) == ("keep", False)


def test_an_order_of_one_row_that_comes_twice_is_a_double_entry() -> None:
    rows: list[Row] = [(f"c{i}", CLOCK.format(1), f"o{i}", "x") for i in range(200)]
    weighed = weigh([*rows, rows[0]])
    assert (weighed.value, weighed.sure) == ("drop", True)


@pytest.mark.parametrize(("clock", "sure"), [("2024-01-01", True), (CLOCK.format(1), False)])
def test_without_orders_two_equal_purchases_of_a_day_stay_unless_there_is_a_clock(
    clock: str, sure: bool
) -> None:
    day: list[Row] = [("a", clock, None, "x"), ("a", clock, None, "x"), ("b", clock, None, "y")]
    weighed = weigh(day, has_orders=False)
    assert (weighed.value, weighed.sure) == ("keep", sure)
