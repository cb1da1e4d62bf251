"""Who: value against risk, the six segments, and what keeping them would bring."""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.report import curves, words
from holdfast.report.charts.parts import empty, hidden_axis, panel_title
from holdfast.report.theme import SEGMENT_COLOURS, SEGMENT_SHAPES, WIDTH, dressed, light
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES

if TYPE_CHECKING:
    import altair as alt
    from altair.typing import ChartType


def customer_quadrant(scores: pl.DataFrame, segments: pl.DataFrame, *, currency: str) -> "ChartType":
    """Value against risk, with the six segments in their places; at most 1,200 customers are drawn."""
    import altair as alt

    if scores.is_empty():
        return empty("customers", "This run has scored no customer.")
    ordered = curves.quadrant(scores)
    tiers = curves.tiers(ordered)
    shown = curves.evenly(ordered, 1200)
    low, high = float(ordered["risk_score"].min()), float(ordered["risk_score"].max())  # type: ignore[arg-type]
    pad = max(0.16 * (high - low), 0.02)
    x = alt.X("place:Q", scale=alt.Scale(domain=[0, 1]), axis=_value_axis(ordered, tiers, currency))
    y = alt.Y("risk:Q", axis=_risk_axis(low, high), scale=alt.Scale(domain=[low - pad, high + pad], nice=False))
    points = shown.select("place", "segment", "expected_revenue", "churn_probability", risk="risk_score")
    walls = alt.Chart(tiers.filter(pl.col("start") > 0).select(place="start")).mark_rule(color=light("line"))
    limits = alt.Chart(tiers.drop_nulls("risk").select("end", "risk", place="start"))
    names = _places(segments, tiers, currency).with_columns(
        risk=pl.when("at_risk").then(high + pad / 2).otherwise(low - pad / 2)
    )
    drawn = alt.layer(
        walls.encode(x=x),
        _marks(points, size=18, opacity=0.55).encode(x=x, y=y),
        limits.mark_rule(color=light("ink"), strokeWidth=1.5, strokeDash=[5, 3]).encode(x=x, x2="end", y=y),
        _marks(names, size=90, opacity=1.0).encode(x=x, y=y),
        *(
            alt.Chart(names).mark_text(align="left", dx=10, **style).encode(x=x, y=y, text=text)
            for text, style in (("segment:N", {"dy": -7, "fontWeight": "bold"}), ("note:N", {"dy": 8}))
        ),
    )
    part = f"{words.count(shown.height)} of " if shown.height < scores.height else ""
    return dressed(
        drawn.properties(width=WIDTH - 60, height=380),
        title=_risk_title(segments, currency),
        subtitle=f"{part}{words.plural(scores.height, 'customer')}. High risk is above the dashed line of the tier.",
    )


def _marks(table: pl.DataFrame, *, size: int, opacity: float) -> "alt.Chart":
    import altair as alt

    colours = alt.Scale(domain=list(SEGMENT_NAMES), range=[light(SEGMENT_COLOURS[name]) for name in SEGMENT_NAMES])
    shapes = alt.Scale(domain=list(SEGMENT_NAMES), range=[SEGMENT_SHAPES[name] for name in SEGMENT_NAMES])
    return alt.Chart(table).mark_point(filled=True, size=size, opacity=opacity).encode(
        color=alt.Color("segment:N", scale=colours, legend=None),
        shape=alt.Shape("segment:N", scale=shapes, legend=None),
        tooltip=[name for name in table.columns if name not in ("place", "at_risk", "note")],
    )  # fmt: skip


def _risk_axis(low: float, high: float) -> "alt.Axis":
    """Ticks where customers are, not where the names of segments stand."""
    import altair as alt

    step = next((step for step in (0.2, 0.1, 0.05, 0.02) if high - low >= 2 * step), 0.01)
    ticks = [round(k * step, 2) for k in range(round(1 / step) + 1) if low - 1e-9 <= k * step <= high + step / 2]
    return alt.Axis(values=ticks, format=".2~f", title="Risk score, 0 to 1")


def _value_axis(ordered: pl.DataFrame, tiers: pl.DataFrame, currency: str) -> "alt.Axis":
    import altair as alt

    revenue = ordered["expected_revenue"]
    ticks = dict(tiers.select("start", "from_revenue").iter_rows()) | {1.0: revenue[-1]}
    middle = "".join(f"datum.value < {place + 1e-6!r} ? '{words.money(at, currency)}' : " for place, at in ticks.items())
    title = "Expected revenue: customers in order, from the lowest to the highest"
    return alt.Axis(values=list(ticks), labelExpr=f"{middle}''", grid=False, title=title)


def _places(segments: pl.DataFrame, tiers: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Where each segment's name stands: at the left of its tier, above or below the customers."""
    starts = dict(tiers.select("value_tier", "start").iter_rows())
    homes = zip(SEGMENT_NAMES, ("high", "high", "mid", "mid", "low", "low"), strict=True)
    home = pl.DataFrame([(name, starts.get(tier)) for name, tier in homes], schema=["segment", "place"], orient="row")
    notes = [
        f"{words.plural(n, 'customer')}, {words.money(total, currency)}"
        for n, total in segments.select("customers", "total_ltv").iter_rows()
    ]
    named = segments.select("segment", note=pl.Series(notes, dtype=pl.String)).join(home, on="segment").drop_nulls()
    return named.with_columns(pl.col("place") + 0.025, at_risk=pl.col("segment").is_in(AT_RISK_SEGMENTS))


def _risk_title(segments: pl.DataFrame, currency: str) -> str:
    at_risk = segments.filter(pl.col("segment").is_in(AT_RISK_SEGMENTS))
    money, all_money = at_risk["total_ltv"].sum(), segments["total_ltv"].sum()
    share = f" ({words.percent(money / all_money, 0)})" if all_money > 0 else ""
    who = words.plural(at_risk["customers"].sum(), "customer")
    return f"{who} at high risk hold {words.money(money, currency)}{share} of the expected revenue"


def segment_analysis(segments: pl.DataFrame, *, currency: str) -> "ChartType":
    """Customers, expected revenue and churn probability of each segment, with one scale per panel."""
    import altair as alt

    present = segments.filter(pl.col("customers") > 0)
    if present.is_empty():
        return empty("segments", "This run has scored no customer.")
    total = float(present["total_ltv"].sum())
    best = present.sort("total_ltv", descending=True).row(0, named=True)
    part = words.percent(best["customers"] / present["customers"].sum(), 0)
    columns = {
        "Customers": ("customers", words.count),
        "Expected revenue": ("total_ltv", lambda amount: words.money(amount, currency)),
        "Mean churn probability": ("average_churn_probability", words.percent),
    }
    panels = []
    for heading, (column, written) in columns.items():
        texts = pl.Series([written(value) for value in present[column]], dtype=pl.String)
        table = present.select("segment", amount=pl.col(column).cast(pl.Float64), text=texts)
        panels.append(_segment_panel(table, heading, is_first=not panels))
    share = f"{words.percent(best['total_ltv'] / total, 0)} of " if total > 0 else ""
    return dressed(
        alt.hconcat(*panels, spacing=20),
        title=f"{best['segment']} customers ({part} of all) hold {share}{words.money(total, currency)} expected",
        subtitle="At-Risk VIP, Vulnerable and Losing Customer are the riskiest quarter of their value tier.",
    )


def _segment_panel(table: pl.DataFrame, heading: str, *, is_first: bool) -> "alt.LayerChart":
    import altair as alt

    order = [name for name in SEGMENT_NAMES if name in table["segment"].to_list()]
    top = max(float(table["amount"].max()), 0.0)  # type: ignore[arg-type]
    least = min(float(table["amount"].min()), 0.0)  # type: ignore[arg-type]
    base = alt.Chart(table).encode(
        y=alt.Y("segment:N", sort=order, title=None, axis=alt.Axis() if is_first else None),
        x=alt.X("amount:Q", axis=hidden_axis(), scale=alt.Scale(domain=[least, (top or 1) * 1.45], nice=False)),
    )
    colours = alt.Scale(domain=order, range=[light(SEGMENT_COLOURS[name]) for name in order])
    bars = base.mark_bar(height=20).encode(color=alt.Color("segment:N", scale=colours, legend=None))
    text = base.mark_text(align="left", dx=6).encode(text="text:N")
    return alt.layer(bars, text).properties(width=172, height=34 * len(order), title=panel_title(heading))


def revenue_recovery(recovery: pl.DataFrame, *, currency: str) -> "ChartType":
    """What keeping each at-risk segment costs and brings, and how far the rate is from breaking even."""
    import altair as alt

    if recovery.is_empty():
        return empty("recovery", "The study has no [recovery] for a segment that has customers.")
    source = words.listing(sorted(recovery["uplift_source"].unique().to_list()))
    invested, recovered, net = (words.money(recovery[name].sum(), currency) for name in ("invested", "recovered", "net"))
    verb = "would bring back" if "assumed" in source else "brings back"
    return dressed(
        alt.hconcat(_amounts(recovery, currency), _rates(recovery), spacing=36),
        title=f"{source.capitalize()}: {invested} spent {verb} {recovered} (net {net})",
        subtitle="Recovery rates are assumptions of the study until an experiment measures them."
        if "assumed" in source
        else "Recovery rates come from an experiment.",
    )


def _amounts(recovery: pl.DataFrame, currency: str) -> "alt.LayerChart":
    import altair as alt

    long = recovery.unpivot(on=["invested", "recovered"], index="segment", variable_name="kind", value_name="amount")
    written = [f"{kind} {words.money(amount, currency)}" for kind, amount in long.select("kind", "amount").iter_rows()]
    top = max(float(long["amount"].max() or 0), 1.0)  # type: ignore[arg-type]
    base = alt.Chart(long.with_columns(text=pl.Series(written))).encode(
        y=alt.Y("segment:N", sort=list(SEGMENT_NAMES), title=None),
        yOffset="kind:N",
        x=alt.X("amount:Q", axis=hidden_axis(), scale=alt.Scale(domainMax=top * 1.9, zero=True, nice=False)),
    )
    colours = alt.Scale(domain=["invested", "recovered"], range=[light("grey"), light("green")])
    bars = base.mark_bar(height=16).encode(color=alt.Color("kind:N", scale=colours, legend=None))
    text = base.mark_text(align="left", dx=6).encode(text="text:N")
    panel = alt.layer(bars, text)
    return panel.properties(width=300, height=58 * recovery.height, title=panel_title("Invested and recovered"))


def _rates(recovery: pl.DataFrame) -> "alt.LayerChart":
    import altair as alt

    rates = recovery.with_columns(
        at=pl.max_horizontal("rate", "break_even_rate").clip(0, 1),
        text=pl.Series(
            [
                f"{source} {words.percent(rate, 0)}, " + (f"pays from {words.percent(even)}" if even is not None and even <= 1 else "never pays")
                for source, rate, even in recovery.select("uplift_source", "rate", "break_even_rate").iter_rows()
            ],
            dtype=pl.String,
        ),
    )
    y = alt.Y("segment:N", sort=list(SEGMENT_NAMES), title=None, axis=None)
    scale = alt.Scale(domain=[0, 1.0], clamp=True)
    x = alt.X("rate:Q", axis=alt.Axis(format=".0%", title="Recovery rate", values=[0, 0.5, 1.0], grid=False), scale=scale)
    base = alt.Chart(rates)
    span = base.mark_rule(color=light("line"), strokeWidth=3).encode(y=y, x=x, x2="break_even_rate:Q")
    even = base.mark_tick(color=light("ink"), thickness=3, size=18).encode(y=y, x=alt.X("break_even_rate:Q"))
    rate = base.mark_point(filled=True, size=110, color=light("green"), opacity=1).encode(y=y, x=x)
    text = base.mark_text(align="left", dy=-20).encode(y=y, x=alt.value(0), text="text:N")
    panel = alt.layer(span, even, rate, text)
    heading = panel_title("Rate (●) and break-even (|)")
    return panel.properties(width=200, height=58 * recovery.height, title=heading)
