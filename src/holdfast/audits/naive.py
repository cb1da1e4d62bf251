"""Naive: is the model better than the naive baseline on what neither had seen?"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.audits.question import Audit
from holdfast.audits.subjects import Proof
from holdfast.findings import Finding
from holdfast.metrics import brier, mae, paired_interval, spearman

_LEAST_ROWS = 50
_TASKS = (
    ("churn", "churned", "churn_probability", "churn_baseline", "Brier score", brier),
    ("value", "future_revenue", "expected_revenue", "value_baseline", "absolute error", mae),
)


def find_model_no_better_than_naive(proof: Proof) -> Iterator[Finding]:
    """Hold each model against its baseline on the same customers, drawn again with replacement.

    It is found where the 95 % interval of the difference does not exclude that the baseline is as
    good, neither in the ranking of customers nor in the size of the error.
    """
    for task, *columns, error, cost in _TASKS:
        rows = proof.predictions.drop_nulls(columns)
        if rows.height < _LEAST_ROWS or task not in proof.baselines:
            continue
        truth, score, naive = (rows[name].cast(pl.Float64).to_numpy() for name in columns)
        saved = paired_interval(cost, truth, naive, score, seed=proof.seed)
        if saved.low > 0:
            continue
        rank = paired_interval(_rank, truth, score, naive, seed=proof.seed)
        if rank.low <= 0:
            yield Finding.of(
                "no-better-than-naive-{task}",
                n=len(truth),
                task=task,
                error=error,
                baseline=proof.baselines[task],
                saved=saved,
                rank=rank,
            )


def _rank(truth: Vector, score: Vector, weight: Vector | None) -> float:
    """Spearman's correlation; 0 where one of them is constant."""
    return float(np.nan_to_num(spearman(truth, score, weight)))


AUDIT = Audit(
    "naive",
    "Is the model no better than the naive baseline?",
    find_model_no_better_than_naive,
)
