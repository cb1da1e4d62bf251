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
    by_task = explanation.importance.filter(pl.col("relative") > 0).partition_by(
        "task", maintain_order=True
    )
    return [
        reason for rows in by_task for reason in _reasons_of_task(explanation, rows, wording)[:top]
    ]


def _reasons_of_task(
    explanation: Explanation, importance: pl.DataFrame, wording: Wording
) -> list[dict[str, str | float]]:
    """The strongest feature of each fact that does not work against what everyone knows of it."""
    by_fact: dict[str, dict[str, str | float]] = {}
    for task, feature, relative in importance.select("task", "feature", "relative").iter_rows():
        sample = explanation.contributions.filter(task=task, feature=feature)
        sign = _sign(sample)
        if wording.fact(feature) in by_fact or sign * wording.direction(feature, task) < 0:
            continue
        direction = "changes" if feature in wording.words else _DIRECTIONS[sign]
        sentence = f"{wording.title(feature)}: {direction} {EFFECT[task]}"
        by_fact[wording.fact(feature)] = {
            "task": task, "feature": feature, "sentence": sentence, "relative": relative,
        }  # fmt: skip
    return list(by_fact.values())


_DIRECTIONS = {
    1: "the higher it is, the higher",
    0: "can raise or lower",
    -1: "the higher it is, the lower",
}


def _sign(sample: pl.DataFrame) -> int:
    """Whether high values raise (1) or lower (-1) the score, read from contributions."""
    rows = sample.drop_nulls("value")
    correlation = rows.select(pl.corr("value", "contribution", method="spearman")).item()
    # Where all values are equal it is NaN, for which the comparison is false.
    if correlation is None or not abs(correlation) >= _DIRECTED:
        return 0
    return 1 if correlation > 0 else -1
