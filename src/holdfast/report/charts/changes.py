"""How a score got from the run before to this one, part by part."""

from collections.abc import Mapping
from functools import partial
from itertools import accumulate
from typing import Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.change_tables import HEADINGS, PARTS, change_parts
from holdfast.report.charts.axes import highest, number_axis, share_axis
from holdfast.report.charts.base import Chart, Options, by_name, field, make_chart, mark, panel
from holdfast.report.theme import WIDTH

_ENDS, _WORSE, _BETTER = "grey", "vermillion", "blue"
_ADDS = {
    "churn": "add up in points of probability; in the table the reasons add up in log-odds, too",
    "value": "add up, and so do the reasons in the table",
}
_BAR, _ROOM = 26, 1.4


def change_steps(change: Mapping[str, Any], *, currency: str) -> Chart:
    """A step per part between what was expected before and what is now.

    Parameters
    ----------
    change
        One of the tasks that `runs.changes_since` gives.
    """
    is_churn = change["task"] == "churn"
    write = formatting.percent if is_churn else partial(formatting.money, currency=currency)
    steps = _steps(change, currency)
    ways = (_WORSE, _BETTER) if is_churn else (_BETTER, _WORSE)
    color = by_name("way:N", dict(zip(("end", "up", "down"), (_ENDS, *ways), strict=True)))
    # Room for the text at the right end of the longest bar.
    ends = [min(0.0, float(steps["end"].to_numpy().min())), _ROOM * highest(steps["right"])]
    axis = share_axis(None) if is_churn else number_axis(None)
    x = field("start:Q", axis=axis, scale={"domain": ends})
    y, right = field("name:N", sort=steps["name"].to_list(), title=None), field("right:Q")
    text: Options = {"align": "left", "dx": 6}
    drawn = panel(
        mark("bar", steps, {"height": 16}, x=x, x2="end", y=y, color=color),
        mark("text", steps, text, x=right, y=y, text="text:N"),
        size=(WIDTH - 200, _BAR * steps.height),
    )
    before, now = write(change["before"]), write(change["after"])
    title = f"{HEADINGS[change['task']]}: {before} before, {now} now"
    table = change_parts(change, currency=currency)
    return make_chart("change_steps", drawn, table, title=title, adds=_ADDS[change["task"]])


def _steps(change: Mapping[str, Any], currency: str) -> pl.DataFrame:
    """One row per bar: name, start, end, right (its larger end), way, text."""
    is_churn = change["task"] == "churn"
    write = formatting.percent if is_churn else partial(formatting.money, currency=currency)
    moves = [part["points"] for part in change["parts"]]
    at = list(accumulate(moves, initial=change["before"]))
    rows: list[tuple[str, float, float, str, str]] = [
        ("Before", 0.0, change["before"], "end", write(change["before"]))
    ]
    for part, moved, start in zip(change["parts"], moves, at, strict=False):
        text = _write_signed(moved, currency=None if is_churn else currency)
        way = "up" if moved > 0 else "down"
        rows.append((PARTS[part["part"]], start, start + moved, way, text))
    rows.append(("Now", 0.0, change["after"], "end", write(change["after"])))
    table = pl.DataFrame(rows, schema=["name", "start", "end", "way", "text"], orient="row")
    return table.with_columns(right=pl.max_horizontal("start", "end"))


def _write_signed(moved: float, *, currency: str | None) -> str:
    sign = "+" if moved >= 0 else formatting.MINUS
    if currency is None:
        return f"{sign}{formatting.decimal(abs(100 * moved), 1)} points"
    return f"{sign}{formatting.money(abs(moved), currency)}"
