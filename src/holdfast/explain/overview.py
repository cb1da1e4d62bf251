"""Overview: which columns matter over all customers, for which task and in which direction."""

import polars as pl

from holdfast.explain.explanation import Explanation
from holdfast.explain.wording import EFFECT, Wording

MATTERS = 0.05
"""A feature matters for a task from this share of the task's strongest feature."""
_DIRECTED = 0.3


def roles(importance: pl.DataFrame) -> pl.DataFrame:
    """Say which features matter for both tasks, for churn only, for value only.

    Returns
    -------
    polars.DataFrame
        One row per feature, strongest first: `feature`, its relative importance for `churn` and for
        `value` (0..1), and `role`: both, churn only, value only or neither.
    """
    churn, value = (
        importance.filter(pl.col("task") == task).select("feature", pl.col("relative").alias(task))
        for task in EFFECT
    )
    matters = 2 * (pl.col("churn") >= MATTERS).cast(pl.Int8) + (pl.col("value") >= MATTERS)
    names = ["both", "churn only", "value only", "neither"]
    role = matters.replace_strict([3, 2, 1, 0], names, return_dtype=pl.String)
    return (
        churn.join(value, on="feature", how="full", coalesce=True)
        .with_columns(pl.col("churn", "value").fill_null(0.0))
        .with_columns(role=role)
        .sort(-pl.max_horizontal("churn", "value"), "feature")
    )


def top_reasons(
    explanation: Explanation, *, wording: Wording, top: int = 3
) -> list[dict[str, str | float]]:
    """Tell the strongest features of each task over all customers, with the direction in which they
    work.

    Returns
    -------
    list
        Of {task, feature, sentence, relative}, strongest first within the task.
    """
    strongest = (
        explanation.importance.filter(pl.col("relative") > 0)
        .group_by("task", maintain_order=True)
        .head(top)
    )
    strongest_reasons: list[dict[str, str | float]] = []
    for task, feature, relative in strongest.select("task", "feature", "relative").iter_rows():
        sample = explanation.contributions.filter(
            (pl.col("task") == task) & (pl.col("feature") == feature)
        )
        direction = "changes" if feature in wording.words else _direction(sample)
        sentence = f"{wording.title(feature)}: {direction} {EFFECT[task]}"
        strongest_reasons.append(
            {"task": task, "feature": feature, "sentence": sentence, "relative": relative}
        )
    return strongest_reasons


def _direction(sample: pl.DataFrame) -> str:
    """Read from contributions whether high values raise or lower the score."""
    rows = sample.drop_nulls("value")
    correlation = rows.select(pl.corr("value", "contribution", method="spearman")).item()
    # Where all values are equal it is NaN, for which the comparison is false.
    if correlation is None or not abs(correlation) >= _DIRECTED:
        return "moves, now up, now down,"
    return f"the higher it is, the {'higher' if correlation > 0 else 'lower'}"
