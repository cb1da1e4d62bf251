"""What a run's summary says of one task: how good its model proved."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.evaluation.evidence import CHAMPION, Evidence, TaskName
from holdfast.evaluation.expectation import expect
from holdfast.models.fitted_models import FittedModels, Model
from holdfast.study import Study
from holdfast.tables import json_rows
from holdfast.windows import date_of


def summarise_task(
    study: Study,
    task: TaskName,
    models: FittedModels,
    proof: Evidence,
    folds: Mapping[str, float] | None,
) -> dict[str, Any]:
    """A model's figures: their means over the test cutoffs, their range and number, between what
    they should come out at the next one, and how they stand beside the naive baseline's.
    """
    proved = proof.evidence.filter(pl.col("task") == task)
    cutoffs = proved["cutoff_day"].unique().sort().to_list()
    naive = [name for name in proved["model"].unique(maintain_order=True) if "baseline:" in name]
    model = models.tasks.get(task)
    horizon_days = (study.churn if task == "churn" else study.value).horizon_days
    champion = proved.filter(model=CHAMPION)
    verdict = proof.verdicts.get(task)
    published = proved
    if model and model.algorithm.startswith("rule"):
        published = proved.filter(model=naive[0]).with_columns(model=pl.lit(CHAMPION))
    return {
        "algorithm": model and model.algorithm,
        **_summarise_network(model),
        "horizon_days": horizon_days if study.transactions else None,
        **({"threshold": study.churn.threshold} if task == "churn" else {}),
        "test_cutoff": date_of(cutoffs[-1]).isoformat() if cutoffs else None,
        "test_cutoffs": [date_of(cutoff).isoformat() for cutoff in cutoffs],
        **_means(champion),
        "range": _ranges(champion),
        "expected": {name: list(ends) for name, ends in expect(published).items()}
        if study.transactions
        else {},
        "cross_validated": folds and json_rows(pl.DataFrame([folds]))[0],
        "baseline": {"name": naive[0], **_means(proved.filter(model=naive[0]))} if naive else None,
        "against_baseline": verdict.as_dict() if verdict else {},
        "ranks_by_chance": verdict.ranks_by_chance if verdict else None,
    }


def _summarise_network(model: Model | None) -> dict[str, Any]:
    """The weight of a network in the pool, and how it was trained; nothing where there is none."""
    if model is None or model.sequence is None:
        return {}
    network = model.sequence.network
    return {
        "sequence": {
            "weight": model.sequence.weight,
            "steps": network.steps,
            "late_loss": network.late_loss,
        }
    }


def _means(evidence: pl.DataFrame) -> dict[str, float | None]:
    means = evidence.group_by("metric", maintain_order=True).agg(pl.col("value").mean())
    return {row["metric"]: row["value"] for row in json_rows(means)}


def _ranges(evidence: pl.DataFrame) -> dict[str, list[float | None]]:
    """Metric -> least and most at a cutoff."""
    ends = evidence.group_by("metric", maintain_order=True).agg(
        low=pl.col("value").min(), high=pl.col("value").max()
    )
    return {row["metric"]: [row["low"], row["high"]] for row in json_rows(ends)}
