"""One customer: risk, what drives it, how unusual the customer is, what is to be expected, and
when.
"""

from math import cos, pi, sin
from textwrap import fill

import numpy as np
import polars as pl

from holdfast.explain.wording import EFFECT
from holdfast.report import formatting
from holdfast.report.chart_data import BAND_FROM, BANDS
from holdfast.report.charts.axes import highest, label, number_axis, words
from holdfast.report.charts.base import (
    WORDS,
    Chart,
    Options,
    by_name,
    field,
    make_chart,
    mark,
    no_chart,
    panel,
    rule,
)
from holdfast.report.charts.explanations import OUTCOME, PUSHES
from holdfast.report.theme import BLUE, DAYS, DOT, HIDDEN, LINE_KEY, MUTED, WHOLE, WIDTH, light

_BAND_COLOURS = ("green", "amber", "vermillion", "vermillion")
_RADAR, _LINE = 220, 10
"""Side of the radar and characters in a line of its labels: with labels on both sides it fits a
phone.
"""
_UPRIGHT = 0.05
_LITTLE, _MUCH = 0.05, 0.25
"""Log-odds: the odds of leaving change by 5 % and by 28 %."""
_DAYS_MAKE_LEAVING = {
    "much less likely": ("lowest", "triangle-down"), "less likely": ("low", "triangle-down"),
    "as likely as usual": ("middle", "circle"), "likelier": ("high", "triangle-up"),
    "much likelier": ("highest", "triangle-up"),
}  # fmt: skip


def risk_gauge(probability: float, *, base_rate: float) -> Chart:
    """The churn probability on a bar with its four bands, beside the average customer's."""
    figure, usual = formatting.percent(probability), formatting.percent(base_rate, 0)
    bands = pl.DataFrame(
        {
            "band": BANDS,
            "start": BAND_FROM,
            "end": [*BAND_FROM[1:], 1.0],
            "color": [light(name) for name in _BAND_COLOURS],
            "strength": [0.35, 0.35, 0.35, 0.7],
        }
    ).with_columns(at=(pl.col("start") + pl.col("end")) / 2)
    customer = pl.DataFrame({"at": [probability], "text": [figure]})
    average = pl.DataFrame({"at": [base_rate], "text": [f"average {usual}"]})
    axis = {"format": ".0%", "title": None, "values": [*BAND_FROM, 1.0], "grid": False}
    x, at = field("start:Q", scale=WHOLE, axis=axis), field("at:Q", scale=WHOLE)
    color, strength = field("color:N", scale=None), field("strength:Q", scale=None)
    tick = MUTED | {"thickness": 2, "size": 36, "orient": "vertical"}
    arrow = DOT | {"shape": "triangle-down", "size": 220, "color": "ink"}
    drawn = panel(
        mark("rect", bands, {"height": 26}, x=x, x2="end", y=45, color=color, fillOpacity=strength),
        mark("text", bands, x=at, y=45, text="band:N"),
        mark("tick", average, tick, x=at, y=45),
        mark("text", average, MUTED, x=at, y=76, text="text:N"),
        mark("point", customer, arrow, x=at, y=23),
        mark("text", customer, {"fontSize": 16, "fontWeight": "bold"}, x=at, y=5, text="text:N"),
        size=(WIDTH - 80, 90),
    )
    band = formatting.capital(BANDS[sum(probability >= least for least in BAND_FROM) - 1])
    return Chart(drawn, f"{band} risk: {figure}{_beside_average(probability, base_rate)}")


def _beside_average(probability: float, base_rate: float) -> str:
    times = round(probability / base_rate, 1) if base_rate > 0 else None
    if times is None:
        return ""
    if times == 1:
        return ", about the average"
    much = f"{formatting.decimal(times, 1)} times" if times else "far below"
    return f", {much} the average"


def profile_radar(profile: pl.DataFrame, *, segment: str) -> Chart:
    """The customer's rank among all customers, feature by feature, beside the median of the
    segment.

    Parameters
    ----------
    profile
        feature, rank, median_rank (0..1, null where unknown); at least three rows for a shape.
    """
    ranks = profile.drop_nulls(["rank", "median_rank"])
    if ranks.height < 3:
        return no_chart("profile_radar", "few")
    angles = [pi / 2 - 2 * pi * k / ranks.height for k in range(ranks.height)]
    whose, shares = {"This customer": "rank", segment: "median_rank"}, (0.25, 0.5, 0.75, 1.0)
    shapes = pl.concat(
        _ring(ranks[column].to_list(), angles, name) for name, column in whose.items()
    )
    rings = pl.concat(_ring([share] * ranks.height, angles, f"{share}") for share in shares)
    spokes = rings.filter((pl.col("who") == "1.0") & (pl.col("order") > 0)).with_columns(zero=0.0)
    x, y = (field(f"{name}:Q", axis=None, scale={"domain": [-1.2, 1.2]}) for name in "xy")
    line = {"x": x, "y": y, "order": "order:Q", "detail": "who:N"}
    legend = LINE_KEY | {"orient": "bottom"}
    color = by_name("who:N", {"This customer": "vermillion", segment: "blue"}, legend)
    dash = by_name("who:N", {"This customer": [1, 0], segment: [5, 4]}, legend)
    drawn = panel(
        mark("line", rings, {"color": "grid", "strokeWidth": 1}, **line),
        mark("rule", spokes, {"color": "grid"}, x=x, y=y, x2="zero", y2="zero"),
        mark("line", shapes, {"strokeWidth": 2.5}, **line, color=color, strokeDash=dash),
        *_names(ranks["feature"].to_list(), angles, x, y),
        size=(_RADAR, _RADAR),
    )
    gaps = ranks.select("feature", gap=pl.col("rank") - pl.col("median_rank"))
    name, gap = gaps.sort(pl.col("gap").abs(), descending=True).row(0)
    side = "above" if gap > 0 else "below"
    beside = profile.rename({"value": "this_customer", "median": "segment_median"})
    return make_chart("profile_radar", drawn, beside, feature=formatting.feature(name), side=side)


def _ring(shares: list[float], angles: list[float], who: str) -> pl.DataFrame:
    """A closed line around the centre: x, y, order, who."""
    points = zip([*shares, shares[0]], [*angles, angles[0]], strict=True)
    rows = [(share * cos(a), share * sin(a), k, who) for k, (share, a) in enumerate(points)]
    return pl.DataFrame(rows, schema=["x", "y", "order", "who"], orient="row")


def _names(features: list[str], angles: list[float], x: Options, y: Options) -> list[Options]:
    """Names around the rim, each written away from the centre."""
    rows = []
    for feature, angle in zip(features, angles, strict=True):
        # A name above or below the centre has room.
        is_upright, name = abs(cos(angle)) <= _UPRIGHT, label(feature)
        text = name if is_upright else fill(name, _LINE, break_long_words=False)
        align = "center" if is_upright else "left" if cos(angle) > 0 else "right"
        rows.append((1.1 * cos(angle), 1.1 * sin(angle), text, align))
    table = pl.DataFrame(rows, schema=["x", "y", "name", "align"], orient="row")
    style = {"baseline": "middle", "lineBreak": "\n"}
    return [
        mark("text", part, style | {"align": align}, x=x, y=y, text="name:N")
        for (align,), part in table.group_by("align", maintain_order=True)
    ]


def reason_bars(reasons: pl.DataFrame, *, task: str) -> Chart:
    """The strongest reasons of one customer as bars, each with the customer's value.

    Parameters
    ----------
    reasons
        REASONS of one customer.
    """
    shown, is_churn = reasons.filter(pl.col("task") == task).sort("rank"), task == "churn"
    if shown.is_empty():
        return no_chart("reason_bars", "no_effect", outcome=OUTCOME[task])
    rows = [
        f"{label(name)}: {value}" for name, value in shown.select("feature", "value").iter_rows()
    ]
    is_bad = (pl.col("contribution") > 0) == is_churn
    table = shown.select("contribution", row=pl.Series(rows), is_bad=is_bad.cast(pl.String))
    span = highest(table["contribution"].abs()) * 1.05
    less, more = ("keeps", "drives away") if is_churn else PUSHES[task]
    axis = HIDDEN | {"title": f"← {less} | {more} →"}
    x = field("contribution:Q", axis=axis, scale={"domain": [-span, span]})
    y = field("row:N", sort=rows, title=None, axis={"labelLimit": 300})
    color = by_name("is_bad:N", {"true": "vermillion", "false": "blue"})
    bars = mark("bar", table, {"height": 18}, x=x, y=y, color=color)
    verb = "Raises" if shown["contribution"][0] > 0 else "Lowers"
    facts = {"effect": EFFECT[task], "feature": formatting.feature(shown["feature"][0])}
    drawn = panel(bars, rule("x", 0), size=(WIDTH // 2 + 40, 32 * table.height))
    return make_chart("reason_bars", drawn, shown, verb=verb, **facts)


def value_by_horizon(horizons: pl.DataFrame, *, currency: str) -> Chart:
    """Expected revenue of one customer within each horizon, with 80 % and 95 % intervals.

    Parameters
    ----------
    horizons
        One customer's rows of the run's table `horizons`.
    """
    table = horizons.drop_nulls(["expected_revenue"]).sort("horizon_days")
    if table.is_empty():
        return no_chart("value_by_horizon", "no_horizon")
    text = words(table["expected_revenue"], formatting.money, currency)
    table = table.with_columns(when=pl.format("{} days", "horizon_days"), text=text)
    x = field("when:N", sort=table["when"].to_list(), axis={"title": None, "labelAngle": 0})
    low_95, mean = field("low_95:Q", axis=number_axis(f"Revenue, {currency}")), "expected_revenue:Q"
    thin, thick = BLUE | {"strokeWidth": 1.5}, BLUE | {"strokeWidth": 6, "strokeOpacity": 0.5}
    bold = {"align": "left", "dx": 10, "fontWeight": "bold"}
    drawn = panel(
        mark("rule", table, thin, x=x, y=low_95, y2="high_95"),
        mark("rule", table, thick, x=x, y="low_80:Q", y2="high_80"),
        mark("point", table, DOT | {"size": 90, "color": "ink"}, x=x, y=mean),
        mark("text", table, bold, x=x, y=mean, text="text:N"),
        size=(WIDTH - 100, 230),
    )
    facts = {"revenue": table["text"][-1], "days": formatting.count(table["horizon_days"][-1])}
    rows = horizons.sort("horizon_days")
    return make_chart("value_by_horizon", drawn, rows, currency=currency, **facts)


def order_timeline(
    purchases: pl.DataFrame, cutoff_day: int, next_day: int | None, *, currency: str
) -> Chart:
    """The latest purchases of one customer, the day of scoring, and when the next is expected.

    Parameters
    ----------
    purchases
        One customer's PURCHASES.
    next_day
        None where no purchase is expected.
    """
    if purchases.is_empty():
        return no_chart("order_timeline", "no_purchases")
    rows = purchases.select("day", "revenue").sort("day", descending=True)
    drawn = _timeline(rows, cutoff_day, next_day, currency=currency)
    facts = _tell_purchases(purchases, cutoff_day, next_day)
    return make_chart("order_timeline", drawn, rows, currency=currency, **facts)


def day_timeline(
    purchases: pl.DataFrame,
    effects: pl.DataFrame,
    cutoff_day: int,
    next_day: int | None,
    *,
    currency: str,
) -> Chart:
    """As `order_timeline`, with the other days since, each marked by what it makes of leaving.

    Parameters
    ----------
    purchases
        One customer's PURCHASES, at least one.
    effects
        day and against_usual (log-odds of leaving) of the days that a network reads.
    """
    rows = _with_effects(purchases, effects).sort("day", descending=True)
    drawn = _timeline(rows, cutoff_day, next_day, currency=currency)
    n_others = rows.height - purchases.height
    others = f" and {formatting.plural(n_others, 'other day')}" if n_others else ""
    facts = _tell_purchases(purchases, cutoff_day, next_day) | {"others": others}
    title = WORDS["order_timeline"]["title"].format(**facts)
    return make_chart("day_timeline", drawn, rows, title=title, currency=currency, **facts)


def _timeline(
    rows: pl.DataFrame, cutoff_day: int, next_day: int | None, *, currency: str
) -> Options:
    when = pl.col("day").cast(pl.Int32).cast(pl.Date)
    days = {"scored": cutoff_day} | ({} if next_day is None else {"next expected": next_day})
    marked = pl.DataFrame({"what": list(days), "day": list(days.values())}).select(
        "what", when=when
    )
    x = field("when:T", axis=DAYS | {"tickCount": 6})
    y = field("revenue:Q", axis=number_axis(f"Revenue, {currency}", tickCount=3))
    dash = by_name("what:N", {"scored": [1, 0], "next expected": [5, 4]})
    bold = {"align": "right", "dx": -4, "fontWeight": "bold"}
    ends = enumerate(marked.iter_slices(1))
    table = rows.sort("day").select(pl.exclude("day"), when=when, none=0.0)
    return panel(
        *_mark_days(table, x, y),
        mark("rule", marked, {"color": "ink"}, x=x, strokeDash=dash),
        *(mark("text", end, bold, x=x, y=-6 - 14 * k, text="what:N") for k, end in ends),
        size=(WIDTH - 80, 160),
    )


def _mark_days(table: pl.DataFrame, x: Options, y: Options) -> list[Options]:
    """Stem and point of each day, coloured by what it makes of leaving, where that is told."""
    tips = [field("when:T", format="%d %b %Y"), field("revenue:Q", format=",.2f")]
    stem, point, colours = BLUE, BLUE | {"size": 60}, {}
    if "makes_leaving" in table.columns:
        stem, point, colours = {"color": "grey"}, {"size": 80}, _colour_days()
        tips.append(field("makes_leaving:N"))
    return [
        mark("rule", table, stem | {"strokeWidth": 2}, x=x, y=y, y2="none"),
        mark("point", table, DOT | point, x=x, y=y, tooltip=tips, **colours),
    ]


def _tell_purchases(
    purchases: pl.DataFrame, cutoff_day: int, next_day: int | None
) -> dict[str, str]:
    n, last = purchases.height, int(highest(purchases["day"]))
    coming = "" if next_day is None else f"; the next is expected about {formatting.day(next_day)}"
    return {
        "last": formatting.day(last),
        "silence": formatting.plural(cutoff_day - last, "day"),
        "coming": coming,
        "which": "The only day" if n == 1 else f"The latest {n} days",
    }


def _with_effects(purchases: pl.DataFrame, effects: pl.DataFrame) -> pl.DataFrame:
    """The days since the first of the purchases: day, revenue, and what it makes of leaving. A day
    that the network does not read changes nothing.
    """
    first = int(purchases["day"].min())  # type: ignore[arg-type]
    since = effects.filter(pl.col("day") >= first)
    days = purchases.select("day", "revenue").join(since, on="day", how="full", coalesce=True)
    added = days["against_usual"].fill_null(0.0).to_numpy()
    words, step = list(_DAYS_MAKE_LEAVING), np.digitize(added, [-_MUCH, -_LITTLE, _LITTLE, _MUCH])
    makes = pl.Series([words[each] for each in step], dtype=pl.String)
    return days.select("day", pl.col("revenue").fill_null(0.0), makes_leaving=makes)


def _colour_days() -> Options:
    """Colours and shapes by what a day makes of leaving: the sign is seen without colour, too."""
    legend = {"title": "The day makes leaving", "orient": "bottom", "columns": 2}
    colours = {name: colour for name, (colour, _) in _DAYS_MAKE_LEAVING.items()}
    shapes = {name: shape for name, (_, shape) in _DAYS_MAKE_LEAVING.items()}
    return {
        "color": by_name("makes_leaving:N", colours, legend),
        "shape": by_name("makes_leaving:N", shapes, legend),
    }
