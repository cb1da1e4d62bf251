"""What came in, and how silences end: lines by week and hour, the chance of a return, the causes of
leaving.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.charts.base import WHOLE, empty, mark, number_axis, share_axis
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType

CAUSE_COLOURS = {"voluntary": "blue", "involuntary": "vermillion", "no reason given": "grey"}
UNLIKELY = 0.2
_WIDE = WIDTH - 70


def weeks(rows: Sequence[Mapping[str, Any]]) -> "ChartType":
    """Lines a week: holes and breaks in an export show here first.

    Parameters
    ----------
    rows
        One per week, in order: week (its first day, ISO), lines.
    """
    import altair as alt

    if not rows:
        return empty("calendar", "The log has no days.")
    table = pl.DataFrame(rows).with_columns(pl.col("week").str.to_date())
    area = mark(
        table,
        "area",
        color=light("blue"),
        fillOpacity=0.25,
        line={"color": light("blue")},
        interpolate="step",
    )
    drawn = area.encode(
        x=alt.X("week:T", axis={"title": None, "format": "%b %Y", "tickCount": 8}),
        y=alt.Y("lines:Q", axis=number_axis("Lines a week")),
    )
    lines = table["lines"].to_list()
    lowest, highest = formatting.count(float(min(lines))), formatting.count(float(max(lines)))
    return dressed(
        drawn.properties(width=_WIDE, height=180),
        title=f"{len(rows):,} weeks with {lowest} to {highest} lines each",
        subtitle="Accepted order lines by week; the first and the last week may be partial.",
    )


def hours(by_hour: Sequence[int], *, zone: str) -> "ChartType":
    """Lines by hour of the local day: shops sleep at night, and a wrong time zone shows."""
    import altair as alt

    total = sum(by_hour)
    if not total:
        return empty("times of day", "The log has dates, no times.")
    table = pl.DataFrame(
        {"hour": [f"{hour:02d}" for hour in range(24)], "share": [n / total for n in by_hour]}
    )
    drawn = mark(table, "bar", color=light("blue")).encode(
        x=alt.X("hour:O", axis={"title": f"Hour of the day in {zone}", "labelAngle": 0}),
        y=alt.Y("share:Q", axis=share_axis("Share of lines", format=".1~%")),
    )
    busiest = max(range(24), key=lambda hour: by_hour[hour])
    return dressed(
        drawn.properties(width=_WIDE, height=160),
        title=f"The busiest hour begins at {busiest:02d}:00",
        subtitle="Where the night looks busy, the time zone of the study is not the shop's.",
    )


def reactivation(found: Mapping[str, Any]) -> "ChartType":
    """The chance of a return by silence, the share of all returns that come later, and the
    recommended window.

    Parameters
    ----------
    found
        The churn window as plain values.
    """
    import altair as alt

    curve = found["curve"]
    if not curve:
        return empty("reactivation curve", "The log is too short to watch a silence end.")
    thinned = curve[:: max(len(curve) // 300, 1)]
    table = pl.DataFrame(thinned, infer_schema_length=None)
    x = alt.X("silence_days:Q", axis=number_axis("Days of silence so far"))
    y = alt.Y("return_probability:Q", scale=WHOLE, axis=share_axis(None))
    layers = [
        mark(table, "area", color=light("blue"), fillOpacity=0.15).encode(
            x=x, y=alt.Y("low:Q"), y2=alt.Y2("high")
        ),
        mark(table, "line", color=light("blue"), strokeWidth=2).encode(x=x, y=y),
        mark(table, "line", color=light("grey"), strokeDash=[5, 4]).encode(
            x=x, y=alt.Y("returns_later:Q")
        ),
        mark(
            pl.DataFrame({"y": [UNLIKELY]}), "rule", color=light("muted"), strokeDash=[2, 3]
        ).encode(y=alt.Y("y:Q")),
    ]
    days = found["window"]["days"]
    if days is not None:
        rule = pl.DataFrame({"silence_days": [days], "text": [f"window: {days} days"], "y": [0.95]})
        layers += [
            mark(rule, "rule", color=light("vermillion"), strokeWidth=2).encode(x=x),
            mark(rule, "text", align="left", dx=6, color=light("vermillion")).encode(
                x=x, y=alt.Y("y:Q"), text="text:N"
            ),
        ]
    horizon = formatting.plural(found["horizon_days"], "day")
    said = (
        f"After {formatting.plural(days, 'day')} of silence"
        if days is not None
        else "However long the silence,"
    )
    ending = (
        f" one in five returns within {horizon}"
        if days is not None
        else " a return stays too likely to call lost"
    )
    return dressed(
        alt.layer(*layers).properties(width=_WIDE, height=280),
        title=said + (" at most" if days is not None else "") + ending,
        subtitle=f"Solid: chance of a purchase within a further {horizon}, with 95% limits. "
        "Dashed: share of all "
        "returns that come later, and that a window there would cut off.",
    )


def causes(found: Mapping[str, Any]) -> "ChartType":
    """How many have left by when, cause by cause; stacked, the curves and those still there fill
    the whole.
    """
    import altair as alt

    rows = found.get("causes") or []
    if not rows:
        return empty("causes of leaving", "The study does not name when and why contracts ended.")
    table = pl.DataFrame(rows).select("cause", "day", "incidence")
    names = [name for name in CAUSE_COLOURS if name in table["cause"].unique().to_list()]
    colours = [light(CAUSE_COLOURS[name]) for name in names]
    drawn = mark(table, "area", fillOpacity=0.8).encode(
        x=alt.X("day:Q", axis=number_axis("Days since the first purchase")),
        y=alt.Y("incidence:Q", stack="zero", scale=WHOLE, axis=share_axis("Share that left")),
        color=alt.Color(
            "cause:N",
            scale={"domain": names, "range": colours},
            legend={"title": None, "orient": "top"},
        ),
    )
    last = max(row["day"] for row in rows)
    told = [
        f"{formatting.percent(row['incidence'], 0)} {row['cause']}"
        for row in rows
        if row["day"] == last
    ]
    return dressed(
        drawn.properties(width=_WIDE, height=240),
        title=f"After {formatting.plural(last, 'day')} have left: {formatting.listing(told)}",
        subtitle="Competing risks (Aalen and Johansen): the curves sum to all who left; what is "
        "above is still there.",
    )
