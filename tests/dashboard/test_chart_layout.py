"""A chart of several panels on a page: each panel a chart of its own."""

from typing import Any

from holdfast.dashboard.chart_layout import rows_of_panels

SHARED: dict[str, Any] = {"config": {"font": "x"}, "datasets": {"a": [{"n": 1}], "b": []}}


def panel(table: str, **y: Any) -> dict[str, Any]:
    return {"data": {"name": table}, "mark": "bar", "encoding": {"y": {"type": "nominal", **y}}}


def test_one_panel_stays_one_chart() -> None:
    assert rows_of_panels(SHARED | panel("a")) == [
        [{"config": {"font": "x"}, "datasets": {"a": [{"n": 1}]}, **panel("a")}]
    ]


def test_panels_side_by_side_are_one_row_each_with_its_own_data() -> None:
    ((first, second),) = rows_of_panels(SHARED | {"hconcat": [panel("a"), panel("b")]})
    assert (list(first["datasets"]), list(second["datasets"])) == (["a"], ["b"])
    assert first["config"] == second["config"] == {"font": "x"}


def test_a_panel_that_left_the_names_to_its_neighbour_gets_its_own() -> None:
    sides = [panel("a", axis={"minExtent": 9}), panel("b", axis=None)]
    ((_, second),) = rows_of_panels(SHARED | {"hconcat": sides})
    assert "axis" not in second["encoding"]["y"]
    assert sides[1]["encoding"]["y"]["axis"] is None
    unnamed = [panel("a", axis=None), panel("b", axis=None)]
    ((_, second),) = rows_of_panels(SHARED | {"hconcat": unnamed})
    assert second["encoding"]["y"]["axis"] is None


def test_panels_upon_one_another_are_rows_and_those_in_columns_break() -> None:
    high = rows_of_panels(SHARED | {"vconcat": [panel("a"), {"hconcat": [panel("a"), panel("b")]}]})
    assert [len(row) for row in high] == [1, 2]
    three = SHARED | {"concat": [panel("a"), panel("b"), panel("a")], "columns": 2}
    assert [len(row) for row in rows_of_panels(three)] == [2, 1]
