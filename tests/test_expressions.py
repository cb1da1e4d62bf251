"""Expressions: a row's own columns, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import faults_expressions
from holdfast.errors import StudyError
from holdfast.expressions import DEEPEST, LONGEST, parse, quote
from holdfast.io.warehouse import memory_database


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


def test_no_way_past_the_list_passes_and_honest_expressions_keep_their_values() -> None:
    assert [row["holds"] for row in faults_expressions.expressions()] == [True] * 4


@pytest.mark.parametrize(
    "name",
    [
        *("CHAR", "VARCHAR(10)", "TEXT", "STRING", "NUMERIC", "DECIMAL(10, 2)", "REAL", "FLOAT"),
        *("DOUBLE PRECISION", "BOOL", "TINYINT", "INT2", "INTEGER", "LONG", "HUGEINT", "UBIGINT"),
        *("DATE", "TIME", "DATETIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP WITH TIME ZONE"),
        *("TIMETZ", "UUID"),
    ],
)
def test_a_cast_to_a_common_type_is_what_the_database_computes(name: str) -> None:
    sql = parse(f"TRY_CAST(x AS {name})").sql
    with memory_database() as database:
        rows = database.execute(f"SELECT {sql} FROM (SELECT CAST(NULL AS VARCHAR) AS x)")
        assert rows.fetchall() == [(None,)]


def test_what_is_executed_is_the_tree_that_was_checked() -> None:
    expression = parse("x /* SELECT 1 */ > 90 -- and more")
    assert expression.sql == '"x" > 90'
    assert expression.tree().sql(dialect="duckdb") == expression.sql


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("'" + "a" * LONGEST + "' = x", f"{LONGEST + 6:,} characters, more than {LONGEST:,}"),
        (" OR ".join(["x = 1"] * (DEEPEST + 1)), f"more than {DEEPEST} levels deep"),
        ("(" * 3000 + "x" + ")" * 3000, f"more than {DEEPEST} levels deep"),
        ('CAST(x AS "int")', "a type in quotes"),
        ("CAST(x AS INT[])", "casts to 'array'"),
        ("CAST(x AS JSON)", "casts to 'json'"),
    ],
    ids=["long", "a chain", "nested", "quoted type", "array", "json"],
)
def test_the_bounds_of_an_expression_are_said(text: str, reason: str) -> None:
    with pytest.raises(StudyError, match=reason) as raised:
        parse(text)
    assert raised.value.fix
    assert len(str(raised.value)) < 500


def test_as_many_terms_as_are_allowed_pass() -> None:
    assert parse(" OR ".join(["x = 1"] * (DEEPEST - 3))).columns == ("x",)
    assert parse(f"x IN ({', '.join(map(str, range(3000)))})").columns == ("x",)


def test_an_unknown_column_names_the_nearest() -> None:
    with pytest.raises(
        StudyError, match="reads a column 'Recensy' that is not there; did you mean 'Recency'"
    ):
        parse("Recensy > 90").against(["Recency", "Frequency"])


@settings(deadline=None)
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
