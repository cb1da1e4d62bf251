"""The effects of features as charts and tables show them: the strongest, samples of customers, and
which way each pushes.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.explain import overview
from holdfast.report.chart_data import evenly

Vector = npt.NDArray[np.float64]


def strongest(importance: pl.DataFrame, task: str, n: int) -> list[str]:
    """The task's `n` most important features, strongest first."""
    used = importance.filter((pl.col("task") == task) & (pl.col("mean_abs_contribution") > 0))
    ordered = used.sort(["mean_abs_contribution", "feature"], descending=[True, False])
    return ordered["feature"].head(n).to_list()


def swarm(contributions: pl.DataFrame, task: str, features: list[str], *, n: int) -> pl.DataFrame:
    """At most `n` customers of each feature, each with the fifth its value lies in and a place
    beside its equals.

    Columns: feature, contribution, value, fifth (0..4, null where the value is missing), offset
    (-1..1).
    """
    of_task = contributions.filter(task=task)
    low, high = span(contributions, task, features)
    parts = []
    for name in features:
        rows = of_task.filter(feature=name).sort("contribution", "customer_id")
        share = pl.col("value").rank("average") / pl.col("value").count()
        rows = rows.with_columns(fifth=(share * 5).ceil().clip(1, 5).cast(pl.Int32) - 1)
        sample = evenly(rows, n)
        effects = sample["contribution"].clip(low, high).to_numpy()
        parts.append(sample.with_columns(offset=_spread_out(effects, (high - low) / 70)))
    return pl.concat(parts).select("feature", "contribution", "value", "fifth", "offset")


def _spread_out(sorted_values: Vector, width: float) -> pl.Series:
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
    effects = contributions.filter(
        (pl.col("task") == task) & pl.col("feature").is_in(features)
    ).group_by("feature")
    ends = effects.agg(
        low=pl.col("contribution").quantile(0.01), high=pl.col("contribution").quantile(0.99)
    )
    low, high = min([0.0, *ends["low"]]), max([0.0, *ends["high"]])
    room = 0.03 * (high - low) or 1.0
    return [low - room, high + room]


def ways(contributions: pl.DataFrame, task: str, features: list[str]) -> pl.DataFrame:
    """Which way each feature pushes, in words: one row per feature, in the given order.

    Columns: feature, correlation (Spearman's, of value and contribution, -1..1), way.
    """
    effects = contributions.filter((pl.col("task") == task) & pl.col("value").is_not_null())
    correlations = effects.group_by("feature").agg(
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
    return named.join(correlations, on="feature", how="left").with_columns(way=way)


def dependence(contributions: pl.DataFrame, task: str, feature: str) -> pl.DataFrame:
    """One feature's value and contribution per customer, without the outermost percent of values on
    each side.
    """
    effects = contributions.filter(
        (pl.col("task") == task) & (pl.col("feature") == feature) & pl.col("value").is_finite()
    )
    inner = effects.filter(
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


def roles(importance: pl.DataFrame) -> pl.DataFrame:
    """`explain.overview.roles` without the features that matter for neither task: those for both
    first.
    """
    order = pl.col("role").replace_strict({"both": 0, "churn only": 1, "value only": 2})
    named = overview.roles(importance).filter(pl.col("role") != "neither")
    return named.sort(
        order, pl.max_horizontal("churn", "value"), "feature", descending=[False, True, False]
    )
