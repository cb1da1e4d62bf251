"""How good, seen from the list: lift, deciles, past cutoffs, the candidates that lost, and how
often the intervals of revenue held.
"""

import numpy as np
import polars as pl

from holdfast.report import evidence_tables, formatting, ranking_curves
from holdfast.report.chart_data import ticks
from holdfast.report.charts.axes import highest, number_axis, panel_title, share_axis, total, words
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
from holdfast.report.charts.evidence import COLOURS, DASHES, pair_of_texts
from holdfast.report.charts.line_names import name_lines
from holdfast.report.ranking_curves import tenths
from holdfast.report.theme import BLUE, DOT, KEY, MUTED, WHOLE, WIDTH, light

_PREDICTED = {
    "color": by_name("what:N", {"Predicted": "blue", "Actual": "vermillion"}, KEY),
    "shape": by_name("what:N", {"Predicted": "circle", "Actual": "square"}, KEY),
}
_KINDS = {
    "color": by_name("kind:N", {"chosen": "blue", "candidate": "green", "baseline": "grey"}),
    "shape": by_name("kind:N", {"chosen": "circle", "candidate": "diamond", "baseline": "square"}),
}


def _predicted_and_actual(table: pl.DataFrame, index: str) -> pl.DataFrame:
    """A row for each figure: index, what (Predicted or Actual), share."""
    figures = table.select(index, Predicted="predicted", Actual="actual")
    return figures.unpivot(index=index, variable_name="what", value_name="share")


def decile_chart(predictions: pl.DataFrame) -> Chart:
    """Predicted and actual churn of ten groups, the riskiest first."""
    table = ranking_curves.deciles(predictions)
    if table.is_empty():
        return no_chart("decile_chart", "no_outcome")
    long = _predicted_and_actual(table, "decile")
    x = field("decile:O", axis={"title": "Tenth of the customers, riskiest first", "labelAngle": 0})
    y = field("share:Q", axis=share_axis("Share that leaves"))
    bars = long.filter(pl.col("what") == "Actual")
    drawn = panel(
        mark("bar", bars, {"color": "vermillion", "fillOpacity": 0.3}, x=x, y=y),
        mark("point", long, DOT | {"size": 80}, x=x, y=y, **_PREDICTED),
        size=(WIDTH - 80, 240),
    )
    first, last = (formatting.percent(table["actual"][k], 0) for k in (0, -1))
    rows = table.rename({"decile": "tenth"})
    return make_chart("decile_chart", drawn, rows, first=first, last=last)


def lift_curve(steps: pl.DataFrame) -> Chart:
    """How many times more leavers than at random, down the list.

    Parameters
    ----------
    steps
        `ranking_curves.cumulative(predictions)`.
    """
    table = ranking_curves.gains(steps).filter((pl.col("task") == "churn") & (pl.col("x") >= 0.02))
    if table.is_empty():
        return no_chart("lift_curve", "no_outcome")
    table = table.with_columns(lift=pl.col("y") / pl.col("x"))
    x = field("x:Q", scale=WHOLE, axis=share_axis("Customers, riskiest first"))
    y = field("lift:Q", axis=number_axis("Lift"), scale={"zero": True})
    color, dash = by_name("model:N", COLOURS), by_name("model:N", DASHES)
    named = name_lines(table, by="model", x=x, y=y, color=color)
    line = mark("line", table, {"strokeWidth": 2.5}, x=x, y=y, color=color, strokeDash=dash)
    model, baseline = (
        share and formatting.decimal(share / 0.1, 2)
        for share in ranking_curves.capture_at(table, 0.1)
    )
    beside = f" (naive baseline {baseline})" if baseline else ""
    drawn = panel(rule("y", 1, strokeDash=[2, 3]), line, *named, size=(WIDTH - 80, 240))
    figures = evidence_tables.gains(steps)
    return make_chart("lift_curve", drawn, figures, model=model, beside=beside)


def churn_at_cutoffs(predictions: pl.DataFrame) -> Chart:
    """Predicted beside actual churn, past cutoff by past cutoff."""
    table = ranking_curves.churn_by_cutoff(predictions)
    if table.is_empty():
        return no_chart("churn_at_cutoffs", "no_outcome")
    table = table.with_columns(cutoff=words(table["cutoff_day"], formatting.day))
    long, actual = _predicted_and_actual(table, "cutoff"), table.with_columns(what=pl.lit("Actual"))
    gap, scale = {"paddingInner": 0.6, "paddingOuter": 0.5}, {"zero": False, "padding": 20}
    axis = {"title": None, "labelAngle": 0}
    x = field("cutoff:N", sort=table["cutoff"].to_list(), axis=axis, scale=gap)
    place = {"x": x, "xOffset": field("what:N", sort=["Predicted", "Actual"])}
    y = field("share:Q", axis=share_axis("Share that leaves"), scale=scale)
    low = field("low:Q", scale=scale)
    drawn = panel(
        mark("rule", actual, {"color": "vermillion", "strokeWidth": 2}, **place, y=low, y2="high"),
        mark("point", long, DOT | {"size": 110}, **place, y=y, **_PREDICTED),
        *pair_of_texts(long, "what", **place, y=y, text=field("share:Q", format=".0%")),
        size=(WIDTH - 90, 220),
    )
    points = table.select((pl.col("predicted") - pl.col("actual")).abs().mean()).item()
    off, average = formatting.decimal(100 * points, 1), ", on average" * (table.height > 1)
    return make_chart("churn_at_cutoffs", drawn, table, points=off, average=average)


def candidates(evidence: pl.DataFrame, *, currency: str) -> Chart:
    """The chosen model beside the candidates and the naive baseline, mean over the cutoffs."""
    table = ranking_curves.standings(evidence)
    if table.is_empty():
        return no_chart("candidates", "no_proof")
    parts = table.partition_by("task", "metric", as_dict=True)
    shown = [
        (task, metric)
        for task, metrics in ranking_curves.SHOWN.items()
        for metric in metrics
        if (task, metric) in parts
    ]
    panels = [_standing(parts[task, metric], task, metric) for task, metric in shown]
    others = table.filter(pl.col("kind") == "candidate")["name"].n_unique()
    beside = f"{formatting.plural(others, 'candidate')} and " if others else ""
    rows = table.select("task", "metric", model="name", role="kind", mean="value")
    drawn = {"vconcat": panels, "spacing": 34}
    return make_chart("candidates", drawn, rows, currency=currency, others=beside)


def _standing(table: pl.DataFrame, task: str, metric: str) -> Options:
    shown = formatting.METRICS[metric]
    order = table.sort("value", descending=shown.better == "higher")["name"].to_list()
    axis = {"title": None, "format": ".3~f", "tickCount": 4}
    x = field("value:Q", axis=axis, scale={"zero": False, "padding": 16})
    y = field("name:N", sort=order, title=None)
    dots = mark("point", table, DOT | {"size": 100}, x=x, y=y, **_KINDS)
    bars = mark("rule", table, MUTED, x="low:Q", x2="high", y=y)
    title = panel_title(f"{formatting.capital(task)}: {shown.label}, {shown.better} is better")
    return panel(bars, dots, size=(WIDTH - 260, 30 * table.height + 6), title=title)


PROMISED = 0.8
_LINE_OF_TEXT = 16
"""Pixels."""
_TOTALS = {"Expected": "blue", "Actual": "vermillion", "Naive baseline": "grey"}
_TOTAL_DASHES = {"Expected": [1, 0], "Actual": [1, 0], "Naive baseline": [5, 4]}
_SIZE = (WIDTH // 2 - 62, 250)
_X = field("tenth:O", axis={"title": "Tenth by expected revenue", "labelAngle": 0})


def promises(predictions: pl.DataFrame, *, currency: str) -> Chart:
    """Predicted against realised revenue, and how often the 80 % interval held, by tenth of
    predicted revenue.
    """
    table = tenths(predictions)
    if table.is_empty():
        return no_chart("promises", "no_pair")
    covered = table.drop_nulls("held_80")
    size = (_SIZE[0] - 50 if covered.height else WIDTH - 160, _SIZE[1])
    panels = [_totals(table, currency, size), *([_coverage(covered)] if covered.height else [])]
    drawn, title = {"hconcat": panels, "spacing": 30}, _describe_coverage(covered, table)
    by_tenth = evidence_tables.revenue_by_tenth(predictions, currency=currency)
    cutoffs = table["cutoff_day"].n_unique()
    return make_chart("promises", drawn, by_tenth, title=title, cutoffs=cutoffs)


def _describe_coverage(covered: pl.DataFrame, table: pl.DataFrame) -> str:
    if covered.height:
        share = float(np.average(covered["held_80"], weights=covered["customers"]))
        inside = formatting.percent(share)
        return f"Actual revenue was inside the 80% interval for {inside} of customers"
    predicted, actual = (
        total(table[name] * table["customers"]) for name in ("predicted", "actual")
    )
    share_expected = formatting.percent(predicted / actual if actual > 0 else None, 0)
    return f"Expected revenue was {share_expected} of the actual"


def _totals(table: pl.DataFrame, currency: str, size: tuple[int, int]) -> Options:
    named = table.rename(
        {"predicted": "Expected", "actual": "Actual", "baseline": "Naive baseline"}
    )
    long = named.unpivot(
        list(_TOTALS), index=["cutoff_day", "tenth"], variable_name="kind", value_name="revenue"
    )
    long = long.with_columns(pl.col("revenue").clip(0))
    axis = number_axis(
        f"Mean revenue, {currency}", values=ticks(float(np.log1p(highest(long["revenue"]))))
    )
    y, detail = field("revenue:Q", scale={"type": "symlog"}, axis=axis), "cutoff_day:O"
    color, dash = by_name("kind:N", _TOTALS), by_name("kind:N", _TOTAL_DASHES)
    line = mark(
        "line", long, {"strokeWidth": 2}, x=_X, y=y, color=color, strokeDash=dash, detail=detail
    )
    bold = {"align": "left", "dx": 12, "fontWeight": "bold"}
    names = mark("text", _apart(long, size[1]), bold, x=_X, y=y, color=color, text="kind:N")
    return panel(line, names, size=size, title=panel_title("Expected and actual"))


def _apart(long: pl.DataFrame, height: int) -> pl.DataFrame:
    """The names of the lines behind their ends, a line of text apart on the axis of log(1 +
    amount).
    """
    top = float(np.log1p(highest(long["revenue"])))
    ends = (
        long.filter(pl.col("tenth") == long["tenth"].max())
        .group_by("kind")
        .agg(pl.col("tenth").first(), pl.col("revenue").mean())
    )
    ends = ends.sort("revenue", "kind").with_columns(at=pl.col("revenue").log1p())
    step, places = top * _LINE_OF_TEXT / height, [-top]
    for at in ends["at"]:
        places.append(max(at, places[-1] + step))
    return ends.with_columns(revenue=pl.Series(np.expm1(places[1:])))


def _coverage(table: pl.DataFrame) -> Options:
    style = BLUE | {"strokeWidth": 2, "point": {"size": 40, "color": light("blue")}}
    y = field("held_80:Q", scale=WHOLE, axis=share_axis("Share inside the 80% interval"))
    lines = mark("line", table, style, x=_X, y=y, detail="cutoff_day:O")
    title = panel_title("Coverage", "Dashed: nominal 80%")
    return panel(rule("y", PROMISED, strokeDash=[4, 4]), lines, size=_SIZE, title=title)
