"""What the rows say of a column that only a part of its name speaks for."""

import polars as pl
import pytest

from holdfast.setup.column_evidence import speaks_for
from holdfast.setup.column_roles import Candidate
from holdfast.setup.file_sample import Sample

LOG = {
    "buyer ref": ["a", "a", "b", "b", "c"],
    "slip ref": ["1", "1", "2", "2", "3"],
    "worth in all": [2.5, 3.5, 1.25, 8.75, 4.5],
    "pieces in all": [1, 2, 1, 1, 3],
}
COLUMNS = {
    "customer_id": Candidate("buyer ref", "customer_id", 0.5),
    "order_id": Candidate("slip ref", "order_id", 0.5),
    "amount": Candidate("worth in all", "amount", 0.5),
    "quantity": Candidate("pieces in all", "quantity", 0.5),
}


def speak(role: str, **changed: list[object]) -> str:
    sample = Sample(pl.DataFrame({**LOG, **changed}))
    said = speaks_for(sample, COLUMNS, role)
    sample.close()
    return said


@pytest.mark.parametrize(
    ("role", "because"),
    [
        ("customer_id", "no other column names customers, and they come back"),
        ("order_id", "no order has two customers"),
        ("amount", "no other column has amounts"),
        ("quantity", "the amount does not depend on it"),
    ],
)
def test_rows_that_agree_settle_a_role(role: str, because: str) -> None:
    assert speak(role) == because


def test_customers_who_never_come_back_may_be_orders() -> None:
    assert speak("customer_id", **{"buyer ref": ["a", "b", "c", "d", "e"]}) == ""


def test_an_order_with_two_customers_is_none() -> None:
    assert speak("order_id", **{"slip ref": ["1", "2", "2", "1", "3"]}) == ""


def test_two_columns_of_amounts_are_asked_about() -> None:
    assert speak("amount", freight=[1.5, 2.25, 0.75, 1.1, 3.2]) == ""
