"""Who: value against risk, the six segments, and what keeping them would bring."""

from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import formatting, ranking_curves
from holdfast.report.charts.base import HIDDEN_AXIS, WHOLE, Options, empty, mark, panel_title
from holdfast.report.theme import SEGMENT_COLOURS, SEGMENT_SHAPES, WIDTH, dressed, light
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES

if TYPE_CHECKING:
    from altair.typing import ChartType


def customer_quadrant(
    scores: pl.DataFrame, segments: pl.DataFrame, *, currency: str
) -> "ChartType":
    """Value against risk, with the six segments in their places; at most 1,000 customers
    are drawn.
    """
    import altair as alt

    if scores.is_empty():
        return empty("customers", "This run has scored no customer.")
    tiers, shown = ranking_curves.tiers(scores), ranking_curves.quadrant(scores, n=1000)
    low, high = float(scores["risk_score"].min()), float(scores["risk_score"].max())  # type: ignore[arg-type]
    pad = max(0.16 * (high - low), 0.02)
    x = alt.X("place:Q", scale=WHOLE, axis=_value_axis(tiers, currency))
    y = alt.Y(
        "risk:Q",
        axis=_risk_axis(low, high),
        scale={"domain": [low - pad, high + pad], "nice": False},
    )
    points = shown.select(
        "place", "segment", "expected_revenue", "churn_probability", risk="risk_score"
    )
    walls = mark(
        tiers.filter(pl.col("start") > 0).select(place="start"), "rule", color=light("line")
    )
    limits = tiers.drop_nulls("risk").select("end", "risk", place="start")
    steps = mark(limits, "rule", color=light("ink"), strokeWidth=1.5, strokeDash=[5, 3])
    names = _places(segments, tiers, currency).with_columns(
        risk=pl.when("at_risk").then(high + pad / 2).otherwise(low - pad / 2)
    )
    drawn = alt.layer(
        walls.encode(x=x),
        _points(points, size=18 if shown.height > 300 else 70, opacity=0.65).encode(x=x, y=y),
        steps.encode(x=x, x2=alt.X2("end"), y=y),
        _points(names, size=90, opacity=1.0).encode(x=x, y=y),
        mark(names, "text", align="left", dx=10, dy=-7, fontWeight="bold").encode(
            x=x, y=y, text=alt.Text("segment:N")
        ),
        mark(names, "text", align="left", dx=10, dy=8).encode(x=x, y=y, text=alt.Text("note:N")),
    )
    part = f"{formatting.count(shown.height)} of " if shown.height < scores.height else ""
    return dressed(
        drawn.properties(width=WIDTH - 60, height=380),
        title=_at_risk(segments, currency),
        subtitle=f"{part}{formatting.plural(scores.height, 'customer')}. High risk is above the "
        "dashed line of the tier.",
    )


def _points(table: pl.DataFrame, *, size: int, opacity: float) -> Any:
    import altair as alt

    colours = {
        "domain": list(SEGMENT_NAMES),
        "range": [light(SEGMENT_COLOURS[name]) for name in SEGMENT_NAMES],
    }
    shapes = {
        "domain": list(SEGMENT_NAMES),
        "range": [SEGMENT_SHAPES[name] for name in SEGMENT_NAMES],
    }
    told = [
        name
        for name in ("segment", "expected_revenue", "churn_probability")
        if name in table.columns
    ]
    return mark(table, "point", filled=True, size=size, opacity=1, fillOpacity=opacity).encode(
        color=alt.Color("segment:N", scale=colours, legend=None),
        shape=alt.Shape("segment:N", scale=shapes, legend=None),
        tooltip=[alt.Tooltip(name) for name in told],
    )


def _risk_axis(low: float, high: float) -> Options:
    """Ticks where customers are, not where the names of segments stand."""
    step = next((step for step in (0.2, 0.1, 0.05, 0.02) if high - low >= 2 * step), 0.01)
    ticks = [
        round(k * step, 2)
        for k in range(round(1 / step) + 1)
        if low - 1e-9 <= k * step <= high + step / 2
    ]
    return {"values": ticks, "format": ".2~f", "title": "Risk score, 0 to 1"}


def _value_axis(tiers: pl.DataFrame, currency: str) -> Options:
    """Amounts at the borders of the tiers and at both ends."""
    ticks = dict(tiers.select("start", "from_revenue").iter_rows()) | {1.0: tiers["to_revenue"][-1]}
    named = "".join(
        f"datum.value < {at + 1e-6!r} ? '{formatting.money(sum_, currency)}' : "
        for at, sum_ in ticks.items()
    )
    title = "Expected revenue: customers in order, each value tier as wide as the others"
    return {"values": list(ticks), "labelExpr": f"{named}''", "grid": False, "title": title}


def _places(segments: pl.DataFrame, tiers: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Where each segment's name stands: at the left of its tier, above or below the customers."""
    starts = dict(tiers.select("value_tier", "start").iter_rows())
    homes = zip(SEGMENT_NAMES, ("high", "high", "mid", "mid", "low", "low"), strict=True)
    home = pl.DataFrame(
        [(name, starts.get(tier)) for name, tier in homes],
        schema=["segment", "place"],
        orient="row",
    )
    notes = [
        f"{formatting.plural(n, 'customer')}, {formatting.money(total, currency)}"
        for n, total in segments.select("customers", "total_ltv").iter_rows()
    ]
    named = (
        segments.select("segment", note=pl.Series(notes, dtype=pl.String))
        .join(home, on="segment")
        .drop_nulls()
    )
    return named.with_columns(
        pl.col("place") + 0.02, at_risk=pl.col("segment").is_in(AT_RISK_SEGMENTS)
    )


def _at_risk(segments: pl.DataFrame, currency: str) -> str:
    at_risk = segments.filter(pl.col("segment").is_in(AT_RISK_SEGMENTS))
    money, all_money = (
        ranking_curves.total(at_risk, "total_ltv"),
        ranking_curves.total(segments, "total_ltv"),
    )
    share = f" ({formatting.percent(money / all_money, 0)})" if all_money > 0 else ""
    n = int(ranking_curves.total(at_risk, "customers"))
    holds = formatting.verb(n, "holds", "hold")
    who = f"{formatting.plural(n, 'customer')} in at-risk segments {holds}"
    return f"{who} {formatting.money(money, currency)}{share} of the expected revenue"


def segment_analysis(segments: pl.DataFrame, *, currency: str) -> "ChartType":
    """Customers, expected revenue and churn probability of each segment, with one scale
    per panel.
    """
    import altair as alt

    present = segments.filter(pl.col("customers") > 0)
    if present.is_empty():
        return empty("segments", "This run has scored no customer.")
    panels = [
        _segment_panel(
            present,
            "Customers",
            present["customers"],
            [formatting.count(n) for n in present["customers"]],
        ),
        _segment_panel(
            present,
            "Expected revenue",
            present["total_ltv"],
            [formatting.money(x, currency) for x in present["total_ltv"]],
        ),
        _segment_panel(
            present,
            "Mean churn probability",
            present["average_churn_probability"],
            [formatting.percent(share) for share in present["average_churn_probability"]],
        ),
    ]
    total, best = (
        ranking_curves.total(present, "total_ltv"),
        present.sort("total_ltv", descending=True).row(0, named=True),
    )
    share = f"{formatting.percent(best['total_ltv'] / total, 0)} of the " if total > 0 else ""
    part = formatting.percent(best["customers"] / ranking_curves.total(present, "customers"), 0)
    return dressed(
        alt.hconcat(*panels, spacing=20),
        title=f"{best['segment']} customers ({part} of all) hold "
        f"{share}{formatting.money(total, currency)} expected",
        subtitle="At-Risk VIP, Vulnerable and Losing Customer are the riskiest quarter of their "
        "value tier.",
    )


def _segment_panel(
    segments: pl.DataFrame, heading: str, amounts: pl.Series, texts: list[str]
) -> "ChartType":
    import altair as alt

    is_first = heading == "Customers"
    table = segments.select(
        "segment", amount=amounts.cast(pl.Float64), text=pl.Series(texts, dtype=pl.String)
    )
    order = [name for name in SEGMENT_NAMES if name in table["segment"].to_list()]
    ends = [min(0.0, *table["amount"]), max(0.0, *table["amount"]) * 1.45 or 1.0]
    x = alt.X("amount:Q", axis=HIDDEN_AXIS, scale={"domain": ends, "nice": False})
    y = alt.Y("segment:N", sort=order, title=None, axis={} if is_first else None)
    colours = {"domain": order, "range": [light(SEGMENT_COLOURS[name]) for name in order]}
    layers = (
        mark(table, "bar", height=20).encode(
            x=x, y=y, color=alt.Color("segment:N", scale=colours, legend=None)
        ),
        mark(table, "text", align="left", dx=6).encode(x=x, y=y, text=alt.Text("text:N")),
    )
    return alt.layer(*layers).properties(
        width=172, height=34 * len(order), title=panel_title(heading)
    )


def revenue_recovery(recovery: pl.DataFrame, *, currency: str) -> "ChartType":
    """What keeping each at-risk segment costs and brings, and how far the rate is from breaking
    even.
    """
    import altair as alt

    if recovery.is_empty():
        return empty("recovery", "The study has no [recovery] for a segment that has customers.")
    sources = sorted(recovery["uplift_source"].unique().to_list())
    invested, recovered, net = (
        formatting.money(ranking_curves.total(recovery, name), currency)
        for name in ("invested", "recovered", "net")
    )
    verb = "would bring back" if "assumed" in sources else "brings back"
    return dressed(
        alt.hconcat(_amounts(recovery, currency), _rates(recovery), spacing=36),
        title=f"{formatting.capital(formatting.listing(sources))}: {invested} spent {verb} "
        f"{recovered} (net {net})",
        subtitle="Assumed rates come from the study, not from a measurement; an experiment would "
        "replace them."
        if "assumed" in sources
        else "The rates come from an experiment.",
    )


def _amounts(recovery: pl.DataFrame, currency: str) -> "ChartType":
    import altair as alt

    long = recovery.unpivot(
        on=["invested", "recovered"], index="segment", variable_name="kind", value_name="amount"
    )
    written = [
        f"{kind} {formatting.money(amount, currency)}"
        for kind, amount in long.select("kind", "amount").iter_rows()
    ]
    table = long.with_columns(text=pl.Series(written, dtype=pl.String))
    ends = [min(0.0, *table["amount"]), max(1.0, *table["amount"]) * 1.9]
    y, offset = alt.Y("segment:N", sort=list(SEGMENT_NAMES), title=None), alt.YOffset("kind:N")
    x = alt.X("amount:Q", axis=HIDDEN_AXIS, scale={"domain": ends, "nice": False})
    colours = {"domain": ["invested", "recovered"], "range": [light("grey"), light("green")]}
    bars = mark(table, "bar", height=16).encode(
        color=alt.Color("kind:N", scale=colours, legend=None)
    )
    text = mark(table, "text", align="left", dx=6).encode(text=alt.Text("text:N"))
    panel = alt.layer(*(part.encode(x=x, y=y, yOffset=offset) for part in (bars, text)))
    return panel.properties(
        width=300, height=58 * recovery.height, title=panel_title("Invested and recovered")
    )


def _rates(recovery: pl.DataFrame) -> "ChartType":
    import altair as alt

    texts = [
        f"{source} {formatting.percent(rate, 0)}, "
        + (
            f"pays from {formatting.percent(even)}"
            if even is not None and even <= 1
            else "never pays"
        )
        for source, rate, even in recovery.select(
            "uplift_source", "rate", "break_even_rate"
        ).iter_rows()
    ]
    rates = recovery.select(
        "segment", "rate", even="break_even_rate", text=pl.Series(texts, dtype=pl.String)
    )
    y = alt.Y("segment:N", sort=list(SEGMENT_NAMES), title=None, axis=None)
    axis = {"format": ".0%", "title": "Recovery rate", "values": [0, 0.5, 1.0], "grid": False}
    x = alt.X("rate:Q", axis=axis, scale=WHOLE | {"clamp": True})
    even = alt.X("even:Q")
    known = rates.filter(pl.col("even") <= 1)
    layers = (
        mark(known, "rule", color=light("line"), strokeWidth=3).encode(y=y, x=x, x2=alt.X2("even")),
        mark(known, "tick", color=light("ink"), thickness=3, size=18).encode(y=y, x=even),
        mark(rates, "point", filled=True, size=110, color=light("green"), opacity=1).encode(
            y=y, x=x
        ),
        mark(rates, "text", align="left", dy=-20).encode(
            y=y, x=alt.value(0), text=alt.Text("text:N")
        ),
    )
    heading = panel_title("Rate (●) and break-even (|)")
    return alt.layer(*layers).properties(width=200, height=58 * recovery.height, title=heading)
