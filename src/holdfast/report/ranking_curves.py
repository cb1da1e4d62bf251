"""The tables behind the charts: curves, bins and samples, each computed once and shown as a table
beside its chart.

Samples are deterministic: rows evenly spaced in a sorted order, so that the extremes stay and a
million customers draw as fast as a thousand.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast import metrics
from holdfast.evaluation.evidence import NO_MODELS
from holdfast.explain import overview
from holdfast.report import formatting
from holdfast.study import AT_RISK_SEGMENTS

Vector = npt.NDArray[np.float64]
MODELS = {
    "churn": ("churn_probability", "churn_baseline"),
    "value": ("expected_revenue", "value_baseline"),
}
TRUTH = {"churn": "churned", "value": "future_revenue"}
NAMES = ("Model", "Naive baseline")
CUMULATIVE = pl.Schema(
    {
        "task": pl.String(),
        "cutoff_day": pl.Int32(),
        "model": pl.String(),
        "share": pl.Float64(),
        "found": pl.Float64(),
        "customers": pl.Int64(),
        "total": pl.Float64(),
        "area": pl.Float64(),
        "average_precision": pl.Float64(),
    }
)


def evenly(frame: pl.DataFrame, n: int) -> pl.DataFrame:
    """Keep at most `n` rows, evenly spaced, the first and the last among them."""
    return (
        frame
        if frame.height <= n
        else frame[np.linspace(0, frame.height - 1, n).round().astype(np.int64)]
    )


def total(table: pl.DataFrame, column: str) -> float:
    """Sum a column."""
    return float(table[column].cast(pl.Float64).sum())


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
            known = group.select("truth", column).drop_nulls()
            if known["truth"].n_unique() > 1 and known["truth"].sum() > 0:
                yield day, name, known["truth"].to_numpy(), known[column].to_numpy()


def _steps(truth: Vector, score: Vector, *, is_churn: bool) -> pl.DataFrame:
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    n, found = np.append(0.0, ends + 1.0), np.append(0.0, np.cumsum(truth[order])[ends])
    stayed = n - found
    # Trapezoids count equal predictions half, as the ROC area does; average precision takes each
    # group at its end.
    area = (
        float(np.trapezoid(found, stayed) / (found[-1] * stayed[-1])) if is_churn else float("nan")
    )
    precision = (
        float(np.sum(np.diff(found) * found[1:] / n[1:]) / found[-1]) if is_churn else float("nan")
    )
    shares = np.linspace(0, 1, 201)
    return pl.DataFrame(
        {"share": shares, "found": np.interp(shares, n / n[-1], found / found[-1])}
    ).with_columns(
        customers=pl.lit(len(score), pl.Int64),
        total=float(found[-1]),
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
    found = (pl.col("found") * pl.col("total")).sum() / pl.col("total").sum()
    return steps.group_by("task", "model", x="share", maintain_order=True).agg(y=found)


def reliability(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predicted against actual churn in ten bins of probability, all cutoffs together, with
    Wilson's 95 % interval.

    One row per bin that has customers: bin (0..9), customers, predicted, actual, low, high (all
    shares 0..1).
    """
    known = predictions.select(
        "churn_probability", left=pl.col("churned").cast(pl.Float64)
    ).drop_nulls()
    bins = known.group_by(bin=(pl.col("churn_probability") * 10).cast(pl.Int32).clip(0, 9)).agg(
        customers=pl.len().cast(pl.Int64),
        predicted=pl.col("churn_probability").mean(),
        actual=pl.col("left").mean(),
    )
    low, high = metrics.wilson_interval(pl.col("actual"), pl.col("customers"))
    return bins.with_columns(low=low, high=high).sort("bin")


def caught(gains: pl.DataFrame, share: float) -> tuple[float | None, float | None]:
    """What the model and the baseline find in this share of customers, from one task's `gains`;
    None without one.
    """
    at = gains.filter((pl.col("x") - share).abs() < 1e-9)
    found = dict(at.select("model", "y").iter_rows())
    return found.get(NAMES[0]), found.get(NAMES[1])


def strongest(importance: pl.DataFrame, task: str, n: int) -> list[str]:
    """The task's `n` most important features, strongest first."""
    mine = importance.filter((pl.col("task") == task) & (pl.col("mean_abs_contribution") > 0))
    return (
        mine.sort(["mean_abs_contribution", "feature"], descending=[True, False])["feature"]
        .head(n)
        .to_list()
    )


def swarm(contributions: pl.DataFrame, task: str, features: list[str], *, n: int) -> pl.DataFrame:
    """At most `n` customers of each feature, each with the fifth its value lies in and a place
    beside its equals.

    Columns: feature, contribution, value, fifth (0..4, null where the value is missing), offset
    (-1..1).
    """
    mine = contributions.filter(pl.col("task") == task)
    low, high = span(contributions, task, features)
    parts = []
    for name in features:
        rows = mine.filter(pl.col("feature") == name).sort("contribution", "customer_id")
        share = pl.col("value").rank("average") / pl.col("value").count()
        rows = rows.with_columns(fifth=(share * 5).ceil().clip(1, 5).cast(pl.Int32) - 1)
        some = evenly(rows, n)
        parts.append(
            some.with_columns(
                offset=_beside(some["contribution"].clip(low, high).to_numpy(), (high - low) / 70)
            )
        )
    return pl.concat(parts).select("feature", "contribution", "value", "fifth", "offset")


def _beside(sorted_values: Vector, width: float) -> pl.Series:
    """Spread values of the same narrow bin to both sides of the line, -1..1, in no order that draws
    a pattern.
    """
    bins = np.floor(sorted_values / width) if width > 0 else np.zeros(len(sorted_values))
    starts = np.flatnonzero(np.diff(bins, prepend=np.nan) != 0)
    place = np.arange(len(bins)) - np.repeat(starts, np.diff(np.append(starts, len(bins))))
    place = place[np.lexsort((np.random.default_rng(0).random(len(bins)), bins))]
    side = np.where(place % 2 == 0, 1, -1) * np.ceil(place / 2)
    return pl.Series(side / max(8.0, np.abs(side).max()))


def span(contributions: pl.DataFrame, task: str, features: list[str]) -> list[float]:
    """From the lowest first to the highest last percentile of any feature's effects, 0 included."""
    mine = contributions.filter(
        (pl.col("task") == task) & pl.col("feature").is_in(features)
    ).group_by("feature")
    ends = mine.agg(
        low=pl.col("contribution").quantile(0.01), high=pl.col("contribution").quantile(0.99)
    )
    low, high = min([0.0, *ends["low"]]), max([0.0, *ends["high"]])
    room = 0.03 * (high - low) or 1.0
    return [low - room, high + room]


def ways(contributions: pl.DataFrame, task: str, features: list[str]) -> pl.DataFrame:
    """Which way each feature pushes, in words: one row per feature, in the given order.

    Columns: feature, correlation (Spearman's, of value and contribution, -1..1), way.
    """
    mine = contributions.filter((pl.col("task") == task) & pl.col("value").is_not_null())
    found = mine.group_by("feature").agg(
        correlation=pl.corr("value", "contribution", method="spearman").fill_nan(0.0)
    )
    what, strength = ("risk" if task == "churn" else "value"), pl.col("correlation")
    # As strong as `explain.overview.top_reasons` asks for.
    way = (
        pl.when(strength >= 0.3)
        .then(pl.lit(f"high values raise the {what}"))
        .when(strength <= -0.3)
        .then(pl.lit(f"high values lower the {what}"))
        .otherwise(pl.lit("no single direction"))
    )
    named = pl.DataFrame({"feature": features}, schema={"feature": pl.String})
    return named.join(found, on="feature", how="left").with_columns(way=way)


def dependence(contributions: pl.DataFrame, task: str, feature: str) -> pl.DataFrame:
    """One feature's value and contribution per customer, without the outermost percent of values on
    each side.
    """
    mine = contributions.filter(
        (pl.col("task") == task) & (pl.col("feature") == feature) & pl.col("value").is_finite()
    )
    inner = mine.filter(
        pl.col("value").is_between(pl.col("value").quantile(0.01), pl.col("value").quantile(0.99))
    )
    return inner.select("feature", "value", "contribution").sort("value", "contribution")


def trend(points: pl.DataFrame) -> pl.DataFrame:
    """Mean value and contribution in at most ten groups of equally many customers.

    Customers of the same value stay in one group.
    """
    place = (pl.col("value").rank("min") * 10 / (pl.len() + 1)).floor()
    grouped = points.group_by("feature", group=place).agg(
        pl.col("value").mean(), pl.col("contribution").mean(), customers=pl.len().cast(pl.Int64)
    )
    return grouped.sort("group").drop("group")


def quadrant(scores: pl.DataFrame, *, n: int) -> pl.DataFrame:
    """At most `n` customers, evenly spaced by rising expected revenue, with a `place` on an axis
    from 0 to 1.

    The axis gives each value tier of `tiers` the same width, however many customers it has, and
    orders them in it.
    """
    order = np.argsort(scores["expected_revenue"].to_numpy(), kind="stable")
    shares = evenly(
        pl.DataFrame(
            {"at": order, "share": (np.arange(scores.height) + 0.5) / max(1, scores.height)}
        ),
        n,
    )
    inside = (
        (pl.col("share") - pl.col("from_share")) / (pl.col("to_share") - pl.col("from_share"))
    ).clip(0, 1)
    some = scores[shares["at"]].with_columns(shares["share"])
    return some.join(tiers(scores), on="value_tier", maintain_order="left").with_columns(
        place=pl.col("start") + inside * (pl.col("end") - pl.col("start"))
    )


def tiers(scores: pl.DataFrame) -> pl.DataFrame:
    """The value tiers, lowest first: how many customers, from which revenue, and from which score
    their risk is high.

    Columns: value_tier, customers, from_revenue, to_revenue, risk (null where nobody is at risk),
    from_share and to_share (of all customers in order of revenue, 0..1), start and end (on the axis
    of `quadrant`, 0..1).
    """
    at_risk = pl.col("segment").is_in(AT_RISK_SEGMENTS)
    return (
        scores.group_by("value_tier")
        .agg(
            customers=pl.len(),
            from_revenue=pl.col("expected_revenue").min(),
            to_revenue=pl.col("expected_revenue").max(),
            risk=pl.col("risk_score").filter(at_risk).min(),
        )
        .sort("from_revenue", "to_revenue")
        .with_columns(
            to_share=pl.col("customers").cum_sum() / pl.col("customers").sum(),
            start=pl.int_range(pl.len()) / pl.len(),
            end=pl.int_range(1, pl.len() + 1) / pl.len(),
        )
        .with_columns(from_share=pl.col("to_share").shift(1, fill_value=0.0))
    )


def roles(importance: pl.DataFrame) -> pl.DataFrame:
    """`explain.overview.roles` without the features that matter for neither task: those for both
    first.
    """
    order = pl.col("role").replace_strict({"both": 0, "churn only": 1, "value only": 2})
    named = overview.roles(importance).filter(pl.col("role") != "neither")
    return named.sort(
        order, pl.max_horizontal("churn", "value"), "feature", descending=[False, True, False]
    )


def contests(evidence: pl.DataFrame, candidates: tuple[str, ...]) -> pl.DataFrame:
    """The champion beside the naive baseline: one row per cutoff, task and metric that both have,
    in time order.

    Columns: cutoff_day, cutoff, task, metric, value, low, high, baseline (its name),
    baseline_value, baseline_low, baseline_high, wins (whether the champion's value is the better
    one).
    """
    key = ["cutoff_day", "task", "metric"]
    known = evidence.filter(pl.col("value").is_finite()).with_columns(
        pl.col("low", "high").fill_nan(None)
    )
    champion = known.filter(pl.col("model") == "champion").drop("model")
    naive = known.filter(~pl.col("model").is_in(["champion", *candidates, *NO_MODELS]))
    naive = naive.unique(key, keep="first", maintain_order=True).rename(
        {"model": "baseline"}
        | {column: f"baseline_{column}" for column in ("value", "low", "high")}
    )
    both = champion.join(naive, on=key, how="inner", maintain_order="left").sort(
        "cutoff_day", maintain_order=True
    )
    better = {name: metric.better for name, metric in formatting.METRICS.items()}
    direction = pl.col("metric").replace_strict(better, default="higher", return_dtype=pl.String)
    wins = (
        pl.when(direction == "higher")
        .then(pl.col("value") > pl.col("baseline_value"))
        .when(direction == "lower")
        .then(pl.col("value") < pl.col("baseline_value"))
        .otherwise((pl.col("value") - 1).abs() < (pl.col("baseline_value") - 1).abs())
    )
    cutoff = pl.Series([formatting.day(day) for day in both["cutoff_day"]], dtype=pl.String)
    return both.with_columns(cutoff=cutoff, wins=wins)


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
