"""How silences end: the chance of a return, and the causes of leaving."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.charts.axes import KEY, WHOLE, number_axis, share_axis
from holdfast.report.charts.base import BLUE, Chart, by_name, empty, field, mark, panel, rule
from holdfast.report.data_tables import churn_window_tables
from holdfast.report.theme import WIDTH

CAUSE_COLOURS = {"voluntary": "blue", "involuntary": "vermillion", "no reason given": "grey"}
UNLIKELY = 0.2
_WIDE = WIDTH - 70


def reactivation(window: Mapping[str, Any]) -> Chart:
    """The chance of a return by silence, the share of all returns that come later, and the
    recommended window.

    Parameters
    ----------
    window
        The churn window as plain values.
    """
    curve, days = window["curve"], window["window"]["days"]
    if not curve:
        return empty("reactivation curve", "The log is too short to watch a silence end.")
    table = pl.DataFrame(curve[:: max(len(curve) // 300, 1)], infer_schema_length=None)
    x = field("silence_days:Q", axis=number_axis("Days of silence so far"))
    y = field("return_probability:Q", scale=WHOLE, axis=share_axis(None))
    dashed = {"color": "grey", "strokeDash": [5, 4]}
    marks = [
        mark("area", table, BLUE | {"fillOpacity": 0.15}, x=x, y="low:Q", y2="high"),
        mark("line", table, BLUE | {"strokeWidth": 2}, x=x, y=y),
        mark("line", table, dashed, x=x, y="returns_later:Q"),
        rule("y", UNLIKELY, strokeDash=[2, 3]),
    ]
    horizon = formatting.plural(window["horizon_days"], "day")
    title = "However long the silence, a return stays too likely to call lost"
    if days is not None:
        line = pl.DataFrame({"silence_days": [days], "text": [f"window: {days} days"], "y": [0.95]})
        text = {"align": "left", "dx": 6, "color": "vermillion"}
        marks.append(mark("rule", line, {"color": "vermillion", "strokeWidth": 2}, x=x))
        marks.append(mark("text", line, text, x=x, y="y:Q", text="text:N"))
        silence = formatting.plural(days, "day")
        title = f"After {silence} of silence at most one in five returns within {horizon}"
    what = (
        f"Solid: chance of a purchase within a further {horizon}, with 95% limits. "
        "Dashed: share of all "
        "returns that come later, and that a window there would cut off."
    )
    tradeoff = churn_window_tables(window)["tradeoff"]
    return Chart(panel(*marks, size=(_WIDE, 280)), title, what, tradeoff)


def causes(window: Mapping[str, Any]) -> Chart:
    """How many have left by when, cause by cause; stacked, the curves and those still there fill
    the whole.
    """
    rows = window.get("causes") or []
    if not rows:
        return empty("causes of leaving", "The study does not name when and why contracts ended.")
    table = pl.DataFrame(rows).select("cause", "day", "incidence")
    present, last = set(table["cause"]), max(row["day"] for row in rows)
    colours = {name: colour for name, colour in CAUSE_COLOURS.items() if name in present}
    x = field("day:Q", axis=number_axis("Days since the first purchase"))
    y = field("incidence:Q", stack="zero", scale=WHOLE, axis=share_axis("Share that left"))
    areas = mark(
        "area", table, {"fillOpacity": 0.8}, x=x, y=y, color=by_name("cause:N", colours, KEY)
    )
    latest = table.filter(pl.col("day") == last)
    shares = [f"{formatting.percent(share, 0)} {cause}" for cause, _, share in latest.iter_rows()]
    title = f"After {formatting.plural(last, 'day')} have left: {formatting.listing(shares)}"
    what = (
        "Competing risks (Aalen and Johansen): the curves sum to all who left; "
        "what is above is still there."
    )
    listed = churn_window_tables(window)["causes"]
    return Chart(panel(areas, size=(_WIDE, 240)), title, what, listed)
