"""Names beside lines: each on its own line, none on another."""

import polars as pl

from holdfast.report.charts.line_names import place_names


def _lines(**heights: list[float]) -> pl.DataFrame:
    parts = [
        pl.DataFrame({"name": name, "x": [float(k) for k in range(len(ys))], "y": ys})
        for name, ys in heights.items()
    ]
    return pl.concat(parts)


def _placed(lines: pl.DataFrame) -> dict[str, dict[str, float | bool]]:
    rows = place_names(lines, by="name", x="x", y="y").to_dicts()
    return {row.pop("name"): row for row in rows}


def test_a_name_stands_on_its_line_on_the_side_away_from_the_nearest_other() -> None:
    placed = _placed(_lines(upper=[0.0, 10.0, 20.0], lower=[0.0, 1.0, 2.0]))
    assert placed["upper"]["y"] == 10 * placed["upper"]["x"]
    assert placed["lower"]["y"] == placed["lower"]["x"]
    assert (placed["upper"]["above"], placed["lower"]["above"]) == (True, False)


def test_names_of_lines_that_nearly_coincide_stand_apart() -> None:
    placed = _placed(_lines(a=[100.0, 100.0], b=[99.0, 99.0], far=[0.0, 0.0]))
    assert abs(placed["a"]["x"] - placed["b"]["x"]) > 0.15


def test_a_line_that_ends_early_is_named_where_it_runs() -> None:
    placed = _placed(_lines(long=[5.0, 4.0, 3.0, 2.0, 1.0], short=[5.0, 5.0]))
    assert placed["short"]["x"] <= 1
    assert placed["short"]["y"] == 5


def test_a_line_too_short_for_a_place_is_named_behind_its_end() -> None:
    placed = _placed(_lines(long=[0.0] * 21, short=[3.0, 4.0]))
    assert (placed["short"]["x"], placed["short"]["y"]) == (1.0, 4.0)


def test_a_line_alone_has_its_name_above() -> None:
    assert _placed(_lines(alone=[1.0, 2.0]))["alone"]["above"]
