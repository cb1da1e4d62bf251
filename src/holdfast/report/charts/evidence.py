"""How good: predictions made before, against what happened after, beside the naive baseline."""

from typing import Any

import numpy as np
import polars as pl

from holdfast.report import evidence_tables, formatting, ranking_curves
from holdfast.report.charts.axes import number_axis, panel_title, share_axis, total
from holdfast.report.charts.base import (
    WORDS,
    Chart,
    Options,
    by_name,
    diagonal,
    field,
    make_chart,
    mark,
    no_chart,
    panel,
    rule,
)
from holdfast.report.theme import BLUE, DOT, WHOLE, WIDTH, light

PANELS = (
    ("churn", "roc_auc"), ("churn", "brier"), ("value", "tweedie_deviance"), ("value", "spearman"),
)  # fmt: skip
MODEL, BASELINE = ranking_curves.NAMES
COLOURS = {MODEL: "blue", BASELINE: "grey"}
DASHES = {MODEL: [1, 0], BASELINE: [5, 4]}
_SIZE = (WIDTH // 2 - 62, 250)


def _lines(table: pl.DataFrame, *, of: str, against: str) -> list[Options]:
    """One line per model and cutoff; the model solid and blue, the baseline dashed and grey; and
    their names.
    """
    place = {"x": field("x:Q", scale=WHOLE, axis=share_axis(against)), "order": "x:Q"}
    if "cutoff_day" in table.columns:
        place["detail"] = "cutoff_day:O"
    look = {"color": by_name("model:N", COLOURS), "strokeDash": by_name("model:N", DASHES)}
    y = field("y:Q", scale=WHOLE, axis=share_axis(of))
    names = _line_names(table)
    halo = {"stroke": "panel", "strokeWidth": 4, "fontWeight": "bold"}
    text = {"x": place["x"], "y": y, "text": "name:N"}
    return [
        mark("line", table, {"strokeWidth": 2}, **place, y=y, **look),
        mark("text", names, halo, **text),
        mark("text", names, {"fontWeight": "bold"}, **text, color=look["color"]),
    ]


_NAMED_AT, _OFF_LINE = 0.62, 0.07


def _line_names(table: pl.DataFrame) -> pl.DataFrame:
    """Where the lines' names stand: the upper's above all of its lines, the lower's below."""
    near = table.filter((pl.col("x") - _NAMED_AT).abs() <= 0.06)
    ends = near.group_by("model", maintain_order=True).agg(
        low=pl.col("y").min(), high=pl.col("y").max()
    )
    ends = ends.sort(pl.col("low") + pl.col("high"), descending=True)
    is_first = pl.int_range(pl.len()) == 0
    y = pl.when(is_first).then(pl.col("high") + _OFF_LINE).otherwise(pl.col("low") - _OFF_LINE)
    name = pl.col("model").replace_strict({MODEL: "model", BASELINE: "baseline"})
    return ends.select("model", x=pl.lit(_NAMED_AT), y=y.clip(0.04, 1.04), name=name)


def _key(figure: str, model: str, baseline: str) -> list[str]:
    """What the two lines are, a line of text each: half a card is too narrow for both in one."""
    first = f"{figure}: model {model}"
    return [first, f"naive baseline {baseline}"] if baseline else [first]


def _range(values: pl.Series) -> str:
    ends = [formatting.decimal(end(values), 2) for end in (min, max)] if values.len() else []
    return " to ".join(dict.fromkeys(ends))


def _later(n: int, days: pl.Series) -> str:
    predictions = formatting.plural(n, "prediction")
    return f"{predictions} of later outcomes, not learnt from. {_cutoffs(days)}"


def _cutoffs(days: pl.Series) -> str:
    each = [formatting.day(day) for day in days.unique().sort()]
    if len(each) > 4:
        return f"{len(each)} cutoffs, {each[0]} to {each[-1]}."
    return f"Cutoff{'s' if len(each) > 1 else ''}: {formatting.listing(each)}."


def roc_pr(steps: pl.DataFrame) -> Chart:
    """Receiver operating characteristic and precision against recall, one line per cutoff.

    Parameters
    ----------
    steps
        `ranking_curves.cumulative(predictions)`.
    """
    ranking = ranking_curves.ranking(steps)
    if ranking.is_empty():
        return no_chart("roc_pr", "no_outcome")
    model, baseline = (ranking.filter(pl.col("model") == name) for name in (MODEL, BASELINE))
    area, average = (
        _key(figure, _range(model[name]), _range(baseline[name]))
        for figure, name in (("Area", "area"), ("Average", "average_precision"))
    )
    roc = _lines(
        ranking_curves.roc(steps), of="Leavers found", against="Stayers flagged by mistake"
    )
    recall = _lines(
        ranking_curves.precision_recall(steps), of="Flagged who left", against="Leavers found"
    )
    panels = [
        panel(diagonal("line"), *roc, size=_SIZE, title=panel_title("ROC", area)),
        panel(*recall, size=_SIZE, title=panel_title("Precision and recall", average)),
    ]
    of_100 = formatting.decimal(100 * float(np.mean(model["area"].to_numpy())), 0)
    later = _later(int(total(model["customers"])), model["cutoff_day"])
    drawn = {"hconcat": panels, "spacing": 30}
    return make_chart("roc_pr", drawn, ranking, of_100=of_100, later=later)


def calibration(predictions: pl.DataFrame) -> Chart:
    """Does a predicted 30 % happen in 30 of 100 cases: the reliability curve above the count of
    customers.
    """
    bins = ranking_curves.reliability(predictions)
    if bins.is_empty():
        return no_chart("calibration", "no_pair")
    x = field("predicted:Q", scale=WHOLE, axis=share_axis(None, labels=False))
    y = field("actual:Q", scale=WHOLE, axis=share_axis("Share that left"))
    dots = {"size": 50, "filled": True, "color": light("blue")}
    curve = panel(
        diagonal("muted", strokeDash=[4, 4]),
        mark("rule", bins, BLUE | {"strokeWidth": 1.5}, x=x, y="low:Q", y2="high"),
        mark("line", bins, BLUE | {"point": dots}, x=x, y=y),
        size=(WIDTH - 80, 280),
    )
    start = pl.col("bin") / 10
    bars = bins.select("customers", none=0, start=start + 0.005, end=start + 0.095)
    x = field("start:Q", scale=WHOLE, axis=share_axis("Predicted churn probability"))
    y = field("customers:Q", axis=number_axis("Customers", tickCount=2))
    counts = mark("rect", bars, {"color": "grey"}, x=x, x2="end", y=y, y2="none")
    panels = {"vconcat": [curve, panel(counts, size=(WIDTH - 80, 70))], "spacing": 12}
    days = predictions.drop_nulls(["churned", "churn_probability"])["cutoff_day"]
    table, title = evidence_tables.calibration(predictions), _describe_calibration(bins)
    return make_chart("calibration", panels, table, title=title, later=_later(days.len(), days))


def _describe_calibration(bins: pl.DataFrame) -> str:
    gaps = bins["predicted"] - bins["actual"]
    size, lean = (float(np.average(gap, weights=bins["customers"])) for gap in (bins["gap"], gaps))
    points = f"{formatting.decimal(100 * size, 1)} points"
    if size <= 0.03:
        return f"Predicted probabilities come true, within {points} on average"
    if abs(lean) < 0.8 * size:
        return f"Predicted probabilities miss by {points} on average"
    return f"Predicted probabilities are {points} too {'high' if lean > 0 else 'low'} on average"


def gains(steps: pl.DataFrame) -> Chart:
    """How many leavers, and how much revenue, lie in the share of customers ranked highest.

    Parameters
    ----------
    steps
        `ranking_curves.cumulative(predictions)`.
    """
    table = ranking_curves.gains(steps)
    tasks = [task for task in ranking_curves.MODELS if task in table["task"]]
    if not tasks:
        return no_chart("gains", "no_outcome")
    panels, sentences = zip(
        *(_gain(table.filter(pl.col("task") == task), task) for task in tasks), strict=True
    )
    title = formatting.capital(formatting.listing(list(sentences)))
    drawn, cutoffs = {"hconcat": list(panels), "spacing": 30}, _cutoffs(steps["cutoff_day"])
    return make_chart("gains", drawn, evidence_tables.gains(steps), title=title, cutoffs=cutoffs)


def _gain(table: pl.DataFrame, task: str) -> tuple[Options, str]:
    """One task's panel and sentence."""
    text = WORDS["gains"][task]
    model, baseline = ranking_curves.capture_at(table, 0.2)
    held = formatting.percent(model, 0)
    naive = "" if baseline is None else formatting.percent(baseline, 0)
    title = panel_title(text["heading"], _key("At 20%", held, naive))
    lines = _lines(table, of=text["axis"], against="Customers, highest first")
    marks = diagonal("line"), rule("x", 0.2, strokeDash=[2, 3]), *lines
    return panel(*marks, size=_SIZE, title=title), text["sentence"].format(held=held)


def backtest(evidence: pl.DataFrame) -> Chart:
    """The model beside the naive baseline at every cutoff, with bootstrap intervals."""
    table = ranking_curves.contests(evidence)
    parts = table.partition_by("task", "metric", as_dict=True)
    shown = {metric: parts[task, metric] for task, metric in PANELS if (task, metric) in parts}
    if not shown:
        return no_chart("backtest", "no_contest")
    is_wide = max(part.height for part in shown.values()) > 6
    width = WIDTH - 80 if is_wide else WIDTH // 2 - 50
    verdicts = pl.concat(part["verdict"] for part in shown.values())
    n, better, worse = len(verdicts), (verdicts == "better").sum(), (verdicts == "worse").sum()
    spacing = {"row": 66 if n <= 2 * len(shown) else 104, "column": 64}
    panels = [_metric(part, name, width=width) for name, part in shown.items()]
    layout = {"columns": 1 if is_wide else 2, "spacing": spacing, "bounds": "flush"}
    compared, cutoffs = formatting.plural(n, "comparison"), _cutoffs(table["cutoff_day"])
    counts: dict[str, Any] = {"compared": compared, "better": better, "worse": worse}
    return make_chart("backtest", {"concat": panels, **layout}, **counts, cutoffs=cutoffs)


def _metric(table: pl.DataFrame, name: str, *, width: int) -> Options:
    metric, is_crowded = formatting.METRICS[name], table.height > 2
    both, scale = ranking_curves.side_by_side(table), {"zero": False, "padding": 12}
    form = ".0%" if metric.unit == "percent" else ".2f"
    angle = {"labelAngle": -45 if is_crowded else 0, "title": None}
    x = field("cutoff:O", sort=table["cutoff"].to_list(), axis=angle)
    place = {"x": x, "xOffset": field("model:N", sort=[MODEL, BASELINE])}
    y = field("value:Q", scale=scale, axis={"format": form, "tickCount": 4, "title": None})
    low, color = field("low:Q", scale=scale), by_name("model:N", COLOURS)
    shape = by_name("model:N", {MODEL: "circle", BASELINE: "square"})
    marks = [
        mark("rule", both, {"strokeWidth": 2}, **place, y=low, y2="high", color=color),
        mark("point", both, DOT | {"size": 70}, **place, y=y, shape=shape, color=color),
    ]
    if not is_crowded:
        marks += pair_of_texts(both, "model", **place, y=y, text=field("value:Q", format=form))
    title = panel_title(f"{metric.label}, {metric.better} is better")
    return panel(*marks, size=(width, 140), title=title)


def pair_of_texts(table: pl.DataFrame, column: str, **channels: Any) -> list[Options]:
    """The figures of two marks side by side: left of the first one and a little lower, right of the
    second and a little higher, so that they do not meet where there is little room.
    """
    parts = table.partition_by(column, maintain_order=True)
    return [
        mark("text", part, {"align": align, "dx": dx, "dy": dy}, **channels)
        for part, (align, dx, dy) in zip(parts, (("right", -8, 7), ("left", 8, -7)), strict=True)
    ]
