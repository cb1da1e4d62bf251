"""What an audit asks besides a `Table`: a log with its features, and the proof of the models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from holdfast.audits.table import Table
from holdfast.evaluation.evidence import Evidence, TaskName
from holdfast.evaluation.verdict import Verdict
from holdfast.ingest.order_log import OrderLog
from holdfast.models.training_set import TrainingData


@dataclass(frozen=True)
class Log:
    """An order log with its features and labels, and an earlier export of it if there is one."""

    orders: OrderLog
    data: TrainingData
    earlier: OrderLog | None = None

    @property
    def product_id(self) -> str | None:
        """The column of products."""
        return self.orders.columns.product_id

    @property
    def attributes(self) -> list[str] | None:
        """Attributes of customers, if there is a source of them."""
        customers = self.orders.study.customers
        return list(customers.attributes) if customers else None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Predictions and figures on unseen outcomes.

    Attributes
    ----------
    predictions
        PREDICTIONS.
    figures, cross_validated
        Task ("churn" or "value") -> metric -> the champion's figure on the last test, and its mean
        over folds of customers.
    baselines
        Task -> name of the naive baseline.
    verdicts
        How the models stand beside them.
    table
        The table that the models learnt from, if it is a snapshot.
    """

    predictions: pl.DataFrame
    figures: Mapping[str, Mapping[str, float]]
    baselines: Mapping[str, str]
    verdicts: Mapping[TaskName, Verdict] = field(default_factory=dict)
    cross_validated: Mapping[Any, Mapping[str, float]] | None = None
    table: Table | None = None
    seed: int = 42

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        *,
        seed: int,
        table: Table | None = None,
        cross_validated: Mapping[Any, Mapping[str, float]] | None = None,
    ) -> "Proof":
        """Take the figures from the evidence of a backtest or of a held-out part."""
        rows = evidence.evidence
        last = pl.col("cutoff_day") == pl.col("cutoff_day").max()
        naive = rows.filter(pl.col("model").str.starts_with("baseline"))
        baselines = naive.unique("task", keep="first", maintain_order=True)
        figures = {}
        for task in ("churn", "value"):
            proved = rows.filter(pl.col("task") == task)
            champion = proved.filter(last, pl.col("model") == "champion")
            figures[task] = dict(champion.select("metric", "value").iter_rows())
        return cls(
            predictions=evidence.predictions,
            figures=figures,
            baselines={
                task: model.removeprefix("baseline: ")
                for task, model in baselines.select("task", "model").iter_rows()
            },
            verdicts=evidence.verdicts,
            cross_validated=cross_validated or None,
            table=table,
            seed=seed,
        )
