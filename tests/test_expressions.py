"""Expressions: a row's own columns, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import StudyError
from holdfast.expressions import parse, quote


@pytest.mark.parametrize(
    ("text", "sql", "columns"),
    [
        ("Recency > 90", '"Recency" > 90', ("Recency",)),
        (
            "Monetary * ln(1 + Frequency)",
            '"Monetary" * LN(1 + "Frequency")',
            ("Monetary", "Frequency"),
        ),
        ("StockCode IN ('POST', 'D') OR StockCode LIKE 'TEST%'", None, ("StockCode",)),
        ("a NOT IN (1, 2) AND b IS NOT NULL", None, ("a", "b")),
        ("CASE WHEN a > 1 THEN 2 ELSE 3 END", None, ("a",)),
        ('"Customer ID" = 3', '"Customer ID" = 3', ("Customer ID",)),
        ("TRY_CAST(a AS DOUBLE) BETWEEN -1 AND 1", None, ("a",)),
    ],
)
def test_columns_constants_and_arithmetic_pass(
    text: str, sql: str | None, columns: tuple[str, ...]
) -> None:
    expression = parse(text)
    assert expression.columns == columns
    assert sql in (None, expression.sql)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "x; DROP TABLE y",
        "x IN (SELECT 1)",
        "(SELECT 1)",
        "EXISTS (SELECT 1)",
        "read_csv('/etc/passwd')",
        "getenv('HOME')",
        "a.b > 1",
        "sum(x) > 1",
        "row_number() OVER ()",
        "random() > 0.5",
        "current_date",
        "x[1]",
        "*",
        "SELECT 1",
        "COPY x TO 'y'",
        "x = ?",
        "x = $1",
        "pragma_version()",
        "list_transform(x, y -> y)",
        "x COLLATE de",
        "(" * 3000 + "1" + ")" * 3000,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(StudyError):
        parse(text)


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(
        StudyError, match="reads a column 'Recensy' that is not there; did you mean 'Recency'"
    ):
        parse("Recensy > 90").against(["Recency", "Frequency"])


@given(st.text(max_size=60))
def test_no_text_gets_through_unparsed(text: str) -> None:
    try:
        expression = parse(text)
    except StudyError:
        return
    assert parse(expression.sql).sql == expression.sql


@given(st.text(min_size=1, max_size=30).filter(lambda name: "\0" not in name))
def test_a_quoted_name_is_only_ever_a_name(name: str) -> None:
    written = quote(name)
    assert written[0] == written[-1] == '"'
    assert written[1:-1].replace('""', "") == name.replace('"', "")
