"""An expression means the same whatever type a file gives its columns."""

import duckdb
import pytest

from holdfast.errors import StudyError
from holdfast.ingest import sql

TEXT = {name: sql.Field(f'"{name}"', "VARCHAR") for name in ("Invoice", "Recency", "Price")}


def answer(expression: str, row: str) -> object:
    with duckdb.connect() as connection, sql.strict_arithmetic(connection):
        return connection.execute(f"SELECT {expression} FROM (SELECT {row})").fetchall()[0][0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Recency > 90", True),
        ("Recency > 900", False),
        ("Recency > '90'", False),
        ("Recency IN (100, 5)", True),
        ("Recency BETWEEN 99 AND 101", True),
        ("Recency + Price = 102.5", True),
        ("-Recency < -99", True),
        ("COALESCE(Price, 0) < 3", True),
        ("Invoice LIKE 'C%'", True),
        ("lower(Invoice) = 'c1'", True),
        ("CASE WHEN Recency > 90 THEN 'old' ELSE Invoice END = 'old'", True),
        ("CAST(Recency AS INTEGER) = 100", True),
        ("CAST(Invoice AS INTEGER) = 1", None),
        ("ln(Recency - 100) > 0", None),
        ("1 / (Recency - 100) > 0", None),
        ("sqrt(0 - Recency) IS NULL", None),
        ("Invoice > 5", None),
    ],
)
def test_text_and_numbers_give_the_same_answer(text: str, expected: bool | None) -> None:
    as_text = "'C1' AS \"Invoice\", '100' AS \"Recency\", ' 2.5' AS \"Price\""
    as_numbers = '\'C1\' AS "Invoice", 100::INTEGER AS "Recency", 2.5::DOUBLE AS "Price"'
    typed = TEXT | {
        "Recency": sql.Field('"Recency"', "INTEGER"),
        "Price": sql.Field('"Price"', "DOUBLE"),
    }
    assert answer(sql.expression(text, TEXT), as_text) is expected
    assert answer(sql.expression(text, typed), as_numbers) is expected


def test_an_unknown_column_is_named_with_the_nearest() -> None:
    with pytest.raises(StudyError, match="did you mean 'Recency'"):
        sql.expression("Recencyy > 90", TEXT)


@pytest.mark.parametrize(
    ("written", "point", "comma"),
    [
        ("1.5", 1.5, None),
        ("1,5", None, 1.5),
        ("1,234.5", 1234.5, None),
        ("1.234,5", None, 1234.5),
        ("12,34.5", None, None),
        (" -7 ", -7.0, -7.0),
        (".5", 0.5, None),
        ("1e3", 1000.0, 1000.0),
        ("1_000", None, None),
        ("0x1F", None, None),
        ("nan", None, None),
        ("Infinity", None, None),
        ("1e999", None, None),
        ("", None, None),
        ("€5", None, None),
    ],
)
def test_a_number_is_read_by_its_decimal_sign(
    written: str, point: float | None, comma: float | None
) -> None:
    row = f"'{written}' AS x"
    assert answer(sql.number(sql.Field("x", "VARCHAR")), row) == point
    assert answer(sql.number(sql.Field("x", "VARCHAR"), decimal=","), row) == comma


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        ("12345.0", "DOUBLE", "12345"),
        ("12345.5", "DOUBLE", "12345.5"),
        ("'nan'", "DOUBLE", None),
        ("12345", "INTEGER", "12345"),
        ("12345.00", "DECIMAL(10,2)", "12345"),
        ("'0012'", "VARCHAR", "0012"),
        ("'ab'", "BLOB", "ab"),
    ],
)
def test_an_id_is_shown_as_the_source_shows_it(value: str, kind: str, shown: str | None) -> None:
    assert answer(sql.text(sql.Field("x", kind)), f"CAST({value} AS {kind}) AS x") == shown


def is_placeholder(name: str) -> bool:
    query = f"SELECT {sql.placeholder_sql('name')} FROM (SELECT ? AS name)"
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
