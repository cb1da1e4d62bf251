"""Who: value against risk, the six segments, and what keeping them would bring at which rate."""

import polars as pl

from holdfast.report import chart_data, formatting, run_tables
from holdfast.report.charts.axes import (
    highest,
    number_axis,
    panel_title,
    share_axis,
    text_axis,
    total,
    words,
)
from holdfast.report.charts.base import (
    Chart,
    Options,
    by_name,
    empty,
    field,
    make_chart,
    mark,
    no_chart,
    panel,
    rule,
)
from holdfast.report.charts.line_names import name_lines
from holdfast.report.theme import (
    DOT,
    HIDDEN,
    SEGMENT_COLOURS,
    SEGMENT_SHAPES,
    WHOLE,
    WIDTH,
)
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES

_BESIDE = {"align": "left", "dx": 6}
_NAMES = {"minExtent": 116}
"""Room for the longest segment, also in a font wider than the one that was measured."""


def customer_quadrant(scores: pl.DataFrame, segments: pl.DataFrame, *, currency: str) -> Chart:
    """Value against risk: every customer, counted in cells, with the six segments in their
    places.
    """
    if scores.is_empty():
        return no_chart("customer_quadrant", "nobody")
    tiers, cells = chart_data.tiers(scores), chart_data.quadrant(scores)
    cells = cells.with_columns(weight=(pl.col("customers") + 1).log())
    low, high = -highest(-scores["risk_score"]), highest(scores["risk_score"])
    pad = max(0.16 * (high - low), 0.02)
    scale = {"domain": [low - pad, high + pad], "nice": False}
    x = field("place:Q", scale=WHOLE, axis=_value_axis(tiers, currency))
    y = field("risk:Q", axis=_risk_axis(low, high), scale=scale)
    box: Options = {
        "x": x | {"field": "left"},
        "x2": "right",
        "y": y | {"field": "bottom"},
        "y2": "top",
    }
    weights: Options = {"domain": [0, highest(cells["weight"])], "range": [0.12, 1]}
    shade = field("weight:Q", scale=weights, legend=None)
    walls = tiers.filter(pl.col("start") > 0).select(place="start")
    limits = tiers.drop_nulls("risk").select("end", "risk", place="start")
    risk = pl.when("at_risk").then(high + pad / 2).otherwise(low - pad / 2)
    names = _places(segments, tiers, currency).with_columns(risk=risk)
    color, shape = by_name("segment:N", SEGMENT_COLOURS), by_name("segment:N", SEGMENT_SHAPES)
    tips = [field("segment:N"), field("customers:Q", format=",")]
    tips.append(field("expected_revenue:Q", format=",.0f"))
    dashed = {"color": "ink", "strokeWidth": 1.5, "strokeDash": [5, 3]}
    note = {"align": "left", "dx": 10, "dy": 8}
    name = note | {"dy": -7, "fontWeight": "bold"}
    large = DOT | {"size": 90, "fillOpacity": 1.0}
    drawn = panel(
        mark("rule", walls, {"color": "line"}, x=x),
        mark("rect", cells, **box, color=color, fillOpacity=shade, tooltip=tips),
        mark("rule", limits, dashed, x=x, x2="end", y=y),
        mark("point", names, large, x=x, y=y, color=color, shape=shape),
        mark("text", names, name, x=x, y=y, text="segment:N"),
        mark("text", names, note, x=x, y=y, text="note:N"),
        size=(WIDTH - 60, 380),
    )
    customers = formatting.plural(scores.height, "customer")
    rows, title = (
        tiers.rename({"risk": "high_risk_from_score"}),
        _riskiest_quarter(segments, currency),
    )
    money = {"currency": currency}
    return make_chart("customer_quadrant", drawn, rows, title=title, customers=customers, **money)


def _risk_axis(low: float, high: float) -> Options:
    """Ticks where customers are, not where the names of segments stand."""
    step = next((step for step in (0.2, 0.1, 0.05, 0.02) if high - low >= 2 * step), 0.01)
    places = (k * step for k in range(round(1 / step) + 1))
    ticks = [round(at, 2) for at in places if low - 1e-9 <= at <= high + step / 2]
    return {"values": ticks, "format": ".2~f", "title": "Risk score, 0 to 1"}


def _value_axis(tiers: pl.DataFrame, currency: str) -> Options:
    """Amounts at the borders of the tiers and at both ends."""
    ticks = dict(tiers.select("start", "from_revenue").iter_rows()) | {1.0: tiers["to_revenue"][-1]}
    texts = {at: formatting.money(amount, currency) for at, amount in ticks.items()}
    title = "Expected revenue: customers in order, each value tier as wide as the others"
    return text_axis(texts, grid=False, title=title)


def _places(segments: pl.DataFrame, tiers: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Where each segment's name stands: at the left of its tier, above or below the customers."""
    homes = pl.DataFrame(
        {"segment": SEGMENT_NAMES, "value_tier": ("high", "high", "mid", "mid", "low", "low")}
    )
    starts = tiers.select(pl.col("value_tier").cast(pl.String), place=pl.col("start") + 0.02)
    customers = words(segments["customers"], formatting.plural, "customer")
    money = words(segments["total_ltv"], formatting.money, currency)
    noted = segments.select("segment", note=pl.format("{}, {}", customers, money))
    placed = noted.join(homes, on="segment", maintain_order="left").join(starts, on="value_tier")
    return placed.with_columns(at_risk=pl.col("segment").is_in(AT_RISK_SEGMENTS))


def _riskiest_quarter(segments: pl.DataFrame, currency: str) -> str:
    riskiest = segments.filter(pl.col("segment").is_in(AT_RISK_SEGMENTS))
    money, all_money = total(riskiest["total_ltv"]), total(segments["total_ltv"])
    share = f" ({formatting.percent(money / all_money, 0)})" if all_money > 0 else ""
    n = int(total(riskiest["customers"]))
    who = formatting.plural(n, "customer")
    hold = formatting.verb(n, "accounts for", "account for")
    return (
        f"{who} in the riskiest quarter of their value tier {hold} "
        f"{formatting.money(money, currency)}{share} of the expected revenue"
    )


def segment_analysis(segments: pl.DataFrame, *, currency: str) -> Chart:
    """Customers, expected revenue and churn probability of each segment, with one scale
    per panel.
    """
    shown = segments.filter(pl.col("customers") > 0)
    if shown.is_empty():
        return no_chart("segment_analysis", "nobody")
    customers, money, risk = (
        shown[name] for name in ("customers", "total_ltv", "average_churn_probability")
    )
    panels = [
        _segment_panel(shown, "Customers", customers, words(customers, formatting.count)),
        _segment_panel(shown, "Expected revenue", money, words(money, formatting.money, currency)),
        _segment_panel(shown, "Mean churn probability", risk, words(risk, formatting.percent)),
    ]
    held, best = total(money), shown.sort("total_ltv", descending=True).row(0, named=True)
    share = f"{formatting.percent(best['total_ltv'] / held, 0)} of the " if held > 0 else ""
    part = formatting.percent(best["customers"] / total(customers), 0)
    facts = {"segment": best["segment"], "held": formatting.money(held, currency)}
    drawn, table = (
        {"hconcat": panels, "spacing": 20},
        run_tables.segments(segments, currency=currency),
    )
    return make_chart("segment_analysis", drawn, table, part=part, share=share, **facts)


def _segment_panel(
    segments: pl.DataFrame, heading: str, amounts: pl.Series, texts: pl.Series
) -> Options:
    table = segments.select("segment", amount=amounts.cast(pl.Float64), text=texts)
    order = [name for name in SEGMENT_NAMES if name in table["segment"].to_list()]
    ends = [min(0.0, *table["amount"]), max(0.0, *table["amount"]) * 1.45 or 1.0]
    x = field("amount:Q", axis=HIDDEN, scale={"domain": ends, "nice": False})
    axis = _NAMES if heading == "Customers" else None
    y = field("segment:N", sort=order, title=None, axis=axis)
    color = by_name("segment:N", {name: SEGMENT_COLOURS[name] for name in order})
    return panel(
        mark("bar", table, {"height": 20}, x=x, y=y, color=color),
        mark("text", table, _BESIDE, x=x, y=y, text="text:N"),
        size=(172, 34 * len(order)),
        title=panel_title(heading),
    )


def revenue_recovery(recovery: pl.DataFrame, *, currency: str) -> Chart:
    """What keeping each at-risk segment costs and brings, and how far the rate is from breaking
    even.
    """
    if recovery.is_empty():
        return empty("recovery", "The study has no [recovery] for a segment that has customers.")
    sources = sorted(recovery["uplift_source"].unique())
    invested, recovered, net = (
        formatting.money(total(recovery[name]), currency)
        for name in ("invested", "recovered", "net")
    )
    verb, what = ("brings back", "The rates come from an experiment.")
    if "assumed" in sources:
        verb = "would bring back"
        what = (
            "Assumed rates come from the study, not from a measurement; "
            "an experiment would replace them."
        )
    source = formatting.capital(formatting.listing(sources))
    title = f"{source}: {invested} spent {verb} {recovered} (net {net})"
    drawn = {"hconcat": [_amounts(recovery, currency), _rates(recovery)], "spacing": 36}
    return Chart(drawn, title, what, run_tables.recovery(recovery, currency=currency))


def _amounts(recovery: pl.DataFrame, currency: str) -> Options:
    kinds = {"invested": "grey", "recovered": "green"}
    table = recovery.unpivot(
        on=list(kinds), index="segment", variable_name="kind", value_name="amount"
    )
    money = words(table["amount"], formatting.money, currency)
    table = table.with_columns(text=pl.format("{} {}", "kind", money))
    # The text beside the longest bar has room on a phone, too.
    ends = [min(0.0, *table["amount"]), max(1.0, *table["amount"]) * 2.6]
    x = field("amount:Q", axis=HIDDEN, scale={"domain": ends, "nice": False})
    place = {
        "x": x,
        "y": field("segment:N", sort=list(SEGMENT_NAMES), title=None, axis=_NAMES),
        "yOffset": "kind:N",
    }
    return panel(
        mark("bar", table, {"height": 16}, **place, color=by_name("kind:N", kinds)),
        mark("text", table, _BESIDE, **place, text="text:N"),
        size=(300, 58 * recovery.height),
        title=panel_title("Invested and recovered"),
    )


def _rates(recovery: pl.DataFrame) -> Options:
    columns = recovery.select("uplift_source", "rate", "break_even_rate").iter_rows()
    texts = [
        f"{source} {formatting.percent(rate, 0)}, {_when_it_pays(even)}"
        for source, rate, even in columns
    ]
    rates = recovery.with_columns(text=pl.Series(texts, dtype=pl.String))
    reachable = rates.filter(pl.col("break_even_rate") <= 1)
    axis = {"format": ".0%", "title": "Recovery rate", "values": [0, 0.5, 1.0], "grid": False}
    x = field("rate:Q", axis=axis, scale=WHOLE | {"clamp": True})
    y = field("segment:N", sort=list(SEGMENT_NAMES), title=None, axis=None)
    tick = {"color": "ink", "thickness": 3, "size": 18}
    return panel(
        mark(
            "rule", reachable, {"color": "line", "strokeWidth": 3}, x=x, x2="break_even_rate", y=y
        ),
        mark("tick", reachable, tick, x="break_even_rate:Q", y=y),
        mark("point", rates, DOT | {"size": 110, "color": "green"}, x=x, y=y),
        mark("text", rates, {"align": "left", "dy": -20}, x=0, y=y, text="text:N"),
        size=(200, 58 * recovery.height),
        title=panel_title("Rate (●) and break-even (|)"),
    )


def _when_it_pays(break_even_rate: float | None) -> str:
    if break_even_rate is None or break_even_rate > 1:
        return "never pays"
    return f"pays from {formatting.percent(break_even_rate)}"


_DASHES = ([1, 0], [6, 3], [2, 2])


def net_by_rate(recovery: pl.DataFrame, *, currency: str) -> Chart:
    """Net return of each segment's campaign at every recovery rate, with the assumed one and the
    break-even marked.

    Parameters
    ----------
    recovery
        RECOVERY, with net_low and net_high, as `campaigns.recovery` gives it.
    """
    plan = recovery.filter(pl.col("customers") > 0).with_columns(none=pl.lit(0.0))
    if plan.is_empty():
        return empty("campaign", "Nobody is contacted: raise the reach of a segment.")
    names, lines = plan["segment"].to_list(), net_lines(plan)
    colours = {name: SEGMENT_COLOURS[name] for name in names}
    color = by_name("segment:N", colours)
    dash = by_name("segment:N", dict(zip(names, _DASHES, strict=False)))
    x = field("rate:Q", axis=share_axis("Recovery rate"))
    y = field("net:Q", axis=number_axis(f"Net, {currency}"))
    even = plan.filter(pl.col("break_even_rate") <= highest(lines["rate"]))
    tick = {"thickness": 3, "size": 18, "orient": "vertical", "color": "ink"}
    drawn = panel(
        rule("y", 0),
        mark("line", lines, {"strokeWidth": 2}, x=x, y=y, color=color, strokeDash=dash),
        mark("tick", even, tick, x="break_even_rate:Q", y="none:Q"),
        mark("point", plan, DOT | {"size": 120}, x=x, y=y, color=color),
        mark("rule", plan, {"strokeWidth": 3}, x=x, y="net_low:Q", y2="net_high", color=color),
        *name_lines(lines, by="segment", x=x, y=y, color=color),
        size=(WIDTH - 80, 280),
    )
    n_paying, campaigns = (
        plan.filter(pl.col("net") > 0).height,
        formatting.plural(plan.height, "campaign"),
    )
    sources = formatting.capital(formatting.listing(sorted(plan["uplift_source"].unique())))
    net = formatting.money(total(plan["net"]), currency)
    pay = formatting.verb(n_paying, "pays", "pay")
    title = f"{sources}: {n_paying} of {campaigns} {pay}, net {net}"
    what = (
        "Point: the rate chosen. Tick at 0: break-even. Bar: low to high rate, totals as far "
        "off as before."
    )
    return Chart(drawn, title, what, run_tables.recovery(recovery, currency=currency))


def net_lines(plan: pl.DataFrame) -> pl.DataFrame:
    """Where each segment's line begins and ends: segment, rate, net."""
    by_cost = pl.col("invested") / pl.col("break_even_rate")
    by_rate = pl.when(pl.col("rate") > 0).then(pl.col("recovered") / pl.col("rate"))
    worth = pl.coalesce(by_rate, by_cost, 0.0)
    rates = [*plan["rate"], *plan["break_even_rate"].drop_nulls().clip(0, 1), 0.0]
    ends = (0.0, min(1.0, max(0.2, 1.4 * max(rates))))
    return pl.concat(
        plan.select("segment", rate=pl.lit(rate), net=worth * rate - pl.col("invested"))
        for rate in ends
    )
