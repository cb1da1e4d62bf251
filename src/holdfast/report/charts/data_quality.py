"""What came in: lines by week and hour, days without a purchase, and rows that were left out."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from holdfast.report import chart_data, formatting
from holdfast.report.charts.axes import DAYS, HIDDEN, highest, number_axis, share_axis, total
from holdfast.report.charts.base import BLUE, Chart, empty, field, mark, panel
from holdfast.report.table_format import make_table
from holdfast.report.theme import WIDTH, light

_WIDE = WIDTH - 70


def weeks(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Lines a week: holes and breaks in an export show here first.

    Parameters
    ----------
    rows
        One per week, in order: week (its first day, ISO), lines.
    """
    if not rows:
        return empty("calendar", "The log has no days.")
    table = pl.DataFrame(rows).with_columns(pl.col("week").str.to_date())
    style = BLUE | {"fillOpacity": 0.25, "line": {"color": light("blue")}, "interpolate": "step"}
    x = field("week:T", axis={"title": None, "format": "%b %Y", "tickCount": 8})
    area = mark("area", table, style, x=x, y=field("lines:Q", axis=number_axis("Lines a week")))
    least, most = (formatting.count(end(table["lines"])) for end in (min, max))
    title = f"{len(rows):,} weeks with {least} to {most} lines each"
    what = "Accepted order lines by week; the first and the last week may be partial."
    return Chart(panel(area, size=(_WIDE, 180)), title, what)


def hours(by_hour: Sequence[int], *, zone: str) -> Chart:
    """Lines by hour of the local day: shops sleep at night, and a wrong time zone shows."""
    n_lines = sum(by_hour)
    if not n_lines:
        return empty("times of day", "The log has dates, no times.")
    shares = [n / n_lines for n in by_hour]
    table = pl.DataFrame({"hour": [f"{hour:02d}" for hour in range(24)], "share": shares})
    x = field("hour:O", axis={"title": f"Hour of the day in {zone}", "labelAngle": 0})
    y = field("share:Q", axis=share_axis("Share of lines", format=".1~%"))
    title = f"The busiest hour begins at {shares.index(max(shares)):02d}:00"
    what = "Where the night looks busy, the time zone of the study is not the shop's."
    return Chart(panel(mark("bar", table, BLUE, x=x, y=y), size=(_WIDE, 160)), title, what)


def purchases_by_week(days: pl.DataFrame, *, currency: str) -> Chart:
    """Purchases of each week; stretches of two days or more on which nobody bought are marked."""
    table, quiet = chart_data.weeks(days), chart_data.silent_stretches(days)
    if table.is_empty():
        return empty("purchases", "The log covers no whole week, or the run stands on a snapshot.")
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
    silent = f"On {n_silent} in {stretches} nobody bought"
    title = silent if quiet.height else "There is no stretch of two days without a purchase"
    what = (
        "Shaded: two days or more without a purchase. Holidays look like this, and so do "
        "missing files."
    )
    names = "week_start_day purchases revenue"
    latest = make_table("The latest weeks", table.tail(26), names, currency=currency)
    return Chart(drawn, title, what, latest)


def unused_rows(reasons: pl.DataFrame) -> Chart:
    """Why rows were not used.

    Parameters
    ----------
    reasons
        source, reason, rows.
    """
    if reasons.is_empty():
        return empty("left-out rows", "Every row was used.")
    listed = make_table("Rows not used", reasons)
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
    title = f"{formatting.plural(n, 'row')} {formatting.verb(n, 'was', 'were')} not used"
    what = "Set aside by a rule of the study, or quarantined because they could not be understood."
    return Chart(bars, title, what, listed)
