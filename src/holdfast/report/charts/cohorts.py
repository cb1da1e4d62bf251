"""Cohorts and the future: who still buys after how long, what a cohort brings, and what the base
will.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting, ranking_curves
from holdfast.report.charts.base import WHOLE, empty, mark, number_axis, share_axis
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType

NO_LOG = "A snapshot has one row per customer and no purchases; a run of an order log shows this."
SHOWN = 18
"""Cohorts and months that a chart has room for."""
LINES = ("blue", "vermillion", "green", "purple", "amber", "grey")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3])


def latest(cohorts: pl.DataFrame, n: int = SHOWN) -> pl.DataFrame:
    """The latest cohorts and their first months, as the charts show them."""
    names = cohorts["cohort"].unique().sort().tail(n)
    return cohorts.filter(pl.col("cohort").is_in(names.to_list()) & (pl.col("months_since") < n))


def retention(cohorts: pl.DataFrame) -> "ChartType":
    """Share of each cohort that bought again, month after month; months that are not over are
    hatched.
    """
    import altair as alt

    later = latest(cohorts).filter(pl.col("months_since") > 0)
    if later.is_empty():
        return empty(
            "retention",
            NO_LOG if cohorts.is_empty() else "The log does not cover a second month yet.",
        )
    table = later.with_columns(share=pl.col("active") / pl.col("customers"))
    table = table.with_columns(
        said=pl.Series([formatting.percent(share, 0) for share in table["share"]])
    )
    names = table["cohort"].unique().sort().to_list()
    x = alt.X(
        "months_since:O",
        axis={"title": "Months after the first purchase", "labelAngle": 0, "orient": "top"},
    )
    y = alt.Y("cohort:O", sort=names, axis={"title": "First purchase in"})
    most = max(float(table["share"].max()), 0.01)  # type: ignore[arg-type]
    shade = alt.FillOpacity(
        "share:Q", scale={"domain": [0, most], "range": [0.04, 0.5]}, legend=None
    )
    told = [
        alt.Tooltip(name)
        for name in ("cohort:O", "months_since:O", "customers:Q", "active:Q", "said:N")
    ]
    open_ = table.filter(~pl.col("complete"))
    layers = (
        mark(table, "rect", color=light("blue"), stroke=light("panel")).encode(
            x=x, y=y, fillOpacity=shade, tooltip=told
        ),
        mark(
            open_.with_columns(hatch=pl.lit("/////")), "text", color=light("muted"), fontSize=15
        ).encode(x=x, y=y, text="hatch:N"),
        mark(table.filter(pl.col("complete")), "text", fontSize=11).encode(x=x, y=y, text="said:N"),
    )
    done = table.filter(pl.col("complete"))
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 90, height=24 * len(names) + 20),
        title=_retained(done),
        subtitle="Share of a cohort that bought in the month. Hatched: not over yet. The latest "
        f"{len(names)} cohorts.",
    )


def _retained(done: pl.DataFrame) -> str:
    for month in (6, 3, 1):
        at = done.filter(pl.col("months_since") == month)
        if at.height:
            share = ranking_curves.total(at, "active") / ranking_curves.total(at, "customers")
            when = {6: "sixth", 3: "third", 1: "first"}[month]
            return (
                f"{formatting.percent(share, 0)} of customers buy in the {when} month after that "
                "of their first purchase"
            )
    return "No cohort has a complete month after its first"


def survival_curves(survival: pl.DataFrame) -> "ChartType":
    """Share still buying by days since the first purchase, everyone and by year, with the numbers
    at risk below.
    """
    import altair as alt

    if survival.is_empty():
        return empty("survival curves", NO_LOG)
    names = ["all", *survival.filter(pl.col("cohort") != "all")["cohort"].unique().sort().tail(4)]
    shown = survival.filter(pl.col("cohort").is_in(names) & (pl.col("at_risk") >= 10))
    if shown.is_empty():
        return empty("survival curves", "Fewer than ten customers have been seen.")
    last = int(shown["day"].max())  # type: ignore[arg-type]
    step = next(step for step in (30, 60, 90, 180, 365, 730) if last / step <= 8 or step == 730)
    whole = {"domain": [0, last], "nice": False}
    days = {"title": "Days since the first purchase", "values": list(range(0, last + 1, step))}
    x = alt.X("day:Q", scale=whole, axis=days)
    y = alt.Y("survival:Q", scale=WHOLE, axis=share_axis("Still buying"))
    who = {"domain": names, "range": [light(LINES[k]) for k in range(len(names))]}
    dash = {"domain": names, "range": list(DASHES[: len(names)])}
    legend = {
        "title": "First purchase in",
        "orient": "top",
        "symbolType": "stroke",
        "symbolStrokeWidth": 3,
    }
    band = mark(
        shown.filter(pl.col("cohort") == "all"),
        "area",
        color=light("blue"),
        fillOpacity=0.18,
        interpolate="step-after",
    )
    line = mark(shown, "line", strokeWidth=2, interpolate="step-after").encode(
        x=x,
        y=y,
        color=alt.Color("cohort:N", scale=who, legend=legend),
        strokeDash=alt.StrokeDash("cohort:N", scale=dash, legend=legend),
    )
    curve = alt.layer(band.encode(x=x, y=alt.Y("low:Q", scale=WHOLE), y2="high:Q"), line)
    counted = numbers_at_risk(survival, names, last=last, step=step)
    numbers = mark(counted, "text", fontSize=11).encode(
        x=alt.X("day:Q", scale=whole, axis=None),
        y=alt.Y("cohort:N", sort=names, axis={"title": "At risk", "labelPadding": 24}),
        text=alt.Text("at_risk:Q", format=","),
    )
    width = WIDTH - 90
    return dressed(
        alt.vconcat(
            curve.properties(width=width, height=260),
            numbers.properties(width=width, height=20 * len(names)),
            spacing=14,
        ),
        title=_survived(shown),
        subtitle="Kaplan-Meier, with the 95% interval of everyone. Below: customers still seen; "
        "drawn from ten on.",
    )


def numbers_at_risk(
    survival: pl.DataFrame, names: list[str], *, last: int, step: int
) -> pl.DataFrame:
    """The customers behind the curves at round days: cohort, day, at_risk."""
    ends = pl.DataFrame({"day": list(range(0, last + 1, step))}, schema={"day": pl.Int32})
    parts = [
        ends.join_asof(
            survival.filter(pl.col("cohort") == name).sort("day"), on="day", strategy="forward"
        ).with_columns(cohort=pl.lit(name))
        for name in names
    ]
    return pl.concat(parts).select("cohort", "day", pl.col("at_risk").fill_null(0))


def _survived(shown: pl.DataFrame) -> str:
    everyone = shown.filter(pl.col("cohort") == "all").sort("day")
    row = everyone.filter(pl.col("day") <= 365).row(-1, named=True)
    return (
        f"After {formatting.plural(row['day'], 'day')}, {formatting.percent(row['survival'], 0)} "
        "of customers still buy"
    )


def cohort_value(cohorts: pl.DataFrame, *, currency: str) -> "ChartType":
    """Cumulative net revenue per customer of the cohorts, by months since the first purchase."""
    import altair as alt

    table = cumulative_value(cohorts)
    if table.is_empty():
        return empty("value by cohort", NO_LOG)
    years = table["year"].unique().sort().to_list()
    x = alt.X("months_since:Q", axis={"title": "Months after the first purchase", "tickMinStep": 1})
    y = alt.Y("value:Q", axis=number_axis(f"Revenue per customer, {currency}"))
    colours = {"domain": years, "range": [light(LINES[k % len(LINES)]) for k in range(len(years))]}
    dash = {"domain": years, "range": [DASHES[k % len(DASHES)] for k in range(len(years))]}
    legend = {
        "title": "First purchase in",
        "orient": "top",
        "symbolType": "stroke",
        "symbolStrokeWidth": 3,
    }
    line = mark(table, "line", strokeWidth=2).encode(
        x=x,
        y=y,
        color=alt.Color("year:N", scale=colours, legend=legend),
        strokeDash=alt.StrokeDash("year:N", scale=dash, legend=legend),
        tooltip=[
            alt.Tooltip(name) for name in ("year:N", "months_since:Q", "customers:Q", "value:Q")
        ],
    )
    end = table.sort("months_since").row(-1, named=True)
    return dressed(
        line.properties(width=WIDTH - 80, height=260),
        title=f"Customers of {end['year']} have brought {formatting.money(end['value'], currency)} "
        "each after "
        f"{formatting.plural(end['months_since'], 'month')}",
        subtitle="Net revenue, complete months only. A point counts the year's cohorts that are "
        "old enough.",
    )


def cumulative_value(cohorts: pl.DataFrame) -> pl.DataFrame:
    """Net revenue per customer up to each month, by year: year, months_since, customers, value."""
    done = cohorts.filter("complete").sort("cohort", "months_since")
    year = pl.col("cohort").str.slice(0, 4)
    mean = done.group_by(year.alias("year"), "months_since").agg(
        pl.col("customers").sum(), pl.col("revenue").sum()
    )
    each = mean.sort("year", "months_since").with_columns(
        step=pl.col("revenue") / pl.col("customers")
    )
    return each.select(
        "year", "months_since", "customers", value=pl.col("step").cum_sum().over("year")
    )


def revenue_forecast(forecast: pl.DataFrame, weeks: pl.DataFrame, *, currency: str) -> "ChartType":
    """Revenue of the coming weeks with its interval, after that of the past.

    Parameters
    ----------
    forecast
        One group's rows of the run's table `forecast`.
    weeks
        `spreads.weeks` of the log; its latest half year is drawn.
    """
    import altair as alt

    if forecast.is_empty():
        return empty(
            "forecast",
            "This run has no forecast: it stands on a snapshot, or is older than the forecast.",
        )
    when = pl.col("week_start_day").cast(pl.Date).cast(pl.Datetime("ms"))
    # A last step of less than a week would look like a collapse.
    coming = forecast.filter(pl.col("days") == 7).sort("week_start_day").with_columns(when=when)
    past = weeks.sort("week_start_day").tail(26).with_columns(when=when)
    x = alt.X("when:T", axis={"title": None, "grid": False, "tickCount": 8})
    y = alt.Y("revenue:Q", axis=number_axis(f"Revenue a week, {currency}"))
    told: list[Any] = [
        alt.Tooltip("when:T", format="%d %b %Y"),
        alt.Tooltip("revenue:Q", format=",.0f"),
    ]
    ahead = coming.rename({"expected_revenue": "revenue"})
    layers = (
        mark(ahead, "area", color=light("blue"), fillOpacity=0.2).encode(
            x=x, y=alt.Y("low_80:Q"), y2="high_80:Q"
        ),
        mark(past, "line", color=light("grey"), strokeWidth=2).encode(x=x, y=y, tooltip=told),
        mark(ahead, "line", color=light("blue"), strokeWidth=2.5, strokeDash=[6, 3]).encode(
            x=x, y=y, tooltip=told
        ),
    )
    total, days = (
        formatting.money(ranking_curves.total(forecast, "expected_revenue"), currency),
        int(forecast["days"].sum()),
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=260),
        title=f"{total} expected in the next {formatting.plural(days, 'day')} from today's "
        "customers",
        subtitle="Grey: past weeks, all customers. Dashed: expected of customers known today, with "
        "the 80% interval.",
    )
