"""How good: predictions made before, against what happened after, beside the naive baseline."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.report import curves, words
from holdfast.report.charts.parts import empty, number_axis, panel_title, share_axis, whole
from holdfast.report.theme import WIDTH, dressed, light
from holdfast.study import ALGORITHMS

if TYPE_CHECKING:
    import altair as alt
    from altair.typing import ChartType

PANELS = (("churn", "roc_auc"), ("churn", "brier"), ("value", "wape"), ("value", "spearman"))
NO_OUTCOME = "No customer has both a prediction and an outcome that varies."


def _line(table: pl.DataFrame, *, of: str, against: str) -> "alt.Chart":
    """One line per model and cutoff; the model solid and blue, the baseline dashed and grey."""
    import altair as alt

    names = list(curves.NAMES)
    return alt.Chart(table).mark_line(strokeWidth=2, clip=True).encode(
        x=alt.X("x:Q", scale=whole(), axis=share_axis(against)),
        y=alt.Y("y:Q", scale=whole(), axis=share_axis(of)),
        color=alt.Color("model:N", scale=alt.Scale(domain=names, range=[light("blue"), light("grey")]), legend=None),
        strokeDash=alt.StrokeDash("model:N", scale=alt.Scale(domain=names, range=[[1, 0], [5, 4]]), legend=None),
        detail="cutoff_day:O" if "cutoff_day" in table.columns else alt.Undefined,
        order="x:Q",
    )  # fmt: skip


def _key(model: str, baseline: str) -> str:
    return f"model (solid) {model}" + (f", baseline (dashed) {baseline}" if baseline else "")


def _spread(values: pl.Series) -> str:
    low, high = (words.decimal(value, 2) for value in (values.min(), values.max()))  # type: ignore[arg-type]
    return low if low == high else f"{low} to {high}"


def roc_pr(predictions: pl.DataFrame) -> "ChartType":
    """Receiver operating characteristic and precision against recall, one line per cutoff."""
    import altair as alt

    found = curves.ranking(predictions)
    if found.is_empty():
        return empty("ROC curve", NO_OUTCOME)
    mine, naive = (found.filter(pl.col("model") == name) for name in curves.NAMES)
    keys = [
        _key(_spread(mine[column]), _spread(naive[column]) if naive.height else "")
        for column in ("roc_auc", "average_precision")
    ]
    chance = alt.Chart(pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})).mark_line(color=light("line")).encode(x="x:Q", y="y:Q")
    size = {"width": WIDTH // 2 - 62, "height": 250}
    roc = _line(curves.roc(predictions), of="Leavers found", against="Stayers flagged by mistake")
    recall = _line(curves.precision_recall(predictions), of="Flagged who left", against="Leavers found")
    of_100 = words.decimal(100 * float(mine["roc_auc"].mean()), 0)  # type: ignore[arg-type]
    return dressed(
        alt.hconcat(
            (chance + roc).properties(**size, title=panel_title("ROC", f"Area: {keys[0]}")),
            recall.properties(**size, title=panel_title("Precision and recall", f"Average: {keys[1]}")),
            spacing=30,
        ),
        title=f"Of a leaver and a stayer, the model gives the leaver the higher risk {of_100} times in 100",
        subtitle=_seen(predictions),
    )


def _seen(predictions: pl.DataFrame) -> str:
    n = words.plural(predictions.height, "prediction")
    return f"{n} for customers and outcomes the model had not seen. {_cutoffs(predictions['cutoff_day'])}"


def _cutoffs(days: pl.Series) -> str:
    each = [words.day(day) for day in days.unique().sort()]
    if len(each) > 4:
        return f"{len(each)} cutoffs, {each[0]} to {each[-1]}."
    return f"Cutoff{'s' if len(each) > 1 else ''}: {words.listing(each)}."


def calibration(predictions: pl.DataFrame) -> "ChartType":
    """Does a predicted 30 % happen in 30 of 100 cases: the reliability curve above the count of customers."""
    import altair as alt

    bins = curves.reliability(predictions)
    if bins.is_empty():
        return empty("calibration", "No customer has both a predicted probability and an outcome.")
    x = alt.X("predicted:Q", scale=whole(), axis=share_axis(None, labels=False))
    y = alt.Y("actual:Q", scale=whole(), axis=share_axis("Share that left"))
    perfect = alt.Chart(pl.DataFrame({"predicted": [0.0, 1.0], "actual": [0.0, 1.0]}))
    base = alt.Chart(bins)
    curve = alt.layer(
        perfect.mark_line(color=light("muted"), strokeDash=[4, 4]).encode(x=x, y=y),
        base.mark_rule(color=light("blue"), strokeWidth=1.5).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(color=light("blue"), point=alt.OverlayMarkDef(size=50, filled=True, color=light("blue"))).encode(x=x, y=y),
    )
    edges = bins.select("customers", none=0, start=pl.col("bin") / 10 + 0.005, end=pl.col("bin") / 10 + 0.095)
    across = alt.X("start:Q", scale=whole(), axis=share_axis("Predicted churn probability"))
    tall = alt.Y("customers:Q", axis=number_axis("Customers"))
    counts = alt.Chart(edges).mark_rect(color=light("grey")).encode(x=across, x2="end:Q", y=tall, y2="none:Q")
    width = WIDTH - 80
    return dressed(
        alt.vconcat(curve.properties(width=width, height=280), counts.properties(width=width, height=70), spacing=12),
        title=_how_calibrated(bins),
        subtitle="On the dashed line, predicted = actual. Bars show 95% intervals. " + _seen(predictions),
    )


def _how_calibrated(bins: pl.DataFrame) -> str:
    gaps = bins["predicted"] - bins["actual"]
    size, lean = (float(np.average(gap, weights=bins["customers"])) for gap in (gaps.abs(), gaps))
    points = f"{words.decimal(100 * size, 1)} points"
    if size <= 0.03:
        return f"Predicted probabilities come true, within {points} on average"
    if abs(lean) < 0.8 * size:
        return f"Predicted probabilities miss by {points} on average"
    return f"Predicted probabilities are {points} too {'high' if lean > 0 else 'low'} on average"


def gains(predictions: pl.DataFrame) -> "ChartType":
    """How many leavers, and how much revenue, lie in the share of customers ranked highest."""
    import altair as alt

    table = curves.gains(predictions)
    tasks = [task for task in ("churn", "value") if task in table["task"].to_list()]
    if not tasks:
        return empty("gains", NO_OUTCOME)
    panels = [_gain(table.filter(pl.col("task") == task), task) for task in tasks]
    at_20 = {task: _at(table, task, curves.NAMES[0], 0.2) for task in tasks}
    said = {
        "churn": f"the riskiest 20% of customers held {words.percent(at_20.get('churn'), 0)} of the leavers",
        "value": f"the 20% expected to be worth most held {words.percent(at_20.get('value'), 0)} of the revenue",
    }
    return dressed(
        alt.hconcat(*panels, spacing=30),
        title=words.capital(words.listing([said[task] for task in tasks])),
        subtitle=_seen(predictions),
    )


def _at(table: pl.DataFrame, task: str, model: str, share: float) -> float | None:
    one = table.filter((pl.col("task") == task) & (pl.col("model") == model) & ((pl.col("x") - share).abs() < 1e-9))
    return float(one["y"][0]) if one.height else None


def _gain(table: pl.DataFrame, task: str) -> "alt.LayerChart":
    import altair as alt

    shares = [_at(table, task, name, 0.2) for name in curves.NAMES]
    heading = "Leavers, ranked by risk" if task == "churn" else "Revenue, ranked by expected revenue"
    key = _key(words.percent(shares[0], 0), words.percent(shares[1], 0) if shares[1] is not None else "")
    chance = alt.Chart(pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})).mark_line(color=light("line")).encode(x="x:Q", y="y:Q")
    mark = alt.Chart(pl.DataFrame({"x": [0.2]})).mark_rule(color=light("muted"), strokeDash=[2, 3]).encode(x="x:Q")
    of = "Leavers found" if task == "churn" else "Revenue found"
    line = _line(table, of=of, against="Customers, highest first")
    panel = alt.layer(chance, mark, line)
    return panel.properties(width=WIDTH // 2 - 62, height=250, title=panel_title(heading, f"At 20%: {key}"))


def backtest(evidence: pl.DataFrame) -> "ChartType":
    """The champion beside the naive baseline at every cutoff, with bootstrap intervals."""
    import altair as alt

    table = curves.contests(evidence, ALGORITHMS)
    parts = [(name, table.filter((pl.col("task") == task) & (pl.col("metric") == name))) for task, name in PANELS]
    shown = [(name, part) for name, part in parts if part.height]
    if not shown:
        return empty("backtest", "No metric has been computed for both the model and a naive baseline.")
    panels = [_metric(part, name) for name, part in shown]
    wins = sum(int(part["wins"].sum()) for _, part in shown)
    n = sum(part.height for _, part in shown)
    return dressed(
        alt.concat(*panels, columns=2, spacing=28),
        title=f"The model beats the naive baseline in {wins} of {words.plural(n, 'comparison')}",
        subtitle="Blue circles: model. Grey squares: naive baseline. Bars: 95% intervals (bootstrap of customers). "
        + _cutoffs(table["cutoff_day"]),
    )


def _metric(table: pl.DataFrame, name: str) -> "alt.LayerChart":
    import altair as alt

    names, metric = list(curves.NAMES), words.METRICS[name]
    form = ".0%" if metric.unit == "share" else ".2f"
    both = pl.concat(
        table.select(
            *(pl.col(f"{prefix}{column}").alias(column) for column in ("value", "low", "high")),
            cutoff="cutoff",
            model=pl.lit(model),
        )
        for model, prefix in zip(names, ("", "baseline_"), strict=True)
    )
    is_crowded = table.height > 4
    base = alt.Chart(both).encode(
        x=alt.X("cutoff:O", sort=table["cutoff"].to_list(), axis=alt.Axis(labelAngle=-45 if is_crowded else 0, title=None)),
        xOffset=alt.XOffset("model:N", sort=names),
        color=alt.Color("model:N", scale=alt.Scale(domain=names, range=[light("blue"), light("grey")]), legend=None),
    )
    scale = alt.Scale(zero=False, padding=12)
    y = alt.Y("value:Q", scale=scale, axis=alt.Axis(format=form, tickCount=4, title=None))
    shape = alt.Shape("model:N", scale=alt.Scale(domain=names, range=["circle", "square"]), legend=None)
    layers = [
        base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_point(filled=True, size=70, opacity=1).encode(y=y, shape=shape, tooltip=["model:N", "value:Q", "low:Q", "high:Q"]),
    ]
    if not is_crowded:
        for model, style in zip(names, ({"align": "right", "dx": -8}, {"align": "left", "dx": 8}), strict=True):
            own = base.transform_filter(alt.datum.model == model).mark_text(fontSize=11, **style)
            layers.append(own.encode(y=y, text=alt.Text("value:Q", format=form), color=alt.value(light("ink"))))
    heading = panel_title(f"{metric.label}, {metric.better} is better")
    return alt.layer(*layers).properties(width=WIDTH // 2 - 50, height=170, title=heading)
