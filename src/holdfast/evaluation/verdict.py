"""Verdict: is the model better than the naive baseline, over all test cutoffs together?

A customer is drawn with all the cutoffs at which they were predicted: what one person does twice is
no second proof.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from math import isfinite
from typing import Any, Literal

import polars as pl

from holdfast.arrays import Vector
from holdfast.evaluation.evidence import COMPARED, OBSERVED, PREDICTED, TaskName
from holdfast.metrics import Interval, mean_paired_interval, top_ratio

LEAST_CUSTOMERS = 50
"""Fewer say nothing."""
Word = Literal["better", "no difference", "worse"]

_RANKS: Mapping[str, float] = {"roc_auc": 0.5, "spearman": 0.0}
"""What measures the order of customers, and what chance gives; everything else is an error."""
_ERRORS: Mapping[TaskName, tuple[str, ...]] = {
    "churn": ("brier", "log_loss"),
    "value": ("tweedie_deviance",),
}
"""The proper scores that decide whether the model is worse than the rule."""
_TOP_TENTH = partial(top_ratio, share=0.1)


@dataclass(frozen=True)
class Verdict:
    """How the model stands beside the naive baseline, mean over the cutoffs.

    Attributes
    ----------
    differences
        Metric -> the model's minus the baseline's, with its 95 % interval.
    ranking
        The model's own ROC-AUC or Spearman.
    customers, cutoffs
        How many the verdict stands on.
    top_tenth
        Predicted over observed revenue of the tenth of customers with the highest predictions; None
        for churn.
    """

    task: TaskName
    differences: Mapping[str, Interval]
    ranking: Interval
    customers: int
    cutoffs: int
    top_tenth: Interval | None = None

    def word(self, metric: str) -> Word:
        """Better or worse only where the interval says so."""
        difference = self.differences[metric]
        sign = 1 if metric in _RANKS else -1
        low, high = sorted((sign * difference.low, sign * difference.high))
        return "better" if low > 0 else "worse" if high < 0 else "no difference"

    @property
    def rank_metric(self) -> str:
        """By which the order of the customers is measured."""
        return next(name for name in self.differences if name in _RANKS)

    @property
    def chance(self) -> float:
        """What measures an order drawn by lot."""
        return _RANKS[self.rank_metric]

    @property
    def ranks_by_chance(self) -> bool:
        """Whether nothing shows that the order of the customers is better than chance."""
        return not self.ranking.low > self.chance

    @property
    def error(self) -> str:
        """The proper score that speaks most clearly: a worse one, else a better one, else the
        first.
        """
        scores = _ERRORS[self.task]
        order: tuple[Word, ...] = ("worse", "better", "no difference")
        return min(scores, key=lambda name: order.index(self.word(name)))

    @property
    def is_worse(self) -> bool:
        """Whether the model's error is certainly larger by one proper score, and certainly smaller
        by none.
        """
        words = {self.word(name) for name in _ERRORS[self.task]}
        return "worse" in words and "better" not in words

    @property
    def prefers_rule(self) -> bool:
        """Whether the model is worse, on customers enough to say so."""
        return self.is_worse and self.customers >= LEAST_CUSTOMERS

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Metric -> difference, its interval and the word for it; None for what is not known."""
        return {
            name: {
                **{end: x if isfinite(x) else None for end, x in asdict(difference).items()},
                "verdict": self.word(name),
            }
            for name, difference in self.differences.items()
        }


def judge(predictions: pl.DataFrame, *, seed: int) -> dict[TaskName, Verdict]:
    """Hold the model of each task against the naive baseline.

    Parameters
    ----------
    predictions
        PREDICTIONS; a task of which nothing is known there has no verdict.
    """
    verdicts: dict[TaskName, Verdict] = {}
    for task, compared in COMPARED.items():
        rows = predictions.drop_nulls([OBSERVED[task], *PREDICTED[task]])
        cutoffs = list(align_cutoffs(rows, OBSERVED[task], *PREDICTED[task]))
        if not cutoffs:
            continue
        rank = next(name for name in compared if name in _RANKS)
        alone = [(truth, score, None) for truth, score, _ in cutoffs]
        verdicts[task] = Verdict(
            task,
            {
                name: mean_paired_interval(metric, cutoffs, seed=seed)
                for name, metric in compared.items()
            },
            mean_paired_interval(compared[rank], alone, seed=seed),
            rows["customer_id"].n_unique(),
            len(cutoffs),
            mean_paired_interval(_TOP_TENTH, alone, seed=seed) if task == "value" else None,
        )
    return verdicts


def align_cutoffs(rows: pl.DataFrame, *columns: str) -> Iterator[tuple[Vector, Vector, Vector]]:
    """Three columns of every customer at each cutoff, NaN where one was not there: the truth, then
    two predictions.
    """
    everyone = rows.select("customer_id").unique().sort("customer_id")
    for _, part in rows.group_by("cutoff_day", maintain_order=True):
        joined = everyone.join(part, on="customer_id", how="left", maintain_order="left")
        truth, one, other = (
            joined[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in columns
        )
        yield truth, one, other
