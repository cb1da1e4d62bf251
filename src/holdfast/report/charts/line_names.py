"""Names beside lines, in place of a key: each where its line runs furthest from the others."""

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Vector
from holdfast.report.charts.base import Options, mark

_PLACES, _REACH = 25, 3
"""How many places are tried, and how many of them a name reaches over to each side."""
_ALL = range(_PLACES)
_NEAR = 0.3
"""Share of the chart's width within which two names could meet, on a line of similar height."""
_BOLD: Options = {"fontWeight": "bold"}
HALO: Options = {"stroke": "panel", "strokeWidth": 4, "strokeJoin": "round"}
"""What keeps a name apart from the lines that it crosses."""


def name_lines(
    lines: pl.DataFrame, *, by: str, x: Options, y: Options, color: Options
) -> list[Options]:
    """A name for each line, above it where it lies above the others there, else below.

    Parameters
    ----------
    lines
        What is drawn: the column `by`, and those of x and y.
    x, y, color
        The channels of the lines.
    """
    places = place_names(lines, by=by, x=x["field"], y=y["field"])
    sides = {True: {"dy": -9, "baseline": "bottom"}, False: {"dy": 9, "baseline": "top"}}
    text = color | {"legend": None}
    return [
        mark("text", rows, _BOLD | sides[above] | style, x=x, y=y, color=text, text=f"{by}:N")
        for above in (True, False)
        if (rows := places.filter(pl.col("above") == above)).height
        for style in (HALO, {})
    ]


def place_names(lines: pl.DataFrame, *, by: str, x: str, y: str) -> pl.DataFrame:
    """One row a line: its name, the place (x, y), and whether the name stands above the line.

    >>> lines = pl.DataFrame({"name": ["a", "a", "b", "b"], "x": [0.0, 8.0] * 2,
    ...                       "y": [0.0, 8.0, 0.0, 2.0]})
    >>> place_names(lines, by="name", x="x", y="y").rows()
    [('a', 6.0, 6.0, True), ('b', 6.0, 1.5, False)]
    """
    drawn = lines.drop_nulls([x, y]).sort(x)
    names = drawn[by].unique(maintain_order=True).to_list()
    low, high = (float(drawn[x][end]) for end in (0, -1))
    # Off the ends of the chart, where half a name would have no room.
    at = np.linspace(low + 0.25 * (high - low), low + 0.75 * (high - low), _PLACES)
    heights = np.array([_heights(drawn.filter(pl.col(by) == name), at, x, y) for name in names])
    rows = []
    for name, line, (place, is_above) in zip(names, heights, _choose(heights), strict=True):
        x_at, y_at = at[place], line[place]
        if np.isnan(y_at):  # too short for any place: behind its end
            x_at, y_at = drawn.filter(pl.col(by) == name).select(x, y).row(-1)
        rows.append({by: name, x: float(x_at), y: float(y_at), "above": is_above})
    return pl.DataFrame(rows)


def _heights(line: pl.DataFrame, at: Vector, x: str, y: str) -> Vector:
    """The line at each place; NaN where it does not run."""
    places, values = (line[name].cast(pl.Float64).to_numpy() for name in (x, y))
    heights: Vector = np.interp(at, places, values, left=np.nan, right=np.nan)
    return heights


def _choose(heights: Matrix) -> list[tuple[int, bool]]:
    """The place of each name, and whether it stands above its line, so that no two meet."""
    span = float(np.nanmax(heights) - np.nanmin(heights)) or 1.0
    chosen: list[tuple[int, bool]] = []
    for k, line in enumerate(heights):
        others = np.delete(heights, k, axis=0)
        gaps = np.abs(others - line).min(axis=0, initial=span, where=~np.isnan(others))
        around = [gaps[max(0, place - _REACH) : place + _REACH + 1].min() for place in _ALL]
        room = np.where(np.isnan(line), -np.inf, np.array(around) / span)
        for other, (taken, _) in enumerate(chosen):
            is_near = np.abs(np.arange(_PLACES) - taken) < _NEAR * _PLACES
            meets = np.abs(line - heights[other, taken]) < _NEAR / 2 * span
            room -= is_near & meets
        place = int(np.argmax(room))
        chosen.append((place, _is_above(line[place], others[:, place])))
    return chosen


def _is_above(height: float, others: Vector) -> bool:
    """Whether the nearest of the others, if any, lies below."""
    seen = others[~np.isnan(others)]
    return not seen.size or bool(seen[np.argmin(np.abs(seen - height))] <= height)
