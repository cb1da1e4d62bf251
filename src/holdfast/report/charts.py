"""One pure function per chart: Polars tables in, an Altair chart out.

The same functions serve the HTML report, the PNGs, the notebooks and the dashboard. A title states what the chart
shows; a table without rows gives a chart that says why it is empty.
"""

from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.report import curves, words
from holdfast.report.theme import FIFTHS, SEGMENT_COLOURS, SEGMENT_SHAPES, WIDTH, dressed, light
from holdfast.study import ALGORITHMS, AT_RISK_SEGMENTS, SEGMENT_NAMES

if TYPE_CHECKING:
    import altair as alt
    from altair.typing import ChartType

OUTCOME = {"churn": "who leaves", "value": "what a customer is worth"}
PUSHES = {"churn": ("makes leaving less likely", "more likely"), "value": ("makes the customer worth less", "more")}
PANELS = (("churn", "roc_auc"), ("churn", "brier"), ("value", "wape"), ("value", "spearman"))


def _empty(what: str, why: str) -> "ChartType":
    import altair as alt

    note = alt.Chart(pl.DataFrame({"why": [why]})).mark_text(align="left", fontSize=13, color=light("muted"))
    return dressed(note.encode(text="why:N", x=alt.value(0)).properties(width=WIDTH, height=60), title=f"No {what} to show")


def _quiet(**options: Any) -> "alt.Axis":
    import altair as alt

    return alt.Axis(grid=False, labels=False, title=None, **options)


def _money_axis(currency: str, **options: Any) -> "alt.Axis":
    import altair as alt

    amount = f"'{words.symbol(currency)}' + replace(format(abs(datum.value), '~s'), 'G', 'B')"
    return alt.Axis(labelExpr=f"(datum.value < 0 ? '−' : '') + {amount}", **options)


def _share_axis(title: str | None, **options: Any) -> "alt.Axis":
    import altair as alt

    return alt.Axis(format=".0%", title=title, tickCount=5, **options)


def _percent_scale() -> "alt.Scale":
    import altair as alt

    return alt.Scale(domain=[0, 1])


# Explanations


def shap_summary(contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str) -> "ChartType":
    """How each of the strongest features moves each customer: a point per customer (a beeswarm)."""
    import altair as alt

    features = curves.strongest(importance, task, 8)
    if contributions.filter(pl.col("task") == task).is_empty() or not features:
        return _empty("effects of features", "No customer of this run has been explained.")
    points = curves.swarm(contributions, task, features, n=130).with_columns(
        pl.col("fifth").replace_strict(range(5), FIFTHS, default="missing"),
        pl.col("feature").map_elements(_label, return_dtype=pl.String),
    )
    rows = alt.Y("feature:N", sort=[_label(name) for name in features], title=None)
    less, more = PUSHES[task]
    swarm = alt.Chart(points).mark_circle(size=16, opacity=0.75).encode(
        y=rows,
        yOffset=alt.YOffset("offset:Q", scale=alt.Scale(domain=[-1.2, 1.2])),
        x=alt.X("contribution:Q", title=f"← {less}   |   {more} →", axis=alt.Axis(tickCount=6)),
        color=alt.Color(
            "fifth:N",
            scale=alt.Scale(domain=[*FIFTHS, "missing"], range=[light(name) for name in (*FIFTHS, "line")]),
            legend=alt.Legend(title="Customer's value, by fifths", orient="top", values=list(FIFTHS), symbolOpacity=1),
        ),
        tooltip=["feature:N", "value:Q", "contribution:Q"],
    )  # fmt: skip
    zero = alt.Chart(pl.DataFrame({"x": [0.0]})).mark_rule(color=light("muted")).encode(x="x:Q")
    ways = _ways(contributions, task, features)
    note = alt.Chart(ways).mark_text(align="left", color=light("muted")).encode(
        y=rows, x=alt.value(WIDTH - 180), text="way:N"
    )  # fmt: skip
    return dressed(
        (zero + swarm + note).properties(width=WIDTH - 190, height=36 * len(features)),
        title=_title_of_effects(ways, task),
        subtitle="Each point is a customer; its place is the feature's effect on the model's raw score (SHAP).",
    )


def _label(name: str) -> str:
    return words.capital(words.feature(name))


def _ways(contributions: pl.DataFrame, task: str, features: list[str]) -> pl.DataFrame:
    correlation = pl.col("correlation")
    found = curves.directions(contributions, task)
    raises, lowers = ("raise the risk", "lower the risk") if task == "churn" else ("raise the value", "lower the value")
    way = (
        pl.when(correlation >= 0.4).then(pl.lit(f"high values {raises}"))
        .when(correlation <= -0.4).then(pl.lit(f"high values {lowers}"))
        .otherwise(pl.lit("no single direction"))
    )  # fmt: skip
    ordered = pl.DataFrame({"name": features}).join(found.rename({"feature": "name"}), on="name", how="left")
    return ordered.with_columns(way=way, feature=pl.Series([_label(name) for name in features]))


def _title_of_effects(ways: pl.DataFrame, task: str) -> str:
    first, way = ways["feature"][0], ways["way"][0]
    said = f": {way}" if way.startswith("high") else ""
    return f"{first} moves {OUTCOME[task]} most{said}"


def shap_bar(importance: pl.DataFrame, *, task: str) -> "ChartType":
    """Which features weigh most, as shares of the strongest."""
    import altair as alt

    names = curves.strongest(importance, task, 12)
    if not names:
        return _empty("important features", "No feature moves this model, or no customer has been explained.")
    bars = importance.filter((pl.col("task") == task) & pl.col("feature").is_in(names)).with_columns(
        label=pl.col("feature").map_elements(_label, return_dtype=pl.String),
        share=pl.col("relative").map_elements(lambda share: words.percent(share, 0), return_dtype=pl.String),
    )
    base = alt.Chart(bars).encode(
        y=alt.Y("label:N", sort=[_label(name) for name in names], title=None),
        x=alt.X("relative:Q", axis=_quiet(), scale=_percent_scale()),
        tooltip=["feature:N", alt.Tooltip("mean_abs_contribution:Q", format=".4g"), alt.Tooltip("relative:Q", format=".1%")],
    )
    drawn = base.mark_bar(color=light("blue"), height=16) + base.mark_text(align="left", dx=6).encode(text="share:N")
    strong = [_label(name).lower() if i else _label(name) for i, name in enumerate(names[:3])]
    return dressed(
        drawn.properties(width=WIDTH - 160, height=26 * len(names)),
        title=f"{words.listing(strong)} decide{'s' if len(strong) == 1 else ''} most about {OUTCOME[task]}",
        subtitle="Mean size of a feature's effect (SHAP) as a share of the strongest feature's.",
    )


def shap_dependence(contributions: pl.DataFrame, importance: pl.DataFrame, *, task: str, currency: str) -> "ChartType":
    """How the effect changes with the value, for the four strongest features."""
    import altair as alt

    del currency
    features = curves.strongest(importance, task, 4)
    parts = [(name, curves.dependence(contributions, task, name)) for name in features]
    panels = [_dependence_panel(name, points) for name, points in parts if points["value"].n_unique() > 1]
    if not panels:
        return _empty("dependence", "No explained feature takes more than one value.")
    less, more = PUSHES[task]
    return dressed(
        alt.concat(*panels, columns=2, spacing=28),
        title=f"How {words.listing([words.feature(name) for name in features[:2]])} change {OUTCOME[task]}",
        subtitle=f"Below 0: {less}; above: {more}. Points are customers, the line the mean of equal groups; the outermost 1% of values is left out.",
    )


def _dependence_panel(name: str, points: pl.DataFrame) -> "alt.LayerChart":
    import altair as alt

    value = alt.X("value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5, format="~s", grid=False))
    effect = alt.Y("contribution:Q", title="Effect on the raw score", axis=alt.Axis(tickCount=5))
    cloud = alt.Chart(curves.evenly(points, 220)).mark_circle(size=14, opacity=0.5, color=light("blue"))
    line = alt.Chart(curves.trend(points)).mark_line(color=light("vermillion"), strokeWidth=2.5)
    zero = alt.Chart(pl.DataFrame({"y": [0.0]})).mark_rule(color=light("muted"), strokeDash=[3, 3]).encode(y="y:Q")
    layers = (zero, *(mark.encode(x=value, y=effect) for mark in (cloud, line)))
    return alt.layer(*layers).properties(width=WIDTH // 2 - 60, height=170, title=_panel_title(_label(name)))


def _panel_title(text: str, subtitle: str = "") -> "alt.TitleParams":
    import altair as alt

    more = {"subtitle": subtitle, "subtitleFontSize": 12} if subtitle else {}
    return alt.TitleParams(text, fontSize=13, offset=8, anchor="start", **more)


def shap_cross_model(importance: pl.DataFrame) -> "ChartType":
    """Which features matter for churn, for value and for both, side by side."""
    import altair as alt

    table = curves.roles(importance)
    if table.is_empty():
        return _empty("features across the models", "No feature moves either model, or no customer has been explained.")
    rank = pl.col("role").replace_strict({"both": 0, "churn only": 1, "value only": 2})
    table = table.sort(rank, pl.max_horizontal("churn", "value"), descending=[False, True]).head(14)
    labels = [_label(name) for name in table["feature"]]
    table = table.with_columns(label=pl.Series(labels))
    long = table.unpivot(on=["churn", "value"], index=["label", "role"], variable_name="task", value_name="share")
    panels = [_role_panel(long, task, colour, labels) for task, colour in (("churn", "vermillion"), ("value", "blue"))]
    both = [words.feature(name) for name in table.filter(pl.col("role") == "both")["feature"]]
    title = f"{words.capital(words.listing(both[:3]))} matter{'s' if len(both) == 1 else ''} for both churn and value"
    return dressed(
        alt.hconcat(*panels, spacing=20),
        title=title if both else "What drives churn and what drives value are different features",
        subtitle="Share of each model's strongest feature. Shown: features with at least 10% in one of the models.",
    )


def _role_panel(table: pl.DataFrame, task: str, colour: str, labels: list[str]) -> "alt.LayerChart":
    import altair as alt

    first = task == "churn"
    base = alt.Chart(table.filter(pl.col("task") == task)).encode(
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis() if first else None),
        x=alt.X("share:Q", axis=_quiet(), scale=_percent_scale()),
    )
    shown = base.mark_bar(color=light(colour), height=15).encode(opacity=alt.condition("datum.share >= 0.1", alt.value(1), alt.value(0.35)))
    text = base.mark_text(align="left", dx=5).encode(text=alt.Text("share:Q", format=".0%"))
    parts = [shown, text] if first else [shown, text, base.mark_text(align="left", color=light("muted")).encode(x=alt.value(230), text="role:N")]
    return alt.layer(*parts).properties(width=190, height=25 * len(labels), title=_panel_title(task.capitalize()))


# Customers


def customer_quadrant(scores: pl.DataFrame, *, currency: str) -> "ChartType":
    """Value against risk, with the six segments in their places; at most 1,200 customers are drawn."""
    import altair as alt

    if scores.is_empty():
        return _empty("customers", "This run has scored no customer.")
    ordered = curves.quadrant(scores)
    tiers = curves.tiers(ordered)
    shown = curves.evenly(ordered, 1200).select("place", "risk_score", "segment", "expected_revenue", "churn_probability")
    ticks = {0: ordered["expected_revenue"][0], 1000: ordered["expected_revenue"][-1]}
    ticks |= {round(start * 1000): value for start, value in tiers.select("start", "from_revenue").iter_rows()}
    labels = ", ".join(f"'{place}': '{words.money(value, currency)}'" for place, value in ticks.items())
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1000]), title="Expected revenue, customers in order (low, mid and high value)", axis=alt.Axis(
        values=list(ticks), labelExpr=f"{{{labels}}}[datum.value]", grid=False))
    y = alt.Y("risk_score:Q", title="Risk score, 0 to 1", scale=alt.Scale(zero=True, nice=True))
    present = [name for name in SEGMENT_NAMES if name in scores["segment"].unique().to_list()]
    points = alt.Chart(shown.with_columns(x=pl.col("place") * 1000)).mark_point(filled=True, size=18, opacity=0.55).encode(
        x=x, y=y,
        color=alt.Color("segment:N", scale=alt.Scale(domain=present, range=[light(SEGMENT_COLOURS[name]) for name in present]), legend=None),
        shape=alt.Shape("segment:N", scale=alt.Scale(domain=present, range=[SEGMENT_SHAPES[name] for name in present]), legend=None),
        tooltip=["segment:N", alt.Tooltip("expected_revenue:Q", format=",.2f"), alt.Tooltip("churn_probability:Q", format=".1%")],
    )
    walls = alt.Chart(tiers.filter(pl.col("start") > 0).select(x=pl.col("start") * 1000)).mark_rule(color=light("muted")).encode(x="x:Q")
    limits = alt.Chart(tiers.drop_nulls("risk").select(x=pl.col("start") * 1000, x2=pl.col("end") * 1000, y="risk"))
    steps = limits.mark_rule(color=light("ink"), strokeWidth=1.5, strokeDash=[5, 3]).encode(x="x:Q", x2="x2:Q", y="y:Q")
    return points + walls + steps
