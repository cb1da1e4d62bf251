"""Words and mailboxes that stand where nobody is known."""

import duckdb
import pytest

from holdfast.ingest.placeholders import placeholder_sql


def is_placeholder(name: str) -> bool:
    query = f"SELECT {placeholder_sql('name')} FROM (SELECT ? AS name)"
    ((answer,),) = duckdb.execute(query, [name]).fetchall()
    return bool(answer)


@pytest.mark.parametrize(
    "name",
    ["0", "Guest", " unknown ", "guest@shop.example", "no-reply@shop.example", "GUEST12@x.example",
     "noreply@x.example", "walk-in@x.example", "anonymous@x.example", "游客"],
)  # fmt: skip
def test_nobody_is_told(name: str) -> None:
    assert is_placeholder(name)


@pytest.mark.parametrize(
    "name", ["10", "K01", "ann@x.example", "guestavo@x.example", "tester.lee@x.example", "null-1"]
)
def test_somebody_is_not_taken_for_nobody(name: str) -> None:
    assert not is_placeholder(name)
