"""Why: which features move the predictions, how much and which way."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.explain import overview
from holdfast.report import formatting, ranking_curves
from holdfast.report.charts.base import (
    HIDDEN_AXIS,
    WHOLE,
    empty,
    label,
    mark,
    number_axis,
    panel_title,
    zero,
)
from holdfast.report.theme import FIFTHS, WIDTH, dressed, light

if TYPE_CHECKING:
    import altair as alt
    from altair.typing import ChartType

OUTCOME = {"churn": "who leaves", "value": "what a customer is worth"}
PUSHES = {
    "churn": ("less likely to leave", "more likely to leave"),
    "value": ("worth less", "worth more"),
}


def _labelled(table: pl.DataFrame) -> pl.DataFrame:
    """Add a `label` to each `feature`: its name in words, or as it is where two would read the
    same.
    """
    named = {name: label(name) for name in table["feature"].unique()}
    seen = Counter(named.values())
    labels = {name: text if seen[text] == 1 else name for name, text in named.items()}
    return table.with_columns(
        label=pl.col("feature").replace_strict(labels, return_dtype=pl.String)
    )


def shap_summary(
    contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str
) -> "ChartType":
    """How each of the strongest features moves each customer: a point per customer (a beeswarm)."""
    import altair as alt

    features = ranking_curves.strongest(importance, task, 8)
    if contributions.filter(pl.col("task") == task).is_empty() or not features:
        return empty("effects of features", "No customer of this run has been explained.")
    ways = _labelled(ranking_curves.ways(contributions, task, features))
    rows = alt.Y("label:N", sort=ways["label"].to_list(), title=None)
    note = mark(ways.select("label", "way"), "text", align="left", dx=20, color=light("muted"))
    layers = (
        zero("x"),
        _swarm(contributions, task, features, rows),
        note.encode(y=rows, x=alt.value("width"), text=alt.Text("way:N")),
    )
    first, way = ways.select("feature", "way").row(0)
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 220, height=36 * len(features)),
        title=_depends_on([first], task) + (f": {way}" if way.startswith("high") else ""),
        subtitle="Each point is a customer, placed by the feature's effect on the model's raw "
        "score (SHAP). "
        "The outermost 1% of effects is drawn at the edge.",
    )


def _depends_on(features: list[str], task: str) -> str:
    return (
        f"{formatting.capital(OUTCOME[task])} depends most on "
        f"{formatting.listing([formatting.feature(name) for name in features])}"
    )


def _swarm(contributions: pl.DataFrame, task: str, features: list[str], rows: "alt.Y") -> Any:
    import altair as alt

    points = _labelled(ranking_curves.swarm(contributions, task, features, n=120)).with_columns(
        pl.col("fifth").replace_strict(range(5), FIFTHS, default="missing", return_dtype=pl.String)
    )
    less, more = PUSHES[task]
    span = {"domain": ranking_curves.span(contributions, task, features), "clamp": True}
    fifths = {"domain": [*FIFTHS, "missing"], "range": [light(name) for name in (*FIFTHS, "line")]}
    legend = {
        "title": "Customer's value, by fifths",
        "orient": "top",
        "values": list(FIFTHS),
        "symbolOpacity": 1,
    }
    return mark(points.drop("feature"), "circle", size=16, opacity=1, fillOpacity=0.75).encode(
        y=rows,
        yOffset=alt.YOffset("offset:Q", scale={"domain": [-1.2, 1.2]}),
        x=alt.X("contribution:Q", axis=number_axis(f"← {less} | {more} →"), scale=span),
        color=alt.Color("fifth:N", scale=fifths, legend=legend),
        tooltip=[alt.Tooltip(name) for name in ("label:N", "value:Q", "contribution:Q")],
    )


def shap_bar(importance: pl.DataFrame, *, task: str) -> "ChartType":
    """Which features weigh most, as shares of the strongest."""
    import altair as alt

    names = ranking_curves.strongest(importance, task, 12)
    if not names:
        return empty(
            "important features", "No feature moves this model, or no customer has been explained."
        )
    mine = pl.DataFrame({"feature": names}).join(
        importance.filter(pl.col("task") == task), on="feature", how="left"
    )
    table = _labelled(mine).select("label", "relative")
    x = alt.X("relative:Q", axis=HIDDEN_AXIS, scale=WHOLE)
    y = alt.Y("label:N", sort=table["label"].to_list(), title=None)
    layers = (
        mark(table, "bar", color=light("blue"), height=16).encode(x=x, y=y),
        mark(table, "text", align="left", dx=6).encode(
            x=x, y=y, text=alt.Text("relative:Q", format=".0%")
        ),
    )
    return dressed(
        alt.layer(*layers).properties(width=WIDTH - 180, height=26 * len(names)),
        title=_depends_on(names[:3], task),
        subtitle="Mean size of a feature's effect (SHAP), as a share of the strongest feature's.",
    )


def shap_dependence(
    contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str
) -> "ChartType":
    """How the effect changes with the value, for the four strongest features."""
    import altair as alt

    parts = [
        (name, ranking_curves.dependence(contributions, task, name))
        for name in ranking_curves.strongest(importance, task, 4)
    ]
    varied = [(name, points) for name, points in parts if points["value"].n_unique() > 1]
    if not varied:
        return empty("dependence", "No explained feature takes more than one value.")
    less, more = PUSHES[task]
    features = formatting.listing([formatting.feature(name) for name, _ in varied[:2]])
    return dressed(
        alt.concat(
            *(_dependence(name, points) for name, points in varied),
            columns=2,
            spacing={"row": 64, "column": 76},
            bounds="flush",
        ),
        title=f"How {features} {'change' if len(varied) > 1 else 'changes'} {OUTCOME[task]}",
        subtitle=f"Above 0: {more}; below: {less}. Points are customers, the line is the mean of "
        "groups of equal size. "
        "The outermost 1% of values on each side is left out.",
    )


def _dependence(name: str, points: pl.DataFrame) -> "ChartType":
    import altair as alt

    value = alt.X("value:Q", scale={"zero": False}, axis=number_axis(None, grid=False))
    effect = alt.Y("contribution:Q", axis=number_axis("Effect on the raw score"))
    shown, trend = (
        ranking_curves.evenly(points, 220).drop("feature"),
        ranking_curves.trend(points).drop("feature"),
    )
    cloud = mark(shown, "circle", size=14, opacity=1, fillOpacity=0.5, color=light("blue"))
    line = mark(trend, "line", color=light("vermillion"), strokeWidth=2.5)
    panel = alt.layer(
        zero("y", strokeDash=[3, 3]), *(part.encode(x=value, y=effect) for part in (cloud, line))
    )
    return panel.properties(width=WIDTH // 2 - 66, height=170, title=panel_title(label(name)))


def shap_cross_model(importance: pl.DataFrame) -> "ChartType":
    """Which features matter for churn, for value and for both, side by side."""
    import altair as alt

    table = _labelled(ranking_curves.roles(importance).head(14))
    if table.is_empty():
        return empty(
            "features across the models",
            "No feature moves either model, or no customer has been explained.",
        )
    panels = [
        _role(table, task, colour) for task, colour in (("churn", "vermillion"), ("value", "blue"))
    ]
    both = [formatting.feature(name) for name in table.filter(pl.col("role") == "both")["feature"]]
    return dressed(
        alt.hconcat(*panels, spacing=16),
        title=f"Churn and value both depend on {formatting.listing(both[:3])}"
        if both
        else "What drives churn and what drives value are different features",
        subtitle="Share of each model's strongest feature. "
        f"Shown: features with at least {formatting.percent(overview.MATTERS, 0)} in one of the "
        "models.",
    )


def _role(table: pl.DataFrame, task: str, colour: str) -> "ChartType":
    import altair as alt

    is_first = task == "churn"
    shares = table.select(
        "label",
        "role",
        share=task,
        opacity=pl.when(pl.col(task) >= overview.MATTERS).then(1.0).otherwise(0.4),
    )
    y = alt.Y("label:N", sort=table["label"].to_list(), title=None, axis={} if is_first else None)
    x = alt.X("share:Q", axis=HIDDEN_AXIS, scale=WHOLE)
    faint = alt.Opacity("opacity:Q", scale=None, legend=None)
    layers = [
        mark(shares, "bar", color=light(colour), height=15).encode(x=x, y=y, opacity=faint),
        mark(shares, "text", align="left", dx=5).encode(
            x=x, y=y, text=alt.Text("share:Q", format=".0%")
        ),
    ]
    if not is_first:
        role = mark(shares, "text", align="left", color=light("muted"))
        layers.append(role.encode(y=y, x=alt.value(228), text=alt.Text("role:N")))
    return alt.layer(*layers).properties(
        width=175, height=25 * table.height, title=panel_title(label(task))
    )
