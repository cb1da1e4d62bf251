"""Why: which features move the predictions, how much and which way."""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.report import curves, words
from holdfast.report.charts.parts import empty, hidden_axis, label, number_axis, panel_title, whole
from holdfast.report.theme import FIFTHS, WIDTH, dressed, light

if TYPE_CHECKING:
    import altair as alt
    from altair.typing import ChartType

OUTCOME = {"churn": "who leaves", "value": "what a customer is worth"}
PUSHES = {"churn": ("less likely to leave", "more likely to leave"), "value": ("worth less", "worth more")}


def shap_summary(contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str) -> "ChartType":
    """How each of the strongest features moves each customer: a point per customer (a beeswarm)."""
    import altair as alt

    features = curves.strongest(importance, task, 8)
    if contributions.filter(pl.col("task") == task).is_empty() or not features:
        return empty("effects of features", "No customer of this run has been explained.")
    ways = curves.ways(contributions, task, features).with_columns(_labels())
    rows = alt.Y("label:N", sort=ways["label"].to_list(), title=None)
    zero = alt.Chart(pl.DataFrame({"x": [0.0]})).mark_rule(color=light("muted")).encode(x="x:Q")
    note = alt.Chart(ways).mark_text(align="left", color=light("muted")).encode(
        y=rows, x=alt.value(WIDTH - 200), text="way:N"
    )  # fmt: skip
    first, way = ways.select("label", "way").row(0)
    return dressed(
        alt.layer(zero, _swarm(contributions, task, features, rows), note).properties(
            width=WIDTH - 220, height=36 * len(features)
        ),
        title=f"{first} moves {OUTCOME[task]} most" + (f": {way}" if way.startswith("high") else ""),
        subtitle="Each point is a customer, placed by the feature's effect on the model's raw score (SHAP). "
        "The outermost 1% of effects is drawn at the edge.",
    )


def _labels() -> pl.Expr:
    return pl.col("feature").map_elements(label, return_dtype=pl.String).alias("label")


def _swarm(contributions: pl.DataFrame, task: str, features: list[str], rows: "alt.Y") -> "alt.Chart":
    import altair as alt

    points = curves.swarm(contributions, task, features, n=130).with_columns(
        _labels(), pl.col("fifth").replace_strict(range(5), FIFTHS, default="missing", return_dtype=pl.String)
    )
    less, more = PUSHES[task]
    span = curves.span(contributions, task, features)
    return alt.Chart(points.drop("feature")).mark_circle(size=16, opacity=0.75).encode(
        y=rows,
        yOffset=alt.YOffset("offset:Q", scale=alt.Scale(domain=[-1.2, 1.2])),
        x=alt.X("contribution:Q", axis=number_axis(f"← {less} | {more} →"), scale=alt.Scale(domain=span, clamp=True)),
        color=alt.Color(
            "fifth:N",
            scale=alt.Scale(domain=[*FIFTHS, "missing"], range=[light(name) for name in (*FIFTHS, "line")]),
            legend=alt.Legend(title="Customer's value, by fifths", orient="top", values=list(FIFTHS), symbolOpacity=1),
        ),
        tooltip=["label:N", "value:Q", "contribution:Q"],
    )  # fmt: skip


def shap_bar(importance: pl.DataFrame, *, task: str) -> "ChartType":
    """Which features weigh most, as shares of the strongest."""
    import altair as alt

    names = curves.strongest(importance, task, 12)
    if not names:
        return empty("important features", "No feature moves this model, or no customer has been explained.")
    mine = importance.filter((pl.col("task") == task) & pl.col("feature").is_in(names)).with_columns(_labels())
    base = alt.Chart(mine.select("label", "relative")).encode(
        y=alt.Y("label:N", sort=[label(name) for name in names], title=None),
        x=alt.X("relative:Q", axis=hidden_axis(), scale=whole()),
        tooltip=["label:N", alt.Tooltip("relative:Q", format=".1%")],
    )
    text = base.mark_text(align="left", dx=6).encode(text=alt.Text("relative:Q", format=".0%"))
    drawn = alt.layer(base.mark_bar(color=light("blue"), height=16), text)
    strong = words.listing([words.feature(name) for name in names[:3]])
    return dressed(
        drawn.properties(width=WIDTH - 180, height=26 * len(names)),
        title=f"{words.capital(strong)} {'decides' if len(names) == 1 else 'decide'} most about {OUTCOME[task]}",
        subtitle="Mean size of a feature's effect (SHAP), as a share of the strongest feature's.",
    )


def shap_dependence(contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str) -> "ChartType":
    """How the effect changes with the value, for the four strongest features."""
    import altair as alt

    parts = [(name, curves.dependence(contributions, task, name)) for name in curves.strongest(importance, task, 4)]
    varied = [(name, points) for name, points in parts if points["value"].n_unique() > 1]
    if not varied:
        return empty("dependence", "No explained feature takes more than one value.")
    less, more = PUSHES[task]
    features = words.listing([words.feature(name) for name, _ in varied[:2]])
    return dressed(
        alt.concat(*(_dependence(name, points) for name, points in varied), columns=2, spacing=28),
        title=f"How {features} {'change' if len(varied) > 1 else 'changes'} {OUTCOME[task]}",
        subtitle=f"Above 0: {more}; below: {less}. Points are customers, the line is the mean of groups of equal size. "
        "The outermost 1% of values on each side is left out.",
    )


def _dependence(name: str, points: pl.DataFrame) -> "alt.LayerChart":
    import altair as alt

    value = alt.X(
        "value:Q", title=None, scale=alt.Scale(zero=False), axis=number_axis(None, grid=False)
    )
    effect = alt.Y("contribution:Q", axis=number_axis("Effect on the raw score"))
    shown = curves.evenly(points, 220).drop("feature")
    cloud = alt.Chart(shown).mark_circle(size=14, opacity=0.5, color=light("blue"))
    line = alt.Chart(curves.trend(points).drop("feature")).mark_line(color=light("vermillion"), strokeWidth=2.5)
    zero = alt.Chart(pl.DataFrame({"y": [0.0]})).mark_rule(color=light("muted"), strokeDash=[3, 3]).encode(y="y:Q")
    layers = [mark.encode(x=value, y=effect) for mark in (cloud, line)]
    panel = alt.layer(zero, *layers)
    return panel.properties(width=WIDTH // 2 - 60, height=170, title=panel_title(label(name)))


def shap_cross_model(importance: pl.DataFrame) -> "ChartType":
    """Which features matter for churn, for value and for both, side by side."""
    import altair as alt

    table = curves.roles(importance).head(14).with_columns(_labels())
    if table.is_empty():
        return empty("features across the models", "No feature moves either model, or no customer has been explained.")
    long = table.unpivot(on=["churn", "value"], index=["label", "role"], variable_name="task", value_name="share")
    panels = [_role(long, task, colour) for task, colour in (("churn", "vermillion"), ("value", "blue"))]
    both = [words.feature(name) for name in table.filter(pl.col("role") == "both")["feature"]]
    matter = f"{words.capital(words.listing(both[:3]))} {'matters' if len(both) == 1 else 'matter'} for churn and for value"
    return dressed(
        alt.hconcat(*panels, spacing=16),
        title=matter if both else "What drives churn and what drives value are different features",
        subtitle="Share of each model's strongest feature. Shown: features with at least 10% in one of the models.",
    )


def _role(table: pl.DataFrame, task: str, colour: str) -> "alt.LayerChart":
    import altair as alt

    labels = table["label"].unique(maintain_order=True).to_list()
    is_first = task == "churn"
    base = alt.Chart(table.filter(pl.col("task") == task)).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis() if is_first else None),
        x=alt.X("share:Q", axis=hidden_axis(), scale=whole()),
    )
    faint = alt.condition("datum.share >= 0.1", alt.value(1.0), alt.value(0.4))
    layers = [
        base.mark_bar(color=light(colour), height=15).encode(opacity=faint),
        base.mark_text(align="left", dx=5).encode(text=alt.Text("share:Q", format=".0%")),
    ]
    if not is_first:
        layers.append(base.mark_text(align="left", color=light("muted")).encode(x=alt.value(228), text="role:N"))
    return alt.layer(*layers).properties(width=175, height=25 * len(labels), title=panel_title(label(task)))
