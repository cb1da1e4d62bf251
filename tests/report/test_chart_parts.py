"""What charts are made of: marks in Vega-Lite's words, axes, and values as text."""

import re
from inspect import getmodule, getsource
from types import ModuleType

import polars as pl
import pytest

from holdfast.report import charts
from holdfast.report.charts.axes import highest, panel_title, text_axis, total, words
from holdfast.report.charts.base import (
    WORDS,
    by_name,
    diagonal,
    empty,
    make_chart,
    mark,
    no_chart,
    panel,
    rule,
)
from holdfast.report.theme import COLOURS, WIDTH, light

TABLE = pl.DataFrame({"day": [1, 2], "revenue": [5.0, 7.5]})


def test_a_mark_is_a_table_a_style_in_the_palettes_colours_and_its_channels() -> None:
    drawn = mark("bar", TABLE, {"color": "blue", "size": 3}, x="day:Q", y="revenue:Q", opacity=1)
    assert drawn["data"] is TABLE
    assert drawn["mark"] == {"type": "bar", "color": light("blue"), "size": 3}
    assert drawn["encoding"] == {
        "x": {"field": "day", "type": "quantitative"},
        "y": {"field": "revenue", "type": "quantitative"},
        "opacity": {"value": 1},
    }


def test_a_panel_of_several_marks_lays_them_upon_one_another() -> None:
    one, other = rule("x", 3), diagonal("muted")
    assert panel(one, size=(10, 20)) == one | {"width": 10, "height": 20}
    assert panel(one, other, size=(10, 20), title="a") == {
        "layer": [one, other], "width": 10, "height": 20, "title": "a",
    }  # fmt: skip
    assert one["data"].to_dict(as_series=False) == {"x": [3.0]}


def test_an_empty_chart_says_what_is_missing_and_why() -> None:
    chart = empty("cohorts", "Nobody bought twice.")
    assert chart.title == "No cohorts to show"
    assert chart.reason == "Nobody bought twice."
    assert chart.panel["width"] == WIDTH


NAMED = [name for name in WORDS if name != "reasons"]


@pytest.mark.parametrize("name", NAMED)
def test_words_are_those_of_a_chart_which_gives_every_reason_that_they_name(name: str) -> None:
    chart = getattr(charts, name)
    module = getmodule(chart)
    assert isinstance(module, ModuleType)
    source = getsource(module)
    assert f'make_chart("{name}"' in source
    given = re.findall(rf'no_chart\("{name}", "(\w+)"', getsource(chart).replace("\n", ""))
    words = {"of", "title", "what", "caption", "columns", "churn", "value"}
    assert set(WORDS[name]) - words <= {*given, "short"}
    assert all(why in WORDS[name] or why in WORDS["reasons"] for why in given)


def test_a_chart_is_titled_with_its_facts_and_lists_the_rows_that_its_words_describe() -> None:
    rows = pl.DataFrame({"source": ["orders"], "reason": ["no date"], "rows": [7]})
    chart = make_chart("unused_rows", {}, rows, rows="7 rows", were="were")
    assert chart.title == "7 rows were not used"
    assert chart.table is not None
    assert (chart.table.caption, chart.table.cells) == (
        "Rows not used",
        [["orders", "no date", "7"]],
    )
    assert make_chart("unused_rows", {}, title="None {was} used").title == "None {was} used"


def test_a_reason_that_several_charts_have_is_written_once() -> None:
    assert no_chart("risk_bands", "nobody").reason == WORDS["reasons"]["nobody"]
    assert no_chart("reason_bars", "no_effect", outcome="who leaves").title == (
        "No reasons for who leaves to show"
    )


def test_names_get_the_palettes_colours_and_other_values_as_they_are() -> None:
    channel = by_name("who:N", {"model": "blue", "baseline": "square"})
    assert channel["scale"] == {
        "domain": ["model", "baseline"],
        "range": [COLOURS["blue"][0], "square"],
    }


def test_an_axis_of_texts_says_nothing_between_its_places() -> None:
    axis = text_axis({0.0: "none", 1.0: "all"}, title=None)
    assert axis["values"] == [0.0, 1.0]
    assert axis["labelExpr"] == (
        "abs(datum.value - 0.0) < 1e-6 ? 'none' : abs(datum.value - 1.0) < 1e-6 ? 'all' : ''"
    )


def test_a_panels_subtitle_is_left_out_where_there_is_none() -> None:
    assert "subtitle" not in panel_title("Orders")
    assert panel_title("Orders", "by week")["subtitle"] == "by week"


def test_values_are_written_one_by_one_and_nothing_adds_up_to_0() -> None:
    assert words([1, 2], lambda value, unit: f"{value} {unit}", "days").to_list() == [
        "1 days",
        "2 days",
    ]
    assert highest(TABLE["revenue"]) == 7.5
    assert total(TABLE["revenue"]) == 12.5
    assert highest(TABLE["revenue"].head(0)) == total(TABLE["revenue"].head(0)) == 0.0
