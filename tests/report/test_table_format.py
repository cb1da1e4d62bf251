"""A table is data, written alike for a page, for Markdown and for a terminal."""

import io

import polars as pl
from rich.console import Console

from holdfast.report.table_columns import Col
from holdfast.report.table_format import make_table, to_html, to_markdown, to_rich

ROWS = pl.DataFrame(
    {
        "customer_id": ["<b>a</b>", "b|c\nd"],
        "churn_probability": [0.1234, None],
        "expected_revenue": [1_234.5, -9.0],
        "cutoff_day": [19_723, 19_724],
    }
)


def table(caption: str = "Customers"):  # type: ignore[no-untyped-def]
    columns = "customer_id churn_probability expected_revenue cutoff_day"
    return make_table(caption, ROWS, columns, currency="USD")


def test_cells_are_written_by_the_kind_of_their_column() -> None:
    assert [col.heading for col in table().columns] == [
        "Customer",
        "Churn probability",
        "Expected revenue",
        "Cutoff",
    ]
    assert table().cells == [
        ["<b>a</b>", "12.3%", "$1,234", "1 Jan 2024"],
        ["b|c\nd", "n/a", "−$9", "2 Jan 2024"],  # noqa: RUF001
    ]
    assert table().is_number == [False, True, True, False]


def test_a_column_may_be_written_in_another_way_or_be_described_on_the_spot() -> None:
    rows = [{"share": 0.256, "odd_name": 3, "word": "x"}]
    written = make_table("", rows, "share:whole_percent", Col("odd_name", "Odd"), "word")
    assert [col.heading for col in written.columns] == ["Share", "Odd", "Word"]
    assert written.cells == [["26%", "3", "x"]]


def test_without_columns_all_that_the_rows_have_are_shown() -> None:
    assert make_table("", [{"task": "churn", "n_left": 2}]).cells == [["churn", "2"]]


def test_nothing_from_the_data_is_markup() -> None:
    html = to_html(table("A & B"))
    assert "&lt;b&gt;a&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "<caption>A &amp; B</caption>" in html
    assert '<td role="cell" data-label="Expected revenue" class="n">' in html
    assert "\x00" not in to_html(make_table("", [{"word": "a\x00b"}]))


def test_markdown_is_one_line_a_row() -> None:
    assert to_markdown(table()).splitlines() == [
        "**Customers**",
        "",
        "| Customer | Churn probability | Expected revenue | Cutoff |",
        "| --- | ---: | ---: | --- |",
        "| \\<b\\>a\\</b\\> | 12.3% | $1,234 | 1 Jan 2024 |",
        "| b\\|c d | n/a | −$9 | 2 Jan 2024 |",  # noqa: RUF001
    ]


def test_a_terminal_shows_the_same_cells() -> None:
    out = io.StringIO()
    Console(file=out, width=100).print(to_rich(table()))
    shown = out.getvalue()
    assert "<b>a</b>" in shown
    assert "$1,234" in shown


def test_without_rows_there_is_no_table() -> None:
    empty = make_table("Customers", ROWS.clear(), "customer_id")
    assert (to_html(empty), to_markdown(empty)) == ("", "")
