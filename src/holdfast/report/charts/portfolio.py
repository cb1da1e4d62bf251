"""The whole base: how value is spread, where value meets risk, and who moved since the last run."""

from typing import Any

import polars as pl

from holdfast.report import chart_data, formatting
from holdfast.report.charts.axes import highest, number_axis, share_axis, text_axis, total, words
from holdfast.report.charts.base import (
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
from holdfast.report.table_format import Table, make_table
from holdfast.report.theme import BLUE, DOT, SEGMENT_COLOURS, WHOLE, WIDTH
from holdfast.segments import is_likely_to_leave
from holdfast.study import SEGMENT_NAMES

_CELL = BLUE | {"stroke": "panel"}
_STRONGEST = 0.5
"""Opacity of the fullest cell: text on it keeps a contrast of 4.5:1 in both themes."""


def amount_axis(top: float, currency: str, **options: Any) -> Options:
    """An axis of log(1 + amount), with round amounts."""
    amounts = pl.Series(chart_data.ticks(top))
    texts = words(amounts, formatting.money, currency)
    places = dict(zip(chart_data.on_axis(amounts).tolist(), texts, strict=True))
    return text_axis(places, title="Expected revenue, log scale", **options)


def revenue_distribution(scores: pl.DataFrame, *, currency: str) -> Chart:
    """How many customers are expected to be worth how much."""
    revenue = scores["expected_revenue"]
    if highest(revenue) <= 0:
        return no_chart("revenue_distribution", "no_revenue")
    bins = chart_data.revenue_bins(scores)
    ends = [words(bins[name], formatting.money, currency) for name in ("least", "most")]
    table = bins.with_columns(worth=pl.format("{} to {}", *ends), none=pl.lit(0))
    x = field("start:Q", axis=amount_axis(highest(bins["end"]), currency, grid=False))
    y = field("customers:Q", axis=number_axis("Customers"))
    tips = [field("worth:N"), field("customers:Q", format=",")]
    bars = mark("rect", table, _CELL, x=x, x2="end", y=y, y2="none", tooltip=tips)
    top = formatting.percent(total(revenue.top_k(max(1, scores.height // 10))) / total(revenue), 0)
    facts = {
        "top": top,
        "customers": formatting.plural(scores.height, "customer"),
        "median": formatting.money(_median(revenue), currency),
    }
    coarse = chart_data.revenue_bins(scores, n=12).filter(pl.col("customers") > 0)
    drawn, rows = panel(bars, size=(WIDTH - 60, 320)), coarse.rename({"expected_revenue": "in_all"})
    return make_chart("revenue_distribution", drawn, rows, currency=currency, **facts)


def _median(values: pl.Series) -> float:
    return float(values.median() or 0.0)  # type: ignore[arg-type]


def value_by_segment(scores: pl.DataFrame, *, currency: str) -> Chart:
    """The spread of expected revenue in each segment, as violins with median and quartiles."""
    if highest(scores["expected_revenue"]) <= 0:
        return no_chart("value_by_segment", "no_revenue")
    outline, middle = chart_data.value_density(scores), _middles(scores, currency)
    names = middle["segment"].to_list()
    scale = {"domain": [len(names) - 0.5, -0.5], "nice": False}
    x = field("place:Q", axis=amount_axis(highest(outline["place"]), currency))
    y = field("low:Q", axis=text_axis(dict(enumerate(names)), title=None, grid=False), scale=scale)
    row, tips = field("row:Q", scale=scale), [field("text:N", title="Median")]
    look = {
        "color": by_name("segment:N", {name: SEGMENT_COLOURS[name] for name in names}),
        "detail": "segment:N",
    }
    drawn = panel(
        mark("area", outline, {"fillOpacity": 0.55}, x=x, y=y, y2="high", **look),
        mark("rule", middle, {"color": "ink", "strokeWidth": 3}, x="from:Q", x2="to", y=row),
        mark("point", middle, DOT | {"size": 70, "color": "ink"}, x="at:Q", y=row, tooltip=tips),
        mark(
            "text", middle, {"align": "left", "dx": 8}, x={"value": "width"}, y=row, text="text:N"
        ),
        size=(WIDTH - 120, 58 * len(names)),
    )
    best = middle.sort("at", descending=True).row(0, named=True)
    facts = {"segment": best["segment"], "text": best["text"]}
    return make_chart("value_by_segment", drawn, _quartiles(scores, currency), **facts)


def _quartiles(scores: pl.DataFrame, currency: str) -> Table:
    """The spread of each segment."""
    rows = chart_data.value_quartiles(scores).rename({"tenth": "tenth_value"})
    names = "segment customers tenth_value quarter median three_quarters nine_tenths"
    return make_table("Expected revenue by segment", rows, names, currency=currency)


def _middles(scores: pl.DataFrame, currency: str) -> pl.DataFrame:
    """Median and quartiles of each segment on the axis: row, segment, text, at, from, to."""
    quartiles = chart_data.value_quartiles(scores).with_row_index("row")
    columns = {"at": "median", "from": "quarter", "to": "three_quarters"}
    places = {to: pl.Series(chart_data.on_axis(quartiles[name])) for to, name in columns.items()}
    return quartiles.select(
        "row", "segment", text=words(quartiles["median"], formatting.money, currency), **places
    )


def value_against_risk(scores: pl.DataFrame, *, threshold: float, currency: str) -> Chart:
    """Every customer, counted in cells of expected revenue by churn probability."""
    if scores.is_empty():
        return no_chart("value_against_risk", "nobody")
    cells = chart_data.crowd(scores).with_columns(weight=(pl.col("customers") + 1).log())
    x = field("left:Q", axis=amount_axis(highest(cells["right"]), currency, grid=False))
    y = field("bottom:Q", axis=share_axis("Churn probability", grid=False), scale=WHOLE)
    scale = {"domain": [0, highest(cells["weight"])], "range": [0.08, 1]}
    shade = field("weight:Q", scale=scale, legend=None)
    tips = [field("customers:Q", format=","), field("expected_revenue:Q", format=",.0f")]
    tips.append(field("bottom:Q", format=".0%", title="risk from"))
    median = _median(scores["expected_revenue"])
    drawn = panel(
        mark("rect", cells, BLUE, x=x, x2="right", y=y, y2="top", fillOpacity=shade, tooltip=tips),
        rule("y", threshold, "vermillion", strokeDash=[5, 4]),
        rule("x", chart_data.on_axis(pl.Series([median]))[0], "ink", strokeDash=[2, 3]),
        size=(WIDTH - 60, 340),
    )
    is_valuable = pl.col("expected_revenue") >= median
    title = _likely_to_leave(scores.filter(is_likely_to_leave(threshold) & is_valuable), currency)
    facts = {
        "customers": formatting.count(scores.height),
        "threshold": formatting.percent(threshold, 0),
    }
    table = _quartiles(scores, currency)
    return make_chart("value_against_risk", drawn, table, title=title, **facts)


def _likely_to_leave(both: pl.DataFrame, currency: str) -> str:
    if both.is_empty():
        return "Nobody of the more valuable half is likely to leave"
    n, held = both.height, formatting.money(total(both["expected_revenue"]), currency)
    leave = formatting.verb(
        n, "is likely to leave and accounts for", "are likely to leave and account for"
    )
    return f"{formatting.plural(n, 'customer')} of the more valuable half {leave} {held}"


def risk_bands(scores: pl.DataFrame, *, currency: str) -> Chart:
    """Value tier by band of churn probability: customers and what they hold, cell by cell."""
    if scores.is_empty():
        return no_chart("risk_bands", "nobody")
    cells = chart_data.bands(scores)
    held = words(cells["expected_revenue"], formatting.money, currency)
    cells = cells.with_columns(n=words(cells["customers"], formatting.count), held=held)
    axis = {"title": "Churn probability", "labelAngle": 0, "orient": "top"}
    x = field("band:N", sort=list(chart_data.BANDS), axis=axis)
    y = field("value_tier:N", sort=["high", "mid", "low"], axis={"title": "Value tier"})
    drawn = panel(
        _cells(cells, x, y),
        mark("text", cells, {"fontWeight": "bold", "dy": -8}, x=x, y=y, text="n:N"),
        mark("text", cells, {"dy": 9}, x=x, y=y, text="held:N"),
        size=(WIDTH - 120, 210),
    )
    is_worst = (pl.col("value_tier") == "high") & pl.col("band").is_in(["high", "very high"])
    n = int(total(cells.filter(is_worst)["customers"]))
    who = formatting.plural(n, "customer") if n else "Nobody"
    have = "has" if n < 2 else "have"
    return make_chart("risk_bands", drawn, cells, currency=currency, who=who, have=have)


def _cells(table: pl.DataFrame, x: Options, y: Options) -> Options:
    """Cells, the fuller the darker."""
    scale = {"domain": [0, highest(table["customers"]) or 1], "range": [0.04, _STRONGEST]}
    shade = field("customers:Q", scale=scale, legend=None)
    return mark("rect", table, _CELL | {"strokeWidth": 2}, x=x, y=y, fillOpacity=shade)


def segment_moves(moves: pl.DataFrame, *, currency: str) -> Chart:
    """From which segment to which, since the run before.

    Parameters
    ----------
    moves
        was, now, customers, expected_revenue, as of `runs.run_history.moves`.
    """
    if moves.is_empty():
        return no_chart("segment_moves", "first")
    has_moved, order = pl.col("was") != pl.col("now"), [*SEGMENT_NAMES, "new", "gone"]
    x = field("now:N", sort=order, axis={"title": "Is now", "labelAngle": -35, "orient": "top"})
    y = field("was:N", sort=order, axis={"title": "Was"})
    grey = {"color": "grid", "stroke": "panel", "strokeWidth": 2}
    drawn = panel(
        _cells(moves.filter(has_moved), x, y),
        mark("rect", moves.filter(~has_moved), grey, x=x, y=y),
        mark("text", moves, x=x, y=y, text=field("customers:Q", format=",")),
        size=(WIDTH - 140, 300),
    )
    both = moves.filter((pl.col("was") != "new") & (pl.col("now") != "gone"))
    n, changed = (int(total(table["customers"])) for table in (both, both.filter(has_moved)))
    share = f" ({formatting.percent(changed / n, 0)})" if n else ""
    rows = moves.filter(has_moved).rename({"now": "is_now"})
    customers = formatting.plural(changed, "customer")
    facts = {"currency": currency, "customers": customers, "share": share}
    return make_chart("segment_moves", drawn, rows, **facts)
