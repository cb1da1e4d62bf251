"""How good, seen from the list: lift, deciles, past cutoffs, and the candidates that lost."""

from typing import TYPE_CHECKING

import polars as pl

from holdfast.evaluation.evidence import NO_MODELS
from holdfast.report import chart_data, formatting, ranking_curves
from holdfast.report.charts.base import WHOLE, empty, mark, number_axis, panel_title, share_axis
from holdfast.report.charts.evidence import NO_OUTCOME
from holdfast.report.theme import WIDTH, dressed, light
from holdfast.study import ALGORITHMS

if TYPE_CHECKING:
    from altair.typing import ChartType

SHOWN = {"churn": ("roc_auc", "brier"), "value": ("wape", "spearman")}
_PAIR = {"domain": ["Predicted", "Actual"]}


def decile_chart(predictions: pl.DataFrame) -> "ChartType":
    """Predicted and actual churn of ten groups, the riskiest first."""
    import altair as alt

    table = chart_data.deciles(predictions)
    if table.is_empty():
        return empty("deciles", NO_OUTCOME)
    long = table.unpivot(
        on=["predicted", "actual"], index="decile", variable_name="what", value_name="share"
    )
    long = long.with_columns(pl.col("what").str.to_titlecase())
    x = alt.X("decile:O", axis={"title": "Tenth of the customers, riskiest first", "labelAngle": 0})
    y = alt.Y("share:Q", axis=share_axis("Share that leaves"))
    colours = {**_PAIR, "range": [light("blue"), light("vermillion")]}
    shapes = {**_PAIR, "range": ["circle", "square"]}
    legend = {"title": None, "orient": "top"}
    bars = mark(
        long.filter(pl.col("what") == "Actual"), "bar", color=light("vermillion"), fillOpacity=0.3
    ).encode(x=x, y=y)
    dots = mark(long, "point", filled=True, size=80, opacity=1).encode(
        x=x,
        y=y,
        color=alt.Color("what:N", scale=colours, legend=legend),
        shape=alt.Shape("what:N", scale=shapes, legend=legend),
    )
    first, last = table.row(0, named=True), table.row(-1, named=True)
    return dressed(
        alt.layer(bars, dots).properties(width=WIDTH - 80, height=240),
        title=f"Of the riskiest tenth {formatting.percent(first['actual'], 0)} left, of the safest "
        f"{formatting.percent(last['actual'], 0)}",
        subtitle="All past cutoffs; tenths within each. Bars and squares: happened. Circles: "
        "predicted.",
    )


def lift_curve(steps: pl.DataFrame) -> "ChartType":
    """How many times more leavers than at random, down the list.

    Parameters
    ----------
    steps
        `ranking_curves.cumulative(predictions)`.
    """
    import altair as alt

    table = ranking_curves.gains(steps).filter((pl.col("task") == "churn") & (pl.col("x") >= 0.02))
    if table.is_empty():
        return empty("lift", NO_OUTCOME)
    lifted = table.with_columns(lift=pl.col("y") / pl.col("x"))
    names = list(ranking_curves.NAMES)
    legend = {"title": None, "orient": "top", "symbolType": "stroke", "symbolStrokeWidth": 3}
    line = mark(lifted, "line", strokeWidth=2.5).encode(
        x=alt.X("x:Q", scale=WHOLE, axis=share_axis("Customers, riskiest first")),
        y=alt.Y("lift:Q", axis=number_axis("Lift"), scale={"zero": True}),
        color=alt.Color(
            "model:N",
            scale={"domain": names, "range": [light("blue"), light("grey")]},
            legend=legend,
        ),
        strokeDash=alt.StrokeDash(
            "model:N", scale={"domain": names, "range": [[1, 0], [5, 4]]}, legend=legend
        ),
    )
    even = mark(pl.DataFrame({"y": [1.0]}), "rule", color=light("muted"), strokeDash=[2, 3]).encode(
        y="y:Q"
    )
    found = dict(
        lifted.filter((pl.col("x") - 0.1).abs() < 1e-9).select("model", "lift").iter_rows()
    )
    lifts = formatting.decimal(found.get(names[0]), 2)
    naive = (
        f" (naive baseline {formatting.decimal(found[names[1]], 2)})" if names[1] in found else ""
    )
    return dressed(
        alt.layer(even, line).properties(width=WIDTH - 80, height=240),
        title=f"The riskiest tenth holds {lifts} times the leavers of a random tenth{naive}",
        subtitle="All past cutoffs together. Dotted: a list in random order.",
    )


def churn_at_cutoffs(predictions: pl.DataFrame) -> "ChartType":
    """Predicted beside actual churn, past cutoff by past cutoff."""
    import altair as alt

    table = chart_data.churn_by_cutoff(predictions)
    if table.is_empty():
        return empty("past cutoffs", NO_OUTCOME)
    table = table.with_columns(
        cutoff=pl.Series([formatting.day(day) for day in table["cutoff_day"]])
    )
    long = table.unpivot(
        on=["predicted", "actual"], index="cutoff", variable_name="what", value_name="share"
    )
    long = long.with_columns(pl.col("what").str.to_titlecase())
    beside = {"paddingInner": 0.6, "paddingOuter": 0.5}
    x = alt.X(
        "cutoff:N",
        sort=table["cutoff"].to_list(),
        axis={"title": None, "labelAngle": 0},
        scale=beside,
    )
    y = alt.Y("share:Q", axis=share_axis("Share that leaves"), scale={"zero": False, "padding": 20})
    side = alt.XOffset("what:N", sort=_PAIR["domain"])
    legend = {"title": None, "orient": "top"}
    dots = mark(long, "point", filled=True, size=110, opacity=1).encode(
        x=x,
        y=y,
        xOffset=side,
        color=alt.Color(
            "what:N", scale={**_PAIR, "range": [light("blue"), light("vermillion")]}, legend=legend
        ),
        shape=alt.Shape("what:N", scale={**_PAIR, "range": ["circle", "square"]}, legend=legend),
    )
    bars = mark(
        table.with_columns(what=pl.lit("Actual")), "rule", color=light("vermillion"), strokeWidth=2
    ).encode(x=x, xOffset=side, y=alt.Y("low:Q", scale={"zero": False, "padding": 20}), y2="high:Q")
    texts = [
        mark(long.filter(pl.col("what") == what), "text", align=align, dx=dx).encode(
            x=x, y=y, xOffset=side, text=alt.Text("share:Q", format=".0%")
        )
        for what, align, dx in zip(_PAIR["domain"], ("right", "left"), (-9, 9), strict=True)
    ]
    gaps = table.select((pl.col("predicted") - pl.col("actual")).abs().mean()).item()
    return dressed(
        alt.layer(bars, dots, *texts).properties(width=WIDTH - 90, height=220),
        title=f"Predicted churn was {formatting.decimal(100 * gaps, 1)} points off what happened"
        + (", on average" if table.height > 1 else ""),
        subtitle="Predicted before, observed after. Bars: 95% interval of the actual share.",
    )


def candidates(evidence: pl.DataFrame) -> "ChartType":
    """The champion beside every other candidate and the naive baseline, mean over the cutoffs."""
    import altair as alt

    table = standings(evidence)
    if table.is_empty():
        return empty("comparison", "Nothing could be proved, so nothing can be compared.")
    wanted = [(task, metric) for task, metrics in SHOWN.items() for metric in metrics]
    parts = [
        (pair, table.filter((pl.col("task") == pair[0]) & (pl.col("metric") == pair[1])))
        for pair in wanted
    ]
    panels = [_standing(part, *pair) for pair, part in parts if part.height]
    others = table.filter(pl.col("kind") == "candidate")["name"].n_unique()
    said = (
        f"{formatting.plural(others, 'candidate')} and the naive baseline"
        if others
        else "the naive baseline"
    )
    return dressed(
        alt.vconcat(*panels, spacing=34),
        title=f"The champion beside {said}",
        subtitle="Mean over the cutoffs, mean 95% interval. Circle: champion, diamond: candidate, "
        "square: naive.",
    )


def _standing(table: pl.DataFrame, task: str, metric: str) -> "ChartType":
    import altair as alt

    told, kinds = formatting.METRICS[metric], ["champion", "candidate", "baseline"]
    order = table.sort("value", descending=told.better == "higher")["name"].to_list()
    y = alt.Y("name:N", sort=order, title=None)
    axis = {"title": None, "format": ".3~f", "tickCount": 4}
    x = alt.X("value:Q", axis=axis, scale={"zero": False, "padding": 16})
    colours = {"domain": kinds, "range": [light(name) for name in ("blue", "green", "grey")]}
    shapes = {"domain": kinds, "range": ["circle", "diamond", "square"]}
    dots = mark(table, "point", filled=True, size=100, opacity=1).encode(
        x=x,
        y=y,
        color=alt.Color("kind:N", scale=colours, legend=None),
        shape=alt.Shape("kind:N", scale=shapes, legend=None),
    )
    bars = mark(table, "rule", color=light("muted")).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    heading = panel_title(f"{formatting.capital(task)}: {told.label}, {told.better} is better")
    return alt.layer(bars, dots).properties(
        width=WIDTH - 260, height=30 * table.height + 6, title=heading
    )


def standings(evidence: pl.DataFrame) -> pl.DataFrame:
    """Every model's mean over the cutoffs: task, metric, name, kind, value, low, high."""
    shown = evidence.filter(
        pl.col("value").is_finite()
        & pl.col("metric").is_in([m for ms in SHOWN.values() for m in ms]),
        ~pl.col("model").is_in(NO_MODELS),
    )
    means = shown.group_by("task", "model", "metric", maintain_order=True).agg(
        pl.col("value", "low", "high").mean()
    )
    kind = (
        pl.when(pl.col("model") == "champion")
        .then(pl.lit("champion"))
        .when(pl.col("model").is_in(ALGORITHMS))
        .then(pl.lit("candidate"))
        .otherwise(pl.lit("baseline"))
    )
    names = [
        formatting.capital(formatting.algorithm(formatting.baseline(name)))
        for name in means["model"]
    ]
    return means.select(
        "task", "metric", "value", "low", "high", name=pl.Series(names, dtype=pl.String), kind=kind
    )
