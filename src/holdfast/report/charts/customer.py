"""One customer: risk, what drives it, how unusual the customer is, what is to be expected, and
when.
"""

from math import cos, pi, sin
from textwrap import fill
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting
from holdfast.report.chart_data import BAND_FROM, BANDS
from holdfast.report.charts.base import HIDDEN_AXIS, WHOLE, empty, label, mark, number_axis, zero
from holdfast.report.charts.explanations import OUTCOME
from holdfast.report.theme import WIDTH, dressed, light

if TYPE_CHECKING:
    from altair.typing import ChartType

_BAND_COLOURS = ("green", "amber", "vermillion", "vermillion")
_NARROW = WIDTH // 2
_RADAR, _LINE = 220, 10
"""Side of the radar and characters in a line of its labels: with labels on both sides it fits a
phone.
"""
_UPRIGHT = 0.05


def risk_gauge(probability: float, *, base_rate: float) -> "ChartType":
    """The churn probability on a bar with its four bands, beside the average customer's."""
    import altair as alt

    table = pl.DataFrame(
        {
            "band": BANDS,
            "start": BAND_FROM,
            "end": [*BAND_FROM[1:], 1.0],
            "color": [light(name) for name in _BAND_COLOURS],
            "strength": [0.35, 0.35, 0.35, 0.7],
        }
    )
    middle = table.with_columns(at=(pl.col("start") + pl.col("end")) / 2)
    own = pl.DataFrame({"at": [probability], "said": [formatting.percent(probability)]})
    usual = pl.DataFrame(
        {"at": [base_rate], "said": [f"average {formatting.percent(base_rate, 0)}"]}
    )
    x = alt.X(
        "start:Q",
        scale=WHOLE,
        axis={"format": ".0%", "title": None, "values": [*BAND_FROM, 1.0], "grid": False},
    )
    place = alt.X("at:Q", scale=WHOLE)
    layers = (
        mark(table, "rect", height=26).encode(
            x=x,
            x2=alt.X2("end"),
            y=alt.value(45),
            color=alt.Color("color:N", scale=None),
            fillOpacity=alt.FillOpacity("strength:Q", scale=None),
        ),
        mark(middle, "text").encode(x=place, y=alt.value(45), text=alt.Text("band:N")),
        mark(usual, "tick", thickness=2, size=36, orient="vertical", color=light("muted")).encode(
            x=place, y=alt.value(45)
        ),
        mark(usual, "text", color=light("muted")).encode(
            x=place, y=alt.value(76), text=alt.Text("said:N")
        ),
        mark(
            own,
            "point",
            shape="triangle-down",
            filled=True,
            size=220,
            opacity=1,
            color=light("ink"),
        ).encode(x=place, y=alt.value(23)),
        mark(own, "text", fontSize=16, fontWeight="bold").encode(
            x=place, y=alt.value(5), text=alt.Text("said:N")
        ),
    )
    band = BANDS[sum(probability >= least for least in BAND_FROM) - 1]
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=90),
        title=f"{formatting.capital(band)} risk: "
        f"{formatting.percent(probability)}{_beside_average(probability, base_rate)}",
    )


def _beside_average(probability: float, base_rate: float) -> str:
    if base_rate <= 0:
        return ""
    times = round(probability / base_rate, 1)
    if times == 1:
        return ", about the average"
    return (
        f", {formatting.decimal(times, 1)} times the average"
        if times
        else ", far below the average"
    )


def profile_radar(profile: pl.DataFrame, *, segment: str) -> "ChartType":
    """The customer's rank among all customers, feature by feature, beside the median of the
    segment.

    Parameters
    ----------
    profile
        feature, rank, median_rank (0..1, null where unknown); at least three rows for a shape.
    """
    import altair as alt

    known = profile.drop_nulls(["rank", "median_rank"])
    if known.height < 3:
        return empty("profile", "Fewer than three features of this customer are known.")
    angles = [pi / 2 - 2 * pi * k / known.height for k in range(known.height)]
    # A name above or below the centre has room.
    names = [
        label(name) if abs(cos(a)) <= _UPRIGHT else fill(label(name), _LINE, break_long_words=False)
        for name, a in zip(known["feature"], angles, strict=True)
    ]
    own, usual = (
        _ring(known[column].to_list(), angles, who)
        for column, who in (("rank", "This customer"), ("median_rank", segment))
    )
    both = pl.concat([own, usual])
    rings = pl.concat(
        _ring([share] * known.height, angles, f"{share}") for share in (0.25, 0.5, 0.75, 1.0)
    )
    spokes = pl.DataFrame(
        {"x": [cos(a) for a in angles], "y": [sin(a) for a in angles], "zero": 0.0}
    )
    far = pl.DataFrame(
        {"x": [1.1 * cos(a) for a in angles], "y": [1.1 * sin(a) for a in angles], "name": names}
    )
    x = alt.X("x:Q", axis=None, scale={"domain": [-1.2, 1.2]})
    y = alt.Y("y:Q", axis=None, scale={"domain": [-1.2, 1.2]})
    who = {"domain": ["This customer", segment], "range": [light("vermillion"), light("blue")]}
    dash = {"domain": ["This customer", segment], "range": [[1, 0], [5, 4]]}
    legend = {"title": None, "orient": "bottom", "symbolType": "stroke", "symbolStrokeWidth": 3}
    shape = mark(both, "line", strokeWidth=2.5).encode(
        x=x,
        y=y,
        order=alt.Order("order:Q"),
        detail="who:N",
        color=alt.Color("who:N", scale=who, legend=legend),
        strokeDash=alt.StrokeDash("who:N", scale=dash, legend=legend),
    )
    layers = [
        mark(rings, "line", color=light("grid"), strokeWidth=1).encode(
            x=x, y=y, order="order:Q", detail="who:N"
        ),
        mark(spokes, "rule", color=light("grid")).encode(
            x=x, y=y, x2=alt.X2("zero"), y2=alt.Y2("zero")
        ),
        shape,
        *_names(far, x, y),
    ]
    gap = known.with_columns(gap=(pl.col("rank") - pl.col("median_rank"))).sort(
        pl.col("gap").abs(), descending=True
    )
    name, difference = gap.select("feature", "gap").row(0)
    side = "above" if difference > 0 else "below"
    return dressed(
        alt.layer(*layers).properties(width=_RADAR, height=_RADAR),
        title=f"Furthest from the segment's median: {formatting.feature(name)} ({side} it)",
        subtitle="Centre: the lowest of all customers; rim: the highest.",
    )


def _ring(shares: list[float], angles: list[float], who: str) -> pl.DataFrame:
    """A closed line around the centre."""
    points = list(zip([*shares, shares[0]], [*angles, angles[0]], strict=True))
    return pl.DataFrame(
        {
            "x": [share * cos(a) for share, a in points],
            "y": [share * sin(a) for share, a in points],
            "order": range(len(points)),
            "who": who,
        }
    )


def _names(far: pl.DataFrame, x: Any, y: Any) -> list[Any]:
    """Names around the rim, each written away from the centre."""
    import altair as alt

    sides = {
        "left": pl.col("x") > _UPRIGHT,
        "right": pl.col("x") < -_UPRIGHT,
        "center": pl.col("x").abs() <= _UPRIGHT,
    }
    parts = [(align, far.filter(which)) for align, which in sides.items()]
    return [
        mark(part, "text", align=align, baseline="middle", lineBreak="\n").encode(
            x=x, y=y, text=alt.Text("name:N")
        )
        for align, part in parts
        if part.height
    ]


def reason_bars(reasons: pl.DataFrame, *, task: str) -> "ChartType":
    """The strongest reasons of one customer as bars, each with the customer's own value.

    Parameters
    ----------
    reasons
        REASONS of one customer.
    """
    import altair as alt

    mine = reasons.filter(pl.col("task") == task).sort("rank")
    if mine.is_empty():
        return empty(
            f"reasons for {OUTCOME[task]}", "Nothing about this customer moves the prediction."
        )
    told = [
        f"{label(name)}: {value}" for name, value in mine.select("feature", "value").iter_rows()
    ]
    bad = pl.col("contribution") > 0 if task == "churn" else pl.col("contribution") < 0
    table = mine.select(
        "contribution",
        row=pl.Series(told),
        side=pl.when(bad).then(pl.lit("bad")).otherwise(pl.lit("good")),
    )
    span = float(table["contribution"].abs().max()) * 1.05  # type: ignore[arg-type]
    less, more = {"churn": ("keeps", "drives away"), "value": ("worth less", "worth more")}[task]
    colours = {"domain": ["bad", "good"], "range": [light("vermillion"), light("blue")]}
    layers = (
        mark(table, "bar", height=18).encode(
            x=alt.X(
                "contribution:Q",
                axis=HIDDEN_AXIS | {"title": f"← {less} | {more} →"},
                scale={"domain": [-span, span]},
            ),
            y=alt.Y("row:N", sort=told, title=None, axis={"labelLimit": 300}),
            color=alt.Color("side:N", scale=colours, legend=None),
        ),
        zero("x"),
    )
    strongest = formatting.feature(mine["feature"][0])
    verb = "Raises" if mine["contribution"][0] > 0 else "Lowers"
    return dressed(
        alt.layer(*layers).properties(width=_NARROW + 40, height=32 * table.height),
        title=f"{verb} {'the risk' if task == 'churn' else 'the expected revenue'} most: "
        f"{strongest}",
    )


def value_by_horizon(horizons: pl.DataFrame, *, currency: str) -> "ChartType":
    """Expected revenue of one customer within each horizon, with 80 % and 95 % intervals.

    Parameters
    ----------
    horizons
        One customer's rows of the run's table `horizons`.
    """
    import altair as alt

    known = horizons.drop_nulls(["expected_revenue"]).sort("horizon_days")
    if known.is_empty():
        return empty(
            "value by horizon",
            "This run was not asked for other horizons, or nothing can be estimated.",
        )
    table = known.with_columns(
        when=pl.format("{} days", "horizon_days"),
        told=pl.Series([formatting.money(value, currency) for value in known["expected_revenue"]]),
    )
    x = alt.X("when:N", sort=table["when"].to_list(), axis={"title": None, "labelAngle": 0})
    y = number_axis(f"Revenue, {currency}")
    layers = (
        mark(table, "rule", color=light("blue"), strokeWidth=1.5).encode(
            x=x, y=alt.Y("low_95:Q", axis=y), y2="high_95:Q"
        ),
        mark(table, "rule", color=light("blue"), strokeWidth=6, strokeOpacity=0.5).encode(
            x=x, y="low_80:Q", y2="high_80:Q"
        ),
        mark(table, "point", filled=True, size=90, opacity=1, color=light("ink")).encode(
            x=x, y="expected_revenue:Q"
        ),
        mark(table, "text", align="left", dx=10, fontWeight="bold").encode(
            x=x, y="expected_revenue:Q", text="told:N"
        ),
    )
    last = table.row(-1, named=True)
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 100, height=230),
        title=f"{last['told']} expected within {formatting.count(last['horizon_days'])} days",
        subtitle="Point: mean. Thick: 80% interval, thin: 95% interval, where the run could "
        "estimate them.",
    )


def order_timeline(
    purchases: pl.DataFrame, *, cutoff_day: int, next_day: int | None, currency: str
) -> "ChartType":
    """The latest purchases of one customer, the day of scoring, and when the next is expected.

    Parameters
    ----------
    purchases
        One customer's PURCHASES.
    next_day
        None where no purchase is expected.
    """
    import altair as alt

    if purchases.is_empty():
        return empty("purchases", "This run keeps no purchases of this customer.")
    table = purchases.select(
        when=(pl.col("day") + 0).cast(pl.Date).cast(pl.Datetime("ms")),
        revenue="revenue",
        none=pl.lit(0.0),
    )
    marks = [(cutoff_day, "scored")] + (
        [(next_day, "next expected")] if next_day is not None else []
    )
    lines = pl.DataFrame(marks, schema={"day": pl.Int32, "what": pl.String}, orient="row").select(
        "what", when=pl.col("day").cast(pl.Date).cast(pl.Datetime("ms"))
    )
    x = alt.X("when:T", axis={"title": None, "grid": False, "tickCount": 6})
    y = alt.Y("revenue:Q", axis=number_axis(f"Revenue, {currency}", tickCount=3))
    told = [alt.Tooltip("when:T", format="%d %b %Y"), alt.Tooltip("revenue:Q", format=",.2f")]
    dash = {"domain": ["scored", "next expected"], "range": [[1, 0], [5, 4]]}
    layers = (
        mark(table, "rule", color=light("blue"), strokeWidth=2).encode(x=x, y=y, y2=alt.Y2("none")),
        mark(table, "point", filled=True, size=60, opacity=1, color=light("blue")).encode(
            x=x, y=y, tooltip=told
        ),
        mark(lines, "rule", color=light("ink")).encode(
            x=x, strokeDash=alt.StrokeDash("what:N", scale=dash, legend=None)
        ),
        *(
            mark(lines[k], "text", align="right", dx=-4, fontWeight="bold").encode(
                x=x, y=alt.value(-6 - 14 * k), text="what:N"
            )
            for k in range(lines.height)
        ),
    )
    n, last = purchases.height, int(purchases["day"].max())  # type: ignore[arg-type]
    coming = (
        f"; the next is expected about {formatting.day(next_day)}" if next_day is not None else ""
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 80, height=160),
        title=f"Last bought on {formatting.day(last)}, "
        f"{formatting.plural(cutoff_day - last, 'day')} before scoring{coming}",
        subtitle="The only day with a purchase."
        if n == 1
        else f"The latest {n} days with a purchase.",
    )
