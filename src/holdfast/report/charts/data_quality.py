"""The inputs: lines by week and hour, days without a purchase, and rows that were left out; and
how silences end.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from holdfast.report import chart_data, formatting
from holdfast.report.charts.axes import highest, number_axis, share_axis, total
from holdfast.report.charts.base import (
    Chart,
    by_name,
    field,
    make_chart,
    mark,
    no_chart,
    panel,
    rule,
)
from holdfast.report.data_tables import churn_window_tables
from holdfast.report.theme import BLUE, DAYS, HIDDEN, KEY, WHOLE, WIDTH, light

_WIDE = WIDTH - 70


def weeks(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Lines a week: holes and breaks in an export show here first.

    Parameters
    ----------
    rows
        One per week, in order: week (its first day, ISO), lines.
    """
    if not rows:
        return no_chart("weeks", "no_days")
    table = pl.DataFrame(rows).with_columns(pl.col("week").str.to_date())
    style = BLUE | {"fillOpacity": 0.25, "line": {"color": light("blue")}, "interpolate": "step"}
    x = field("week:T", axis={"title": None, "format": "%b %Y", "tickCount": 8})
    area = mark("area", table, style, x=x, y=field("lines:Q", axis=number_axis("Lines a week")))
    least, most = (formatting.count(end(table["lines"])) for end in (min, max))
    drawn, n = panel(area, size=(_WIDE, 180)), formatting.count(len(rows))
    return make_chart("weeks", drawn, weeks=n, least=least, most=most)


def hours(by_hour: Sequence[int], *, zone: str) -> Chart:
    """Lines by hour of the local day: shops sleep at night, and a wrong time zone shows."""
    n_lines = sum(by_hour)
    if not n_lines:
        return no_chart("hours", "no_times")
    shares = [n / n_lines for n in by_hour]
    table = pl.DataFrame({"hour": [f"{hour:02d}" for hour in range(24)], "share": shares})
    x = field("hour:O", axis={"title": f"Hour of the day in {zone}", "labelAngle": 0})
    y = field("share:Q", axis=share_axis("Share of lines", format=".1~%"))
    bars = panel(mark("bar", table, BLUE, x=x, y=y), size=(_WIDE, 160))
    return make_chart("hours", bars, hour=shares.index(max(shares)))


def purchases_by_week(days: pl.DataFrame, *, currency: str) -> Chart:
    """Purchases of each week; stretches of two days or more on which nobody bought are marked."""
    table, quiet = chart_data.weeks(days), chart_data.silent_stretches(days)
    if table.is_empty():
        return no_chart("purchases_by_week", "short")
    table = table.with_columns(when=pl.col("week_start_day").cast(pl.Date))
    gaps = quiet.select(
        start=pl.col("first_day").cast(pl.Date), end=(pl.col("last_day") + 1).cast(pl.Date)
    )
    x, y = field("when:T", axis=DAYS), field("purchases:Q", axis=number_axis("Purchases a week"))
    tips = [field("when:T", format="%d %b %Y"), field("purchases:Q", format=",")]
    drawn = panel(
        mark("rect", gaps, {"color": "vermillion", "fillOpacity": 0.35}, x="start:T", x2="end"),
        mark("line", table, BLUE | {"strokeWidth": 1.5}, x=x, y=y, tooltip=tips),
        size=(WIDTH - 80, 200),
    )
    stretches = "1 stretch" if quiet.height == 1 else f"{formatting.count(quiet.height)} stretches"
    n_silent = formatting.plural(int(total(quiet["days"])), "day")
    title = "" if quiet.height else "There is no stretch of two days without a purchase"
    facts = {"title": title, "days": n_silent, "stretches": stretches}
    return make_chart("purchases_by_week", drawn, table.tail(26), currency=currency, **facts)


def unused_rows(reasons: pl.DataFrame) -> Chart:
    """Why rows were not used.

    Parameters
    ----------
    reasons
        source, reason, rows.
    """
    if reasons.is_empty():
        return no_chart("unused_rows", "all_used")
    table = reasons.sort("rows", descending=True).head(12)
    table = table.with_columns(row=pl.format("{}: {}", "source", "reason"))
    x = field("rows:Q", axis=HIDDEN, scale={"domain": [0, 1.2 * highest(table["rows"])]})
    y = field("row:N", sort=table["row"].to_list(), title=None, axis={"labelLimit": 300})
    bars = panel(
        mark("bar", table, {"color": "grey", "height": 16}, x=x, y=y),
        mark("text", table, {"align": "left", "dx": 6}, x=x, y=y, text=field("rows:Q", format=",")),
        size=(WIDTH - 320, 28 * table.height),
    )
    n = int(total(reasons["rows"]))
    rows, were = formatting.plural(n, "row"), formatting.verb(n, "was", "were")
    return make_chart("unused_rows", bars, reasons, rows=rows, were=were)


CAUSE_COLOURS = {"voluntary": "blue", "involuntary": "vermillion", "no reason given": "grey"}
UNLIKELY = 0.2


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
        return no_chart("reactivation", "short")
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
    title = ""
    if days is not None:
        line = pl.DataFrame({"silence_days": [days], "text": [f"window: {days} days"], "y": [0.95]})
        text = {"align": "left", "dx": 6, "color": "vermillion"}
        marks.append(mark("rule", line, {"color": "vermillion", "strokeWidth": 2}, x=x))
        marks.append(mark("text", line, text, x=x, y="y:Q", text="text:N"))
        silence = formatting.plural(days, "day")
        title = f"After {silence} of silence at most one in five returns within {horizon}"
    drawn, tradeoff = panel(*marks, size=(_WIDE, 280)), churn_window_tables(window)["tradeoff"]
    return make_chart("reactivation", drawn, tradeoff, title=title, horizon=horizon)


def causes(window: Mapping[str, Any]) -> Chart:
    """How many have left by when, cause by cause; stacked, the curves and those still there fill
    the whole.
    """
    rows = window.get("causes") or []
    if not rows:
        return no_chart("causes", "unnamed")
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
    drawn, listed = panel(areas, size=(_WIDE, 240)), churn_window_tables(window)["causes"]
    facts = {"days": formatting.plural(last, "day"), "shares": formatting.listing(shares)}
    return make_chart("causes", drawn, listed, **facts)
