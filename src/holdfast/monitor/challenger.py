"""Challenger: is a new run certainly worse than the published one, on the same customers and days?

Decision 94: only days are compared that neither has learnt from. At each of its test cutoffs the
new run predicts as it would have been fitted then; the published one as it really was, and only
where it was fitted no later than that day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.evaluation.evidence import COMPARED, OBSERVED, PREDICTED, TaskName
from holdfast.evaluation.verdict import LEAST_CUSTOMERS, align_cutoffs
from holdfast.findings import Finding
from holdfast.metrics import Interval, mean_paired_interval
from holdfast.windows import date_of

_ERROR: Mapping[TaskName, str] = {"churn": "log_loss", "value": "tweedie_deviance"}
"""A proper score of each task: a model that ranks as well but at another level errs more by it."""
RIVAL = "published"
"""The column of what the published run predicted."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """The new run against the published one, in one task.

    Attributes
    ----------
    error, rival_error
        Of the new run and of the published one, mean over the cutoffs.
    difference
        The new run's error less the other's, with its 95 % interval.
    """

    task: TaskName
    metric: str
    cutoffs: tuple[int, ...]
    customers: int
    error: float
    rival_error: float
    difference: Interval

    def is_worse(self, *, by: float) -> bool:
        """Whether the new run errs more for certain, by more than a share of the other's error."""
        enough = self.customers >= LEAST_CUSTOMERS
        return enough and self.difference.low > by * abs(self.rival_error)

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "task": self.task,
            "metric": self.metric,
            "cutoffs": [date_of(day).isoformat() for day in self.cutoffs],
            "customers": self.customers,
            "loss": self.error,
            "published_loss": self.rival_error,
            "difference": self.difference.value,
            "low": self.difference.low,
            "high": self.difference.high,
        }


def hold_contest(task: TaskName, predictions: pl.DataFrame, *, seed: int) -> Contest | None:
    """Compare two runs on the same rows; None where they share none.

    Parameters
    ----------
    predictions
        PREDICTIONS of the new run's test cutoffs, with a column `RIVAL`: what the published run
        says of the same customers there, null where it cannot be asked.
    """
    rows = predictions.drop_nulls([OBSERVED[task], PREDICTED[task][0], RIVAL])
    if rows.is_empty():
        return None
    metric = COMPARED[task][_ERROR[task]]
    cutoffs = list(align_cutoffs(rows, OBSERVED[task], PREDICTED[task][0], RIVAL))
    means = [mean_paired_interval(metric, [(each[0], each[k], None) for each in cutoffs], seed=seed,
                                  draws=1).value for k in (1, 2)]  # fmt: skip
    return Contest(
        task=task,
        metric=_ERROR[task],
        cutoffs=tuple(rows["cutoff_day"].unique().sort()),
        customers=rows["customer_id"].n_unique(),
        error=means[0],
        rival_error=means[1],
        difference=mean_paired_interval(metric, cutoffs, seed=seed),
    )


def describe_contest(contest: Contest, *, rival: str, refused: bool) -> Finding:
    """Say that the new run is worse, and what became of it."""
    key = "challenger-refused" if refused else "challenger-worse"
    return Finding.of(
        key,
        task=contest.task,
        rival=rival,
        customers=contest.customers,
        days=", ".join(date_of(day).isoformat() for day in contest.cutoffs),
        metric=contest.metric.replace("_", " "),
        error=contest.error,
        rival_error=contest.rival_error,
        difference=contest.difference,
    )
