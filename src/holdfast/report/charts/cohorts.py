"""Cohorts and the future: who still buys after how long, what a cohort and all customers bring."""

from collections.abc import Sequence

import polars as pl

from holdfast.evaluation.totals import explain_reach
from holdfast.report import chart_data, formatting
from holdfast.report.charts.axes import highest, number_axis, share_axis, total, words
from holdfast.report.charts.base import (
    Chart,
    Options,
    by_name,
    field,
    make_chart,
    mark,
    no_chart,
    panel,
)
from holdfast.report.charts.line_names import HALO, name_lines
from holdfast.report.table_format import Table, make_table
from holdfast.report.theme import BLUE, DAYS, MUTED, WHOLE, WIDTH
from holdfast.study.settings import Promotion
from holdfast.windows import date_of

SHOWN = 18
"""Cohorts and months that a chart has room for."""
_LINES = ("blue", "vermillion", "green", "purple", "amber", "grey")
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3])
_FIRST = {"title": "First purchase in"}
_MONTHS = {"title": "Months after the first purchase"}


def latest(cohorts: pl.DataFrame, n: int = SHOWN) -> pl.DataFrame:
    """The latest cohorts and their first months, as the charts show them."""
    names = cohorts["cohort"].unique().sort().tail(n)
    return cohorts.filter(pl.col("cohort").is_in(names.to_list()) & (pl.col("months_since") < n))


def retention(cohorts: pl.DataFrame) -> Chart:
    """Share of each cohort that bought again, month after month; months that are not over are
    hatched.
    """
    table = latest(cohorts).filter(pl.col("months_since") > 0)
    if table.is_empty():
        return no_chart("retention", "no_log" if cohorts.is_empty() else "short")
    table = table.with_columns(share=pl.col("active") / pl.col("customers"))
    table = table.with_columns(text=words(table["share"], formatting.percent, 0))
    done, coming = (table.filter(pl.col("complete") == is_over) for is_over in (True, False))
    hatched = coming.with_columns(hatch=pl.lit("/////"))
    names = table["cohort"].unique().sort().to_list()
    x = field("months_since:O", axis=_MONTHS | {"labelAngle": 0, "orient": "top"})
    cell = {"x": x, "y": field("cohort:O", sort=names, axis=_FIRST)}
    scale = {"domain": [0, max(highest(table["share"]), 0.01)], "range": [0.04, 0.5]}
    shade = field("share:Q", scale=scale, legend=None)
    tips = [
        field(name) for name in ("cohort:O", "months_since:O", "customers:Q", "active:Q", "text:N")
    ]
    drawn = panel(
        mark("rect", table, BLUE | {"stroke": "panel"}, **cell, fillOpacity=shade, tooltip=tips),
        mark("text", hatched, {"color": "muted", "fontSize": 15}, **cell, text="hatch:N"),
        mark("text", done, **cell, text="text:N"),
        size=(WIDTH - 90, 24 * len(names) + 20),
    )
    title, shares = _say_retention(done), _shares_by_month(cohorts)
    return make_chart("retention", drawn, shares, title=title, cohorts=len(names))


def _shares_by_month(cohorts: pl.DataFrame) -> Table:
    """Each cohort's size and share of buyers in some months after the first."""
    share = pl.when("complete").then(pl.col("active") / pl.col("customers"))
    month, cohort = pl.format("month_{}", "months_since"), {"first_purchase": "cohort"}
    shares = latest(cohorts).sort("cohort").select("customers", month=month, share=share, **cohort)
    rows = shares.pivot("month", index=["first_purchase", "customers"], values="share")
    months = " ".join(f"month_{month}:whole_percent" for month in (1, 2, 3, 6, 9, 12))
    caption = "Share that bought in the month"
    return make_table(caption, rows, f"first_purchase customers {months}")


def _say_retention(done: pl.DataFrame) -> str:
    for month, ordinal in ((6, "sixth"), (3, "third"), (1, "first")):
        at = done.filter(pl.col("months_since") == month)
        if at.height:
            share = formatting.percent(total(at["active"]) / total(at["customers"]), 0)
            return (
                f"{share} of customers buy in the {ordinal} month after that of their first "
                "purchase"
            )
    return "No cohort has a complete month after its first"


def survival_curves(survival: pl.DataFrame) -> Chart:
    """Share still buying by days since the first purchase, everyone and by year, with the numbers
    still seen below.
    """
    if survival.is_empty():
        return no_chart("survival_curves", "no_log")
    names = ["all", *survival.filter(pl.col("cohort") != "all")["cohort"].unique().sort().tail(4)]
    shown = survival.filter(pl.col("cohort").is_in(names) & (pl.col("at_risk") >= 10))
    if shown.is_empty():
        return no_chart("survival_curves", "few")
    everyone, last = shown.filter(pl.col("cohort") == "all"), int(highest(shown["day"]))
    step = next(step for step in (30, 60, 90, 180, 365, 730) if last / step <= 6 or step == 730)
    whole, steps = {"domain": [0, last], "nice": False}, {"interpolate": "step-after"}
    days = {"title": "Days since the first purchase", "values": list(range(0, last + 1, step))}
    x, low = field("day:Q", scale=whole, axis=days), field("low:Q", scale=WHOLE)
    y = field("survival:Q", scale=WHOLE, axis=share_axis("Still buying"))
    look = by_line("cohort:N", names)
    band, line = BLUE | steps | {"fillOpacity": 0.18}, steps | {"strokeWidth": 2}
    curve = panel(
        mark("area", everyone, band, x=x, y=low, y2="high"),
        mark("line", shown, line, x=x, y=y, **look),
        *name_lines(shown, by="cohort", x=x, y=y, color=look["color"]),
        size=(WIDTH - 90, 260),
    )
    counts = numbers_at_risk(survival, names, last=last, step=step)
    x, text = field("day:Q", scale=whole, axis=None), field("at_risk:Q", format=",")
    y = field("cohort:N", sort=names, axis={"title": "Still seen", "labelPadding": 24})
    numbers = panel(
        mark("text", counts, x=x, y=y, text=text),
        size=(WIDTH - 90, 20 * len(names)),
    )
    rounded = survival.filter(pl.col("day") % 91 == 0, cohort="all")
    rows = rounded.rename({"day": "days_since_the_first_purchase"})
    drawn = {"vconcat": [curve, numbers], "spacing": 14}
    year = everyone.sort("day").filter(pl.col("day") <= 365).row(-1, named=True)
    after, share = formatting.plural(year["day"], "day"), formatting.percent(year["survival"], 0)
    return make_chart("survival_curves", drawn, rows, days=after, share=share)


def by_line(shorthand: str, names: list[str]) -> Options:
    """A colour and a dash for each name."""
    colours, dashes = (
        {name: looks[k % len(looks)] for k, name in enumerate(names)} for looks in (_LINES, _DASHES)
    )
    return {"color": by_name(shorthand, colours), "strokeDash": by_name(shorthand, dashes)}


def numbers_at_risk(
    survival: pl.DataFrame, names: list[str], *, last: int, step: int
) -> pl.DataFrame:
    """The customers behind the curves at round days: cohort, day, at_risk."""
    days = pl.DataFrame({"day": list(range(0, last + 1, step))}, schema={"day": pl.Int32})
    parts = survival.sort("day").partition_by("cohort", as_dict=True)
    counts = [
        days.join_asof(parts[name,], on="day", strategy="forward").with_columns(cohort=pl.lit(name))
        for name in names
    ]
    return pl.concat(counts).select("cohort", "day", pl.col("at_risk").fill_null(0))


def cohort_value(cohorts: pl.DataFrame, *, currency: str) -> Chart:
    """Cumulative net revenue per customer of the cohorts, by months since the first purchase."""
    table = chart_data.cumulative_value(cohorts)
    if table.is_empty():
        return no_chart("cohort_value", "no_log")
    x = field("months_since:Q", axis=_MONTHS | {"tickMinStep": 1})
    y = field("value:Q", axis=number_axis(f"Revenue per customer, {currency}"))
    look = by_line("year:N", table["year"].unique().sort().to_list())
    tips = [field(name) for name in ("year:N", "months_since:Q", "customers:Q", "value:Q")]
    line = mark("line", table, {"strokeWidth": 2}, x=x, y=y, tooltip=tips, **look)
    end = table.sort("months_since").row(-1, named=True)
    facts = {
        "year": end["year"],
        "worth": formatting.money(end["value"], currency),
        "months": formatting.plural(end["months_since"], "month"),
    }
    quarters = table.filter(pl.col("months_since") % 3 == 0).rename(
        {"year": "first_purchase_in", "value": "revenue_per_customer_so_far"}
    )
    named = name_lines(table, by="year", x=x, y=y, color=look["color"])
    drawn = panel(line, *named, size=(WIDTH - 80, 260))
    return make_chart("cohort_value", drawn, quarters, currency=currency, **facts)


def revenue_forecast(
    forecast: pl.DataFrame,
    weeks: pl.DataFrame,
    horizon_evidence: pl.DataFrame,
    *,
    currency: str,
    promotions: Sequence[Promotion] = (),
) -> Chart:
    """Revenue of the coming weeks with its interval, after that of the past.

    Parameters
    ----------
    forecast
        One group's rows of the run's table `forecast`.
    weeks
        `chart_data.weeks` of the log; its latest half year is drawn.
    horizon_evidence
        How far ahead forecasts could be tested.
    promotions
        Of the study's calendar, past and planned; those within the weeks drawn are shaded.
    """
    if forecast.is_empty():
        return no_chart("revenue_forecast", "no_forecast")
    when = pl.col("week_start_day").cast(pl.Date)
    # A last step of less than a week would look like a collapse.
    coming = forecast.filter(pl.col("days") == 7).sort("week_start_day").with_columns(when=when)
    past = weeks.sort("week_start_day").tail(26).with_columns(when=when)
    coming = coming.rename({"expected_revenue": "revenue"})
    x = field("when:T", axis=DAYS)
    y = field("revenue:Q", axis=number_axis(f"Revenue a week, {currency}"))
    tips = [field("when:T", format="%d %b %Y"), field("revenue:Q", format=",.0f")]
    grey = {"color": "grey", "strokeWidth": 2}
    dashed = BLUE | {"strokeWidth": 2.5, "strokeDash": [6, 3]}
    both = pl.concat(part.select("when", "revenue") for part in (past, coming))
    shown = _promotions_within(promotions, both["when"])
    names = ((past, "Actual", "grey"), (coming, "Expected", "blue"))
    drawn = panel(
        *_promotion_bands(shown, x),
        mark("area", coming, BLUE | {"fillOpacity": 0.2}, x=x, y="low_80:Q", y2="high_80"),
        mark("line", past, grey, x=x, y=y, tooltip=tips),
        mark("line", coming, dashed, x=x, y=y, tooltip=tips),
        *(_named_line(part, name, colour, x, y) for part, name, colour in names if part.height),
        size=(WIDTH - 80, 260),
    )
    days = int(total(forecast["days"]))
    facts = {
        "revenue": formatting.money(total(forecast["expected_revenue"]), currency),
        "ahead": formatting.plural(days, "day"),
        "reach": explain_reach(days, horizon_evidence),
        "promotions": " Shaded: promotions." if shown.height else "",
    }
    rows = forecast.sort("week_start_day")
    return make_chart("revenue_forecast", drawn, rows, currency=currency, **facts)


def _promotions_within(promotions: Sequence[Promotion], days: pl.Series) -> pl.DataFrame:
    """The promotions that touch the days drawn: from, to and name."""
    first, last = pl.lit(days.min()), pl.lit(days.max())
    rows = [(date_of(each.first), date_of(each.end), each.name) for each in promotions]
    columns = {"from": pl.Date, "to": pl.Date, "name": pl.String}
    table = pl.DataFrame(rows, schema=columns, orient="row")
    within = table.filter(pl.col("to") > first, pl.col("from") < last)
    return within.with_columns(pl.max_horizontal("from", first), pl.min_horizontal("to", last))


def _promotion_bands(promotions: pl.DataFrame, x: Options) -> list[Options]:
    """A band over each promotion with its name, upright so that neighbours do not meet."""
    if promotions.is_empty():
        return []
    start = {"x": x | {"field": "from"}}
    name = {"angle": 270, "align": "right", "baseline": "top", "dx": -4, "dy": 2, "limit": 150}
    return [
        mark("rect", promotions, {"color": "amber", "fillOpacity": 0.22}, **start, x2="to"),
        mark("text", promotions, MUTED | name, **start, y=0, text="name:N"),
    ]


def _named_line(line: pl.DataFrame, name: str, colour: str, x: Options, y: Options) -> Options:
    """The line's name, above the highest of its points but those at its ends."""
    inner = line[len(line) // 6 : max(1, len(line) - len(line) // 6)]
    top = inner.sort("revenue", descending=True).head(1).with_columns(name=pl.lit(name))
    bold = {"color": colour, "dy": -10, "fontWeight": "bold"}
    styles = (bold | HALO, bold)
    return {"layer": [mark("text", top, style, x=x, y=y, text="name:N") for style in styles]}
