"""A table is described once, and the page, Markdown and the terminal show the same cells."""

import re
from io import StringIO

import polars as pl
from rich.console import Console

from holdfast.report.pages import to_html
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table, to_markdown, to_rich

ROWS = pl.DataFrame(
    {
        "customer_id": ["<b>A</b>", "B|C\x00"],
        "expected_revenue": [1234.5, None],
        "churn_probability": [0.5, 0.125],
        "low": [0.1, None],
        "high": [0.2, None],
        "first_day": [10, 11],
    }
)
NAMES = "customer_id expected_revenue churn_probability interval_95 first_day"


def customers() -> Table:
    return make_table("Customers", ROWS, NAMES, currency="EUR")


def on_a_terminal(table: Table, width: int = 80) -> list[str]:
    out = StringIO()
    Console(file=out, width=width).print(to_rich(table))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_cells_are_written_as_their_columns_say() -> None:
    assert customers().cells == [
        ["<b>A</b>", "€1,234", "50.0%", "10.0% to 20.0%", "11 Jan 1970"],
        ["B|C\x00", "n/a", "12.5%", "n/a", "12 Jan 1970"],
    ]


def test_a_column_that_nobody_knows_is_called_and_written_as_it_is() -> None:
    rows = [{"days open": 1500, "is_closed": True}, {"days open": None, "is_closed": False}]
    table = make_table("", rows)
    assert [col.heading for col in table.columns] == ["Days open", "Is closed"]
    assert table.cells == [["1,500", "yes"], ["n/a", "no"]]


def test_a_name_may_say_how_it_is_written() -> None:
    table = make_table("", [{"group": "all", "part": 0.25}], "group part:whole_percent")
    assert table.cells == [["all", "25%"]]


def test_a_metric_is_written_in_its_own_unit() -> None:
    rows = [{"metric": "wape", "mean": 0.5}, {"metric": "rmse", "mean": 12.0}]
    table = make_table("", rows, "metric mean:metric", currency="EUR")
    assert table.cells == [["WAPE", "50.0%"], ["RMSE", "€12"]]


def test_what_is_missing_beside_a_figure_leaves_the_figure_alone() -> None:
    col = Col("wape", kind="percent", pattern="{wape} ({naive})")
    rows = [{"wape": 0.5, "naive": 0.75}, {"wape": 0.5}, {"naive": 0.75}]
    assert make_table("", rows, col).cells == [["50.0% (75.0%)"], ["50.0%"], ["n/a"]]


def test_figures_stand_to_the_right_and_what_names_the_row_to_the_left() -> None:
    assert customers().is_number == [False, True, True, True, False]
    assert make_table("", [{"tenth": 1, "customers": 5}]).is_number == [False, True]


def test_on_a_page_nothing_from_the_data_is_markup() -> None:
    html = to_html(customers())
    assert "&lt;b&gt;A&lt;/b&gt;" in html
    assert "<b>" not in html
    assert "\x00" not in html
    assert re.findall(r'<th scope="(\w+)"', html) == ["col"] * 5 + ["row"] * 2
    assert html.count('data-label="Expected revenue" class="n"') == 2


def test_in_markdown_every_row_has_as_many_cells() -> None:
    caption, _, *lines = to_markdown(customers()).splitlines()
    assert caption == "**Customers**"
    assert lines[1] == "| --- | ---: | ---: | ---: | --- |"
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {6}


def test_on_a_terminal_the_cells_are_the_same() -> None:
    lines = on_a_terminal(customers(), width=200)
    assert lines[0] == "Customers"
    cells = re.split(" {2,}", lines[-2])
    assert cells == customers().cells[0]


def test_on_a_narrow_terminal_figures_and_days_stay_whole() -> None:
    rows = [{"reason": "a long sentence " * 9, "rows": 1234567, "first_day": 10}]
    text = "\n".join(on_a_terminal(make_table("", rows, "reason rows first_day"), width=50))
    assert "1,234,567" in text
    assert "11 Jan 1970" in text


def test_on_a_narrow_terminal_what_names_the_row_stays_whole() -> None:
    rows = [{"key": "transactions.columns.customer_id", "value": "id", "because": "a reason " * 9}]
    lines = on_a_terminal(make_table("", rows))
    assert any(line.startswith("transactions.columns.customer_id ") for line in lines)


def test_without_rows_nothing_is_shown() -> None:
    table = make_table("Nothing", [], "customer_id")
    assert (to_html(table), to_markdown(table)) == ("", "")
