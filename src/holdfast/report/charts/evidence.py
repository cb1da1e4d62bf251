"""How good: predictions made before, against what happened after, beside the naive baseline."""

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.report import formatting, ranking_curves
from holdfast.report.charts.base import (
    WHOLE,
    diagonal,
    empty,
    mark,
    number_axis,
    panel_title,
    share_axis,
)
from holdfast.report.theme import WIDTH, dressed, light
from holdfast.study import ALGORITHMS

if TYPE_CHECKING:
    from altair.typing import ChartType

PANELS = (("churn", "roc_auc"), ("churn", "brier"), ("value", "wape"), ("value", "spearman"))
NO_OUTCOME = "No customer has both a prediction and an outcome that varies."
HALF = WIDTH // 2 - 62


def _lines(table: pl.DataFrame, *, of: str, against: str) -> Any:
    """One line per model and cutoff; the model solid and blue, the baseline dashed and grey."""
    import altair as alt

    names = list(ranking_curves.NAMES)
    return mark(table, "line", strokeWidth=2).encode(
        x=alt.X("x:Q", scale=WHOLE, axis=share_axis(against)),
        y=alt.Y("y:Q", scale=WHOLE, axis=share_axis(of)),
        color=alt.Color(
            "model:N", scale={"domain": names, "range": [light("blue"), light("grey")]}, legend=None
        ),
        strokeDash=alt.StrokeDash(
            "model:N", scale={"domain": names, "range": [[1, 0], [5, 4]]}, legend=None
        ),
        detail=alt.Detail("cutoff_day:O") if "cutoff_day" in table.columns else alt.Undefined,
        order=alt.Order("x:Q"),
    )


def _key(model: str, baseline: str) -> str:
    return f"solid: model {model}" + (f"; dashed: baseline {baseline}" if baseline else "")


def _spread(values: pl.Series) -> str:
    ends = sorted({formatting.decimal(value, 2) for value in (values.min(), values.max())})  # type: ignore[arg-type]
    return " to ".join(ends) if values.len() else ""


def _seen(n: int, days: pl.Series) -> str:
    return (
        f"{formatting.plural(n, 'prediction')} of outcomes that the model had not seen. "
        f"{_cutoffs(days)}"
    )


def _cutoffs(days: pl.Series) -> str:
    each = [formatting.day(day) for day in days.unique().sort()]
    if len(each) > 4:
        return f"{len(each)} cutoffs, {each[0]} to {each[-1]}."
    return f"Cutoff{'s' if len(each) > 1 else ''}: {formatting.listing(each)}."


def roc_pr(steps: pl.DataFrame) -> "ChartType":
    """Receiver operating characteristic and precision against recall, one line per cutoff.

    Parameters
    ----------
    steps
        `ranking_curves.cumulative(predictions)`.
    """
    import altair as alt

    found = ranking_curves.ranking(steps)
    if found.is_empty():
        return empty("ROC curve", NO_OUTCOME)
    mine, naive = (found.filter(pl.col("model") == name) for name in ranking_curves.NAMES)
    area, average = (
        _key(_spread(mine[column]), _spread(naive[column]))
        for column in ("area", "average_precision")
    )
    roc = _lines(
        ranking_curves.roc(steps), of="Leavers found", against="Stayers flagged by mistake"
    )
    recall = _lines(
        ranking_curves.precision_recall(steps), of="Flagged who left", against="Leavers found"
    )
    roc_panel = alt.layer(diagonal(color=light("line")), roc)
    seen = _seen(int(ranking_curves.total(mine, "customers")), mine["cutoff_day"])
    of_100 = formatting.decimal(100 * float(mine["area"].mean()), 0)  # type: ignore[arg-type]
    return dressed(
        alt.hconcat(
            roc_panel.properties(width=HALF, height=250, title=panel_title("ROC", f"Area; {area}")),
            recall.properties(
                width=HALF,
                height=250,
                title=panel_title("Precision and recall", f"Average; {average}"),
            ),
            spacing=30,
        ),
        title=f"Given a leaver and a stayer, the model picks the leaver {of_100} times in 100",
        subtitle=seen,
    )


def calibration(predictions: pl.DataFrame) -> "ChartType":
    """Does a predicted 30 % happen in 30 of 100 cases: the reliability curve above the count of
    customers.
    """
    import altair as alt

    bins = ranking_curves.reliability(predictions)
    if bins.is_empty():
        return empty("calibration", "No customer has both a predicted probability and an outcome.")
    x = alt.X("predicted:Q", scale=WHOLE, axis=share_axis(None, labels=False))
    y = alt.Y("actual:Q", scale=WHOLE, axis=share_axis("Share that left"))
    dots = {"size": 50, "filled": True, "color": light("blue")}
    curve = alt.layer(
        diagonal(color=light("muted"), strokeDash=[4, 4]),
        mark(bins, "rule", color=light("blue"), strokeWidth=1.5).encode(
            x=x, y=alt.Y("low:Q"), y2=alt.Y2("high")
        ),
        mark(bins, "line", color=light("blue"), point=dots).encode(x=x, y=y),
    )
    bars = bins.select(
        "customers", none=0, start=pl.col("bin") / 10 + 0.005, end=pl.col("bin") / 10 + 0.095
    )
    counts = mark(bars, "rect", color=light("grey")).encode(
        x=alt.X("start:Q", scale=WHOLE, axis=share_axis("Predicted churn probability")),
        x2=alt.X2("end"),
        y=alt.Y("customers:Q", axis=number_axis("Customers", tickCount=2)),
        y2=alt.Y2("none"),
    )
    width = WIDTH - 80
    known = predictions.filter(
        pl.col("churned").is_not_null() & pl.col("churn_probability").is_not_null()
    )
    seen = _seen(known.height, known["cutoff_day"])
    return dressed(
        alt.vconcat(
            curve.properties(width=width, height=280),
            counts.properties(width=width, height=70),
            spacing=12,
        ),
        title=_how_calibrated(bins),
        subtitle=f"On the dashed line, predicted = actual. Bars show 95% intervals. {seen}",
    )


def _how_calibrated(bins: pl.DataFrame) -> str:
    gaps = bins["predicted"] - bins["actual"]
    size, lean = (float(np.average(gap, weights=bins["customers"])) for gap in (gaps.abs(), gaps))
    points = f"{formatting.decimal(100 * size, 1)} points"
    if size <= 0.03:
        return f"Predicted probabilities come true, within {points} on average"
    if abs(lean) < 0.8 * size:
        return f"Predicted probabilities miss by {points} on average"
    return f"Predicted probabilities are {points} too {'high' if lean > 0 else 'low'} on average"


def gains(steps: pl.DataFrame) -> "ChartType":
    """How many leavers, and how much revenue, lie in the share of customers ranked highest.

    Parameters
    ----------
    steps
        `ranking_curves.cumulative(predictions)`.
    """
    import altair as alt

    table = ranking_curves.gains(steps)
    tasks = [task for task in ranking_curves.MODELS if task in table["task"].to_list()]
    if not tasks:
        return empty("gains", NO_OUTCOME)
    parts = {task: table.filter(pl.col("task") == task) for task in tasks}
    said = {
        "churn": "the riskiest 20% of customers held {} of the leavers",
        "value": "the 20% expected to be worth most held {} of the revenue",
    }
    held = [
        said[task].format(formatting.percent(ranking_curves.caught(part, 0.2)[0], 0))
        for task, part in parts.items()
    ]
    return dressed(
        alt.hconcat(*(_gain(part, task) for task, part in parts.items()), spacing=30),
        title=formatting.capital(formatting.listing(held)),
        subtitle=_cutoffs(steps["cutoff_day"]),
    )


def _gain(table: pl.DataFrame, task: str) -> "ChartType":
    import altair as alt

    mine, naive = ranking_curves.caught(table, 0.2)
    key = _key(
        formatting.percent(mine, 0), formatting.percent(naive, 0) if naive is not None else ""
    )
    is_churn = task == "churn"
    fifth = mark(
        pl.DataFrame({"x": [0.2]}), "rule", color=light("muted"), strokeDash=[2, 3]
    ).encode(x=alt.X("x:Q"))
    lines = _lines(
        table,
        of="Leavers found" if is_churn else "Revenue found",
        against="Customers, highest first",
    )
    heading = "Leavers, ranked by risk" if is_churn else "Revenue, ranked by expected revenue"
    panel = alt.layer(diagonal(color=light("line")), fifth, lines)
    return panel.properties(width=HALF, height=250, title=panel_title(heading, f"At 20%; {key}"))


def backtest(evidence: pl.DataFrame) -> "ChartType":
    """The champion beside the naive baseline at every cutoff, with bootstrap intervals."""
    import altair as alt

    table = ranking_curves.contests(evidence, ALGORITHMS)
    parts = [
        (name, table.filter((pl.col("task") == task) & (pl.col("metric") == name)))
        for task, name in PANELS
    ]
    shown = [(name, part) for name, part in parts if part.height]
    if not shown:
        return empty(
            "backtest", "No metric has been computed for both the model and a naive baseline."
        )
    is_wide = max(part.height for _, part in shown) > 2
    width = WIDTH - 80 if is_wide else WIDTH // 2 - 50
    wins, n = (
        sum(int(part["wins"].sum()) for _, part in shown),
        sum(part.height for _, part in shown),
    )
    return dressed(
        alt.concat(
            *(_metric(part, name, width=width) for name, part in shown),
            columns=1 if is_wide else 2,
            spacing={"row": 66 if n <= 6 * len(shown) else 104, "column": 64},
            bounds="flush",
        ),
        title=f"The model beats the naive baseline in {wins} of "
        f"{formatting.plural(n, 'comparison')}",
        subtitle="Blue circles: model. Grey squares: naive baseline. Bars: 95% intervals "
        "(bootstrap of customers). " + _cutoffs(table["cutoff_day"]),
    )


def _metric(table: pl.DataFrame, name: str, *, width: int) -> "ChartType":
    import altair as alt

    names, metric = list(ranking_curves.NAMES), formatting.METRICS[name]
    form = ".0%" if metric.unit == "percent" else ".2f"
    both = ranking_curves.side_by_side(table)
    is_crowded = table.height > 6
    angle = {"labelAngle": -45 if is_crowded else 0, "title": None}
    x = alt.X("cutoff:O", sort=table["cutoff"].to_list(), axis=angle)
    offset = alt.XOffset("model:N", sort=names)
    colour = alt.Color(
        "model:N", scale={"domain": names, "range": [light("blue"), light("grey")]}, legend=None
    )
    scale = {"zero": False, "padding": 12}
    y = alt.Y("value:Q", scale=scale, axis={"format": form, "tickCount": 4, "title": None})
    shape = alt.Shape(
        "model:N", scale={"domain": names, "range": ["circle", "square"]}, legend=None
    )
    bars = mark(both, "rule", strokeWidth=2).encode(
        y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high"), color=colour
    )
    dots = mark(both, "point", filled=True, size=70, opacity=1).encode(
        y=y, shape=shape, color=colour
    )
    texts = [
        mark(both.filter(pl.col("model") == model), "text", fontSize=11, align=align, dx=dx).encode(
            y=y, text=alt.Text("value:Q", format=form)
        )
        for model, align, dx in zip(names, ("right", "left"), (-8, 8), strict=True)
    ]
    layers = [bars, dots, *(texts if not is_crowded else [])]
    panel = alt.layer(*(layer.encode(x=x, xOffset=offset) for layer in layers))
    heading = panel_title(f"{metric.label}, {metric.better} is better")
    return panel.properties(width=width, height=140, title=heading)
