"""Predictions made before against what happened after: curves, bins, comparisons and how promises
held, each computed once and shown as a table beside its chart.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from polars.dataframe.group_by import GroupBy

from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.evaluation.evidence import CHAMPION, DIFFERENCE, INTERVAL, MEDIAN, NO_MODELS
from holdfast.report import formatting
from holdfast.study import ALGORITHMS

MODELS = {
    "churn": ("churn_probability", "churn_baseline"),
    "value": ("expected_revenue", "value_baseline"),
}
TRUTH = {"churn": "churned", "value": "future_revenue"}
NAMES = ("Model", "Naive baseline")
SHOWN = {"churn": ("roc_auc", "brier"), "value": ("wape", "spearman")}
"""Metrics by which models are compared at a glance."""
CUMULATIVE = pl.Schema(
    {"task": pl.String(), "cutoff_day": pl.Int32(), "model": pl.String()}
    | dict.fromkeys(("share", "found"), pl.Float64())
    | {"customers": pl.Int64()}
    | dict.fromkeys(("total", "area", "average_precision"), pl.Float64())
)


def cumulative(predictions: pl.DataFrame) -> pl.DataFrame:
    """Go through the customers from the highest prediction down: what has been found after each
    half percent of them.

    One row per task, cutoff, model and step, where outcome and prediction are known and the outcome
    varies. Customers of equal prediction are found evenly.

    Columns: task, cutoff_day, model, share (of customers gone through, 0..1), found (share of all
    leavers, or of all revenue, 0..1), customers, total (leavers, or revenue), area (under the ROC
    curve) and average_precision (both NaN for value).
    """
    parts = [
        _steps(truth, score, is_churn=task == "churn").select(
            pl.lit(task).alias("task"),
            pl.lit(cutoff, pl.Int32).alias("cutoff_day"),
            pl.lit(model).alias("model"),
            pl.all(),
        )
        for task in MODELS
        for cutoff, model, truth, score in _cases(predictions, task)
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=CUMULATIVE)


def _cases(predictions: pl.DataFrame, task: str) -> Iterator[tuple[int, str, Vector, Vector]]:
    """Yield (cutoff, model, truth, score)."""
    columns = (pl.col(TRUTH[task]).cast(pl.Float64).alias("truth"), *MODELS[task])
    for day in predictions["cutoff_day"].unique().sort():
        group = predictions.filter(pl.col("cutoff_day") == day).select(columns)
        for name, column in zip(NAMES, MODELS[task], strict=True):
            case = group.select("truth", column).drop_nulls()
            if case["truth"].n_unique() > 1 and case["truth"].sum() > 0:
                yield day, name, case["truth"].to_numpy(), case[column].to_numpy()


def _steps(truth: Vector, score: Vector, *, is_churn: bool) -> pl.DataFrame:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    n, captured = np.append(0.0, ends + 1.0), np.append(0.0, np.cumsum(truth[order])[ends])
    stayed = n - captured
    area = precision = float("nan")
    if is_churn:
        # Trapezoids count equal predictions half, as the ROC area does; average precision takes
        # each group at its end.
        area = float(np.trapezoid(captured, stayed) / (captured[-1] * stayed[-1]))
        precision = float(np.sum(np.diff(captured) * captured[1:] / n[1:]) / captured[-1])
    shares = np.linspace(0, 1, 201)
    leavers_found = np.interp(shares, n / n[-1], captured / captured[-1])
    return pl.DataFrame({"share": shares, "found": leavers_found}).with_columns(
        customers=pl.lit(len(score), pl.Int64),
        total=float(captured[-1]),
        area=area,
        average_precision=precision,
    )


def roc(steps: pl.DataFrame) -> pl.DataFrame:
    """Share of leavers found (y) against share of stayers flagged (x), from `cumulative`."""
    stayers = pl.col("customers") - pl.col("total")
    flagged = (pl.col("share") * pl.col("customers") - pl.col("found") * pl.col("total")) / stayers
    return steps.filter(pl.col("task") == "churn").select(
        "cutoff_day", "model", x=flagged, y="found"
    )


def precision_recall(steps: pl.DataFrame) -> pl.DataFrame:
    """Share of those flagged who left (y) against share of leavers found (x), from `cumulative`."""
    # Precision among the first hundredth is noise that would draw the eye.
    seen = steps.filter((pl.col("task") == "churn") & (pl.col("share") >= 0.01))
    precision = pl.col("found") * pl.col("total") / (pl.col("share") * pl.col("customers"))
    return seen.select("cutoff_day", "model", x="found", y=precision)


def ranking(steps: pl.DataFrame) -> pl.DataFrame:
    """How well leavers are ranked, from `cumulative`: one row per cutoff and model."""
    ends = steps.filter((pl.col("task") == "churn") & (pl.col("share") == 1.0))
    left = pl.col("total") / pl.col("customers")
    return ends.select("cutoff_day", "model", "customers", "area", "average_precision", left=left)


def gains(steps: pl.DataFrame) -> pl.DataFrame:
    """What is found (y) in the share of customers ranked highest (x), all cutoffs together, per
    task and model.
    """
    share = (pl.col("found") * pl.col("total")).sum() / pl.col("total").sum()
    return steps.group_by("task", "model", x="share", maintain_order=True).agg(y=share)


def capture_at(gains: pl.DataFrame, share: float) -> tuple[float | None, float | None]:
    """What the model and the baseline find in this share of customers, from one task's `gains`;
    None without one.
    """
    at = gains.filter((pl.col("x") - share).abs() < 1e-9)
    by_model = dict(at.select("model", "y").iter_rows())
    return by_model.get(NAMES[0]), by_model.get(NAMES[1])


def contests(evidence: pl.DataFrame) -> pl.DataFrame:
    """The champion beside the naive baseline: one row per cutoff, task and metric that both have,
    in time order.

    Columns: cutoff_day, cutoff, task, metric, value, low, high, baseline (its name),
    baseline_value, baseline_low, baseline_high, better (higher, lower or nearer 1), verdict
    (better, no difference or worse, by the 95 % interval of the difference on the same customers;
    null where it was not measured).
    """
    key = ["cutoff_day", "task", "metric"]
    figures = evidence.filter(pl.col("value").is_finite()).with_columns(
        pl.col("low", "high").fill_nan(None)
    )
    champion = figures.filter(pl.col("model") == "champion").drop("model")
    naive = figures.filter(~pl.col("model").is_in(["champion", *ALGORITHMS, *NO_MODELS]))
    naive = naive.unique(key, keep="first", maintain_order=True).rename(
        {"model": "baseline"}
        | {column: f"baseline_{column}" for column in ("value", "low", "high")}
    )
    both = champion.join(naive, on=key, how="inner", maintain_order="left").sort(
        "cutoff_day", maintain_order=True
    )
    better = {name: metric.better for name, metric in formatting.METRICS.items()}
    direction = pl.col("metric").replace_strict(better, default="", return_dtype=pl.String)
    differences = evidence.filter(model=DIFFERENCE).select(
        *key, smaller=pl.col("high") < 0, larger=pl.col("low") > 0
    )
    is_surer = pl.when(direction == "lower").then("smaller").otherwise("larger")
    verdict = (
        pl.when(pl.col("larger").is_null())
        .then(None)
        .when(is_surer)
        .then(pl.lit("better"))
        .when(pl.col("larger") | pl.col("smaller"))
        .then(pl.lit("worse"))
        .otherwise(pl.lit("no difference"))
    )
    both = both.join(differences, on=key, how="left", maintain_order="left")
    cutoff = pl.Series([formatting.day(day) for day in both["cutoff_day"]], dtype=pl.String)
    both = both.with_columns(cutoff=cutoff, verdict=verdict, better=direction)
    return both.drop("smaller", "larger")


def average(contests: pl.DataFrame) -> pl.DataFrame:
    """`contests` over all cutoffs: one row per metric with the means, and the least and most of the
    champion's values as low and high.
    """
    value = pl.col("value")
    by_metric = contests.group_by("task", "metric", "baseline", "better", maintain_order=True)
    return by_metric.agg(
        pl.col("value", "baseline_value").mean(), low=value.min(), high=value.max()
    )


def side_by_side(contests: pl.DataFrame) -> pl.DataFrame:
    """`contests` with a row per model: cutoff, model, value, low, high."""
    return pl.concat(
        contests.select(
            "cutoff",
            *(pl.col(f"{prefix}{column}").alias(column) for column in ("value", "low", "high")),
            model=pl.lit(name),
        )
        for name, prefix in zip(NAMES, ("", "baseline_"), strict=True)
    )


def reliability(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predicted against actual churn in ten bins of probability, all cutoffs together.

    One row per bin that has customers: bin (0..9), customers, predicted, actual, low, high (all
    shares 0..1), gap (mean distance of predicted and actual at a cutoff: what is too high at one
    does not make up for what is too low at another).
    """
    bins = (pl.col("churn_probability") * 10).cast(pl.Int32).clip(0, 9).alias("bin")
    rows = _with_outcome(predictions).with_columns(bins)
    # In the order of the rows: a sum in another one may differ in its last digit.
    by_cutoff = rows.group_by("bin", "cutoff_day", maintain_order=True)
    at_cutoff = _compare(by_cutoff).select(
        "bin", "customers", off=(pl.col("predicted") - pl.col("actual")).abs()
    )
    weighted = (pl.col("off") * pl.col("customers")).sum() / pl.col("customers").sum()
    gaps = at_cutoff.group_by("bin").agg(gap=weighted)
    return _compare(rows.group_by("bin")).join(gaps, on="bin").sort("bin")


def churn_by_cutoff(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predicted beside actual churn at each past cutoff: cutoff_day, customers, predicted, actual,
    low, high.
    """
    return _compare(_with_outcome(predictions).group_by("cutoff_day")).sort("cutoff_day")


def deciles(predictions: pl.DataFrame) -> pl.DataFrame:
    """Ten groups of customers, the riskiest first, within each cutoff: what was predicted and what
    happened.

    Columns: decile (1..10), customers, predicted, actual, low, high, lift (actual over the actual
    share of everyone).
    """
    customers = _with_outcome(predictions)
    place = pl.col("churn_probability").rank("ordinal", descending=True).over("cutoff_day")
    tenth = ((place - 1) * 10 / pl.len().over("cutoff_day")).floor().cast(pl.Int32) + 1
    base = customers["left"].mean()
    tenths = _compare(customers.group_by(decile=tenth))
    return tenths.with_columns(lift=pl.col("actual") / (base or None)).sort("decile")


def _with_outcome(predictions: pl.DataFrame) -> pl.DataFrame:
    """Those whose outcome is known: cutoff_day, churn_probability, left (0 or 1)."""
    left = pl.col("churned").cast(pl.Float64)
    return predictions.select("cutoff_day", "churn_probability", left=left).drop_nulls()


def _compare(groups: GroupBy) -> pl.DataFrame:
    """Customers, predicted and actual churn of each group, with Wilson's 95 % interval of the
    actual share.
    """
    actual, predicted = pl.col("left").mean(), pl.col("churn_probability").mean()
    table = groups.agg(customers=pl.len().cast(pl.Int64), predicted=predicted, actual=actual)
    low, high = metrics.wilson_interval(pl.col("actual"), pl.col("customers"))
    return table.with_columns(low=low, high=high)


def standings(evidence: pl.DataFrame) -> pl.DataFrame:
    """Every model's mean over the cutoffs: task, metric, name, kind, value, low, high."""
    metrics = [metric for metrics in SHOWN.values() for metric in metrics]
    is_shown = pl.col("value").is_finite() & pl.col("metric").is_in(metrics)
    shown = evidence.filter(is_shown, ~pl.col("model").is_in(NO_MODELS))
    by_model = shown.group_by("task", "model", "metric", maintain_order=True)
    means = by_model.agg(pl.col("value", "low", "high").mean())
    others = {CHAMPION: "chosen"} | dict.fromkeys(ALGORITHMS, "candidate")
    kind = pl.col("model").replace_strict(others, default="baseline", return_dtype=pl.String)
    names = pl.Series([_name(model) for model in means["model"]], dtype=pl.String)
    return means.select("task", "metric", "value", "low", "high", name=names, kind=kind)


def _name(model: str) -> str:
    if model == CHAMPION:
        return "Chosen model"
    return formatting.capital(formatting.algorithm(formatting.baseline(model)))


TENTHS = pl.Schema(
    {"cutoff_day": pl.Int32(), "tenth": pl.Int32(), "customers": pl.Int64()}
    | dict.fromkeys(
        ("predicted", "actual", "baseline", "idle", "held_80", "width_80"), pl.Float64()
    )
)
_BESIDE_NAIVE = ("roc_auc", "brier", "wape", "spearman", "total_ratio")
_FIGURES = (
    *(f"{whose}{metric}" for metric in _BESIDE_NAIVE for whose in ("", "naive_")),
    *("median_wape", "coverage_80", "coverage_95"),
)
_LOW, _HIGH = "revenue_low_80", "revenue_high_80"


def tenths(predictions: pl.DataFrame) -> pl.DataFrame:
    """Hold predicted revenue and its 80 % interval against what came, in ten equal groups by
    predicted revenue.

    One row per cutoff and tenth, 1 = least expected: customers; mean predicted and actual revenue
    and what the naive baseline said (currency); idle, the share that brought nothing; held_80, the
    share inside the interval, and its mean width; both null where no interval was given.

    Parameters
    ----------
    predictions
        PREDICTIONS; those of an older run may lack the intervals.
    """
    predicted = predictions.drop_nulls(["future_revenue", "expected_revenue"])
    for name in (_LOW, _HIGH):
        if name not in predicted.columns:
            predicted = predicted.with_columns(pl.lit(None, pl.Float64).alias(name))
    place = pl.col("expected_revenue").rank("ordinal").over("cutoff_day") - 1
    tenth = (10 * place // pl.len().over("cutoff_day") + 1).cast(pl.Int32)
    came = pl.col("future_revenue")
    grouped = predicted.with_columns(tenth=tenth).group_by("cutoff_day", "tenth")
    table = grouped.agg(
        customers=pl.len().cast(pl.Int64),
        predicted=pl.col("expected_revenue").mean(),
        actual=came.mean(),
        baseline=pl.col("value_baseline").mean(),
        idle=(came <= 0).mean(),
        held_80=came.is_between(pl.col(_LOW), pl.col(_HIGH)).mean(),
        width_80=(pl.col(_HIGH) - pl.col(_LOW)).mean(),
    )
    return table.sort("cutoff_day", "tenth").select(TENTHS.names()).cast(TENTHS)


def by_horizon(horizon_evidence: pl.DataFrame) -> pl.DataFrame:
    """What HORIZON_EVIDENCE says: one row per horizon and cutoff.

    Figures of the naive baseline beside the model's; the median's by the rule of medians; how often
    intervals held. Null where something was not told, or is not defined: a ratio to customers who
    brought nothing.
    """
    prefixes = {CHAMPION: "", INTERVAL: "", MEDIAN: "median_"}
    whose = pl.col("model").replace_strict(prefixes, default="naive_", return_dtype=pl.String)
    named = horizon_evidence.with_columns(
        pl.col("value").fill_nan(None), name=whose + pl.col("metric")
    )
    wanted = [
        pl.col("value").filter(pl.col("name") == name).first().alias(name) for name in _FIGURES
    ]
    return (
        named.group_by("horizon_days", "cutoff_day").agg(wanted).sort("horizon_days", "cutoff_day")
    )
