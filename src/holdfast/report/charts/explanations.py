"""Why: which features move the predictions, how much and which way."""

from collections import Counter
from typing import Any

import polars as pl

from holdfast.explain import overview
from holdfast.report import chart_data, feature_effects, formatting, run_tables
from holdfast.report.charts.axes import label, number_axis, panel_title
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
from holdfast.report.theme import BLUE, FIFTHS, HIDDEN, KEY, WHOLE, WIDTH

OUTCOME = {"churn": "who leaves", "value": "what a customer is worth"}
PUSHES = {
    "churn": ("less likely to leave", "more likely to leave"),
    "value": ("worth less", "worth more"),
}


def _with_labels(table: pl.DataFrame) -> pl.DataFrame:
    """Add a `label` to each `feature`: its name in words, or as it is where two would read the
    same.
    """
    labels = {name: label(name) for name in table["feature"].unique()}
    counts = Counter(labels.values())
    labels = {name: text if counts[text] == 1 else name for name, text in labels.items()}
    return table.with_columns(
        label=pl.col("feature").replace_strict(labels, return_dtype=pl.String)
    )


def _row(table: pl.DataFrame, **options: Any) -> Options:
    """A row for each label, in the table's order."""
    return field("label:N", sort=table["label"].to_list(), title=None, **options)


def shap_summary(contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str) -> Chart:
    """How each of the strongest features moves each customer: a point per customer (a beeswarm)."""
    features = feature_effects.strongest(importance, task, 8)
    if contributions.filter(pl.col("task") == task).is_empty() or not features:
        return no_chart("shap_summary", "nobody")
    ways = _with_labels(feature_effects.ways(contributions, task, features))
    row, right = _row(ways), {"value": "width"}
    style = {"align": "left", "dx": 20, "color": "muted"}
    drawn = panel(
        rule("x", 0),
        _swarm(contributions, task, features, row),
        mark("text", ways, style, y=row, x=right, text="way:N"),
        size=(WIDTH - 250, 36 * len(features)),
        padding={"left": 5, "right": 40, "top": 5, "bottom": 5},
    )
    way = ways["way"][0]
    title = _depends_on(features[:1], task) + (f": {way}" if way.startswith("high") else "")
    table = run_tables.importance(importance, contributions, task)
    return make_chart("shap_summary", drawn, table, title=title)


def _depends_on(features: list[str], task: str) -> str:
    names = formatting.listing([formatting.feature(name) for name in features])
    return f"{formatting.capital(OUTCOME[task])} depends most on {names}"


def _swarm(contributions: pl.DataFrame, task: str, features: list[str], row: Options) -> Options:
    points = feature_effects.swarm(contributions, task, features, n=120)
    fifth = pl.col("fifth").replace_strict(
        range(5), FIFTHS, default="missing", return_dtype=pl.String
    )
    table = _with_labels(points).select("label", "contribution", "value", "offset", fifth)
    less, more = PUSHES[task]
    span = {"domain": feature_effects.span(contributions, task, features), "clamp": True}
    legend = {"title": "Customer's value, by fifths", "values": list(FIFTHS), "symbolOpacity": 1}
    color = by_name("fifth:N", {name: name for name in FIFTHS} | {"missing": "line"}, KEY | legend)
    x = field("contribution:Q", axis=number_axis(f"← {less} | {more} →"), scale=span)
    offset = field("offset:Q", scale={"domain": [-1.2, 1.2]})
    style = {"size": 16, "opacity": 1, "fillOpacity": 0.75}
    tips = [field(name) for name in ("label:N", "value:Q", "contribution:Q")]
    return mark("circle", table, style, y=row, yOffset=offset, x=x, color=color, tooltip=tips)


def shap_bar(importance: pl.DataFrame, *, task: str) -> Chart:
    """Which features weigh most, as shares of the strongest."""
    names = feature_effects.strongest(importance, task, 12)
    if not names:
        return no_chart("shap_bar", "no_effect")
    shares = importance.filter(pl.col("task") == task).select("feature", "relative")
    table = _with_labels(pl.DataFrame({"feature": names}).join(shares, on="feature", how="left"))
    x, y = field("relative:Q", axis=HIDDEN, scale=WHOLE), _row(table)
    share = field("relative:Q", format=".0%")
    drawn = panel(
        mark("bar", table, BLUE | {"height": 16}, x=x, y=y),
        mark("text", table, {"align": "left", "dx": 6}, x=x, y=y, text=share),
        size=(WIDTH - 180, 26 * len(names)),
    )
    return make_chart("shap_bar", drawn, title=_depends_on(names[:3], task))


def shap_dependence(contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str) -> Chart:
    """How the effect changes with the value, for the four strongest features."""
    strongest = feature_effects.strongest(importance, task, 4)
    parts = [feature_effects.dependence(contributions, task, name) for name in strongest]
    varied = {points["feature"][0]: points for points in parts if points["value"].n_unique() > 1}
    if not varied:
        return no_chart("shap_dependence", "no_effect")
    less, more = PUSHES[task]
    panels = [_dependence(name, points) for name, points in varied.items()]
    spacing = {"row": 64, "column": 76}
    drawn = {"concat": panels, "columns": 2, "spacing": spacing, "bounds": "flush"}
    facts = {
        "features": formatting.listing([formatting.feature(name) for name in list(varied)[:2]]),
        "change": "change" if len(varied) > 1 else "changes",
        "outcome": OUTCOME[task],
    }
    trends = pl.concat(map(feature_effects.trend, parts)).rename({"value": "mean_value"})
    return make_chart("shap_dependence", drawn, trends, task=task, more=more, less=less, **facts)


def _dependence(name: str, points: pl.DataFrame) -> Options:
    cloud, trend = chart_data.evenly(points, 220).drop("feature"), feature_effects.trend(points)
    x = field("value:Q", scale={"zero": False}, axis=number_axis(None, grid=False))
    y = field("contribution:Q", axis=number_axis("Effect on the raw score"))
    return panel(
        rule("y", 0, strokeDash=[3, 3]),
        mark("circle", cloud, BLUE | {"size": 14, "opacity": 1, "fillOpacity": 0.5}, x=x, y=y),
        mark("line", trend, {"color": "vermillion", "strokeWidth": 2.5}, x=x, y=y),
        size=(WIDTH // 2 - 66, 170),
        title=panel_title(label(name)),
    )


def shap_cross_model(importance: pl.DataFrame) -> Chart:
    """Which features matter for churn, for value and for both, side by side."""
    table = _with_labels(feature_effects.roles(importance).head(14))
    if table.is_empty():
        return no_chart("shap_cross_model", "no_effect")
    panels = [_role(table, "churn", "vermillion"), _role(table, "value", "blue")]
    both = [formatting.feature(name) for name in table.filter(pl.col("role") == "both")["feature"]]
    title = f"Churn and value both depend on {formatting.listing(both[:3])}" if both else ""
    least, drawn = formatting.percent(overview.MATTERS, 0), {"hconcat": panels, "spacing": 16}
    rows = feature_effects.roles(importance).rename({"role": "matters_for"})
    return make_chart("shap_cross_model", drawn, rows, title=title, least=least)


def _role(table: pl.DataFrame, task: str, colour: str) -> Options:
    opacity = pl.when(pl.col(task) >= overview.MATTERS).then(1.0).otherwise(0.4)
    shares = table.select("label", "role", share=task, opacity=opacity)
    x = field("share:Q", axis=HIDDEN, scale=WHOLE)
    y = _row(table, axis={} if task == "churn" else None)
    faint, text = field("opacity:Q", scale=None, legend=None), field("share:Q", format=".0%")
    marks = [
        mark("bar", shares, {"color": colour, "height": 15}, x=x, y=y, opacity=faint),
        mark("text", shares, {"align": "left", "dx": 5}, x=x, y=y, text=text),
    ]
    if task == "value":
        style = {"align": "left", "color": "muted"}
        marks.append(mark("text", shares, style, y=y, x=228, text="role:N"))
    return panel(*marks, size=(175, 25 * table.height), title=panel_title(label(task)))
