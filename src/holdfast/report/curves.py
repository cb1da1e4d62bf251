"""The tables behind the charts: curves, bins and samples, each computed once and shown as a table beside its chart.

Samples are deterministic: rows evenly spaced in a sorted order, so that the extremes stay and a million customers draw
as fast as a thousand.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.evaluation.metrics import average_precision, roc_auc
from holdfast.explain import overview
from holdfast.report import words
from holdfast.study import AT_RISK_SEGMENTS

Vector = npt.NDArray[np.float64]
MODELS = {"churn": ("churn_probability", "churn_baseline"), "value": ("expected_revenue", "value_baseline")}
TRUTH = {"churn": "churned", "value": "future_revenue"}
NAMES = ("Model", "Naive baseline")
POINTS = 90


def evenly(frame: pl.DataFrame, n: int) -> pl.DataFrame:
    """Keep at most `n` rows, evenly spaced, the first and the last among them."""
    return frame if frame.height <= n else frame[np.linspace(0, frame.height - 1, n).round().astype(np.int64)]


def total(table: pl.DataFrame, column: str) -> float:
    """Sum a column."""
    return float(table[column].cast(pl.Float64).sum())


def _cases(predictions: pl.DataFrame, task: str) -> Iterator[tuple[int, str, Vector, Vector]]:
    """Yield (cutoff, model, truth, score) wherever both outcome and prediction are known and vary."""
    for (cutoff,), group in predictions.group_by("cutoff_day", maintain_order=True):
        for name, column in zip(NAMES, MODELS[task], strict=True):
            known = group.select(truth=pl.col(TRUTH[task]).cast(pl.Float64), score=column).drop_nulls()
            if known["truth"].n_unique() > 1:
                yield int(str(cutoff)), name, known["truth"].to_numpy(), known["score"].to_numpy()


def _caught(truth: Vector, score: Vector) -> tuple[Vector, Vector]:
    """Go through customers by falling score, in steps of equal score: (how many so far, sum of truth so far)."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    return np.append(0.0, ends + 1.0), np.append(0.0, np.cumsum(truth[order])[ends])


def _curves(predictions: pl.DataFrame, curve: Callable[[Vector, Vector], tuple[Vector, Vector]]) -> pl.DataFrame:
    rows = []
    for cutoff, name, truth, score in _cases(predictions, "churn"):
        x, y = curve(*_caught(truth, score))
        rows.append(evenly(pl.DataFrame({"x": x, "y": y}), POINTS).with_columns(cutoff_day=cutoff, model=pl.lit(name)))
    return pl.concat(rows) if rows else pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64, "model": pl.String})


def roc(predictions: pl.DataFrame) -> pl.DataFrame:
    """Share of leavers found (y) against share of stayers flagged (x), per cutoff and model."""
    return _curves(predictions, lambda n, hits: ((n - hits) / (n[-1] - hits[-1]), hits / hits[-1]))


def precision_recall(predictions: pl.DataFrame) -> pl.DataFrame:
    """Share of those flagged who left (y) against share of leavers found (x), per cutoff and model."""
    return _curves(predictions, _precise)


def _precise(n: Vector, hits: Vector) -> tuple[Vector, Vector]:
    # Precision among the first hundredth is noise that would draw the eye.
    seen = n >= max(1.0, 0.01 * n[-1])
    return hits[seen] / hits[-1], hits[seen] / n[seen]


def ranking(predictions: pl.DataFrame) -> pl.DataFrame:
    """How well leavers are ranked: one row per cutoff and model."""
    rows = [
        (cutoff, name, len(truth), float(truth.mean()), roc_auc(truth, score), average_precision(truth, score))
        for cutoff, name, truth, score in _cases(predictions, "churn")
    ]
    return pl.DataFrame(
        rows,
        schema={
            "cutoff_day": pl.Int32, "model": pl.String, "customers": pl.Int64, "left": pl.Float64,
            "roc_auc": pl.Float64, "average_precision": pl.Float64,
        },
        orient="row",
    )  # fmt: skip


def reliability(predictions: pl.DataFrame) -> pl.DataFrame:
    """Predicted against actual churn in ten bins of probability, all cutoffs together, with Wilson's 95 % interval.

    One row per bin that has customers: bin (0..9), customers, predicted, actual, low, high (all shares 0..1).
    """
    known = predictions.select("churn_probability", left=pl.col("churned").cast(pl.Float64)).drop_nulls()
    bins = known.group_by(bin=(pl.col("churn_probability") * 10).cast(pl.Int32).clip(0, 9)).agg(
        customers=pl.len().cast(pl.Int64), predicted=pl.col("churn_probability").mean(), actual=pl.col("left").mean()
    )
    z, n, share = 1.96, pl.col("customers"), pl.col("actual")
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)).sqrt()
    return bins.with_columns(low=(middle - half).clip(0, 1), high=(middle + half).clip(0, 1)).sort("bin")


def gains(predictions: pl.DataFrame) -> pl.DataFrame:
    """Share of all leavers, or of all revenue, found (y) in the share of customers ranked highest (x).

    Customers of several cutoffs are pooled by their rank within their cutoff. One row per task, model and percent.
    """
    grid = np.linspace(0, 1, 101)
    rows = []
    for task, columns in MODELS.items():
        for name, column in zip(NAMES, columns, strict=True):
            known = predictions.select("cutoff_day", truth=pl.col(TRUTH[task]).cast(pl.Float64), score=column)
            known = known.drop_nulls().with_columns(
                pl.col("score").rank("average").over("cutoff_day") / pl.len().over("cutoff_day")
            )
            if known["truth"].sum() > 0:
                n, caught = _caught(known["truth"].to_numpy(), known["score"].to_numpy())
                y = np.interp(grid, n / n[-1], caught / caught[-1])
                rows.append(pl.DataFrame({"x": grid, "y": y}).with_columns(task=pl.lit(task), model=pl.lit(name)))
    schema = {"x": pl.Float64, "y": pl.Float64, "task": pl.String, "model": pl.String}
    return pl.concat(rows) if rows else pl.DataFrame(schema=schema)


def caught(gains: pl.DataFrame, share: float) -> tuple[float | None, float | None]:
    """What the model and the baseline find in this share of customers, from one task's `gains`; None without one."""
    at = gains.filter((pl.col("x") - share).abs() < 1e-9)
    found = dict(at.select("model", "y").iter_rows())
    return found.get(NAMES[0]), found.get(NAMES[1])


def strongest(importance: pl.DataFrame, task: str, n: int) -> list[str]:
    """The task's `n` most important features, strongest first."""
    mine = importance.filter((pl.col("task") == task) & (pl.col("mean_abs_contribution") > 0))
    return mine.sort(["mean_abs_contribution", "feature"], descending=[True, False])["feature"].head(n).to_list()


def swarm(contributions: pl.DataFrame, task: str, features: list[str], *, n: int) -> pl.DataFrame:
    """At most `n` customers of each feature, each with the fifth its value lies in and a place beside its equals.

    Columns: feature, contribution, value, fifth (0..4, null where the value is missing), offset (-1..1).
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
            some.with_columns(offset=_beside(some["contribution"].clip(low, high).to_numpy(), (high - low) / 70))
        )
    return pl.concat(parts).select("feature", "contribution", "value", "fifth", "offset")


def _beside(sorted_values: Vector, width: float) -> pl.Series:
    """Spread values of the same narrow bin to both sides of the line, -1..1, in no order that draws a pattern."""
    bins = np.floor(sorted_values / width) if width > 0 else np.zeros(len(sorted_values))
    starts = np.flatnonzero(np.diff(bins, prepend=np.nan) != 0)
    place = np.arange(len(bins)) - np.repeat(starts, np.diff(np.append(starts, len(bins))))
    place = place[np.lexsort((np.random.default_rng(0).random(len(bins)), bins))]
    side = np.where(place % 2 == 0, 1, -1) * np.ceil(place / 2)
    return pl.Series(side / max(8.0, np.abs(side).max()))


def span(contributions: pl.DataFrame, task: str, features: list[str]) -> list[float]:
    """From the lowest first to the highest last percentile of any feature's effects, 0 included."""
    mine = contributions.filter((pl.col("task") == task) & pl.col("feature").is_in(features)).group_by("feature")
    ends = mine.agg(low=pl.col("contribution").quantile(0.01), high=pl.col("contribution").quantile(0.99))
    low, high = min([0.0, *ends["low"]]), max([0.0, *ends["high"]])
    room = 0.03 * (high - low) or 1.0
    return [low - room, high + room]


def ways(contributions: pl.DataFrame, task: str, features: list[str]) -> pl.DataFrame:
    """Which way each feature pushes, in words: one row per feature, in the given order.

    Columns: feature, correlation (Spearman's, of value and contribution, -1..1), way.
    """
    mine = contributions.filter((pl.col("task") == task) & pl.col("value").is_not_null())
    found = mine.group_by("feature").agg(correlation=pl.corr("value", "contribution", method="spearman").fill_nan(0.0))
    what, strength = ("risk" if task == "churn" else "value"), pl.col("correlation")
    way = (
        pl.when(strength >= 0.4).then(pl.lit(f"high values raise the {what}"))
        .when(strength <= -0.4).then(pl.lit(f"high values lower the {what}"))
        .otherwise(pl.lit("no single direction"))
    )  # fmt: skip
    return pl.DataFrame({"feature": features}).join(found, on="feature", how="left").with_columns(way=way)


def dependence(contributions: pl.DataFrame, task: str, feature: str) -> pl.DataFrame:
    """One feature's value and contribution per customer, without the outermost percent of values on each side."""
    mine = contributions.filter((pl.col("task") == task) & (pl.col("feature") == feature) & pl.col("value").is_finite())
    inner = mine.filter(pl.col("value").is_between(pl.col("value").quantile(0.01), pl.col("value").quantile(0.99)))
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


def quadrant(scores: pl.DataFrame) -> pl.DataFrame:
    """Customers by rising expected revenue, with their place in that order (0..1)."""
    ordered = scores.sort("expected_revenue", "customer_id")
    return ordered.with_columns(place=(pl.int_range(pl.len()) + 0.5) / pl.len())


def tiers(ordered: pl.DataFrame) -> pl.DataFrame:
    """The value tiers in `quadrant`: where each starts and ends (0..1), and the risk score from which it is high."""
    at_risk = pl.col("segment").is_in(AT_RISK_SEGMENTS)
    return (
        ordered.group_by("value_tier", maintain_order=True)
        .agg(
            customers=pl.len(),
            from_revenue=pl.col("expected_revenue").min(),
            risk=pl.col("risk_score").filter(at_risk).min(),
        )
        .with_columns(end=pl.col("customers").cum_sum() / pl.col("customers").sum())
        .with_columns(start=pl.col("end").shift(1, fill_value=0.0))
    )


def roles(importance: pl.DataFrame) -> pl.DataFrame:
    """`explain.overview.roles` without the features that matter for neither task: those for both first."""
    order = pl.col("role").replace_strict({"both": 0, "churn only": 1, "value only": 2})
    named = overview.roles(importance).filter(pl.col("role") != "neither")
    return named.sort(order, pl.max_horizontal("churn", "value"), "feature", descending=[False, True, False])


def contests(evidence: pl.DataFrame, candidates: tuple[str, ...]) -> pl.DataFrame:
    """The champion beside the naive baseline: one row per cutoff, task and metric that both have, in time order.

    Columns: cutoff_day, cutoff, task, metric, value, low, high, baseline (its name), baseline_value, baseline_low,
    baseline_high, wins (whether the champion's value is the better one).
    """
    key = ["cutoff_day", "task", "metric"]
    champion = evidence.filter(pl.col("model") == "champion").drop("model")
    naive = evidence.filter(~pl.col("model").is_in(["champion", *candidates]))
    naive = naive.unique(key, keep="first", maintain_order=True).rename(
        {"model": "baseline"} | {column: f"baseline_{column}" for column in ("value", "low", "high")}
    )
    both = champion.join(naive, on=key, how="inner", maintain_order="left").sort("cutoff_day", maintain_order=True)
    better = {name: metric.better for name, metric in words.METRICS.items()}
    direction = pl.col("metric").replace_strict(better, default="higher", return_dtype=pl.String)
    wins = (
        pl.when(direction == "higher").then(pl.col("value") > pl.col("baseline_value"))
        .when(direction == "lower").then(pl.col("value") < pl.col("baseline_value"))
        .otherwise((pl.col("value") - 1).abs() < (pl.col("baseline_value") - 1).abs())
    )  # fmt: skip
    cutoff = pl.Series([words.day(day) for day in both["cutoff_day"]], dtype=pl.String)
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
