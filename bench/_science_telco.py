"""Telco: 7,043 customers of a contract, five stratified folds, seeds 0, 1 and 2, no resampling and
no class weights.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from bench._figures import Figure, at_least, at_most
from holdfast import metrics
from holdfast.arrays import Vector
from holdfast.learners.algorithms import Recipe
from holdfast.learners.design import Design

ALGORITHMS = ("blend", "lightgbm", "logistic")
FLOOR = "perfectly calibrated forecaster: .0103"


def _table(folder: Path) -> pl.DataFrame:
    rows = pl.read_parquet(folder / "telco.parquet")
    charges = (
        pl.col("TotalCharges")
        .cast(pl.String)
        .str.strip_chars()
        .cast(pl.Float64, strict=False)
        .fill_null(0.0)
    )
    return rows.with_columns(charges.alias("TotalCharges"))


def _folds(
    algorithm: str, table: pl.DataFrame, churned: Vector, seed: int
) -> tuple[list[float], Vector]:
    """AUC of each fold, and the pooled predictions of customers not learnt from."""
    from sklearn.model_selection import StratifiedKFold

    matrix = Design.learn(table, columns=table.columns).matrix(table)
    areas, pooled = [], np.empty(len(churned))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(matrix, churned):
        learner = Recipe(algorithm, "probability", seed=seed).fit(matrix[train], churned[train])
        pooled[test] = learner.predict(matrix[test])
        areas.append(metrics.roc_auc(churned[test], pooled[test]))
    return areas, pooled


def telco(folder: Path) -> Iterator[Figure]:
    """AUC over folds, Brier and ECE pooled, each the mean over three seeds."""
    rows = _table(folder)
    churned = (rows["Churn"] == "Yes").cast(pl.Float64).to_numpy()
    table = rows.drop("customerID", "Churn")
    for algorithm in ALGORITHMS:
        area, brier, ece = [], [], []
        for seed in range(3):
            areas, pooled = _folds(algorithm, table, churned, seed)
            area.append(float(np.mean(areas)))
            brier.append(metrics.brier(churned, pooled))
            ece.append(metrics.ece(churned, pooled))
        if algorithm == "blend":
            yield at_least("Telco, blend, ROC-AUC", float(np.mean(area)), 0.849)
            yield at_most("Telco, blend, Brier", float(np.mean(brier)), 0.1335)
            yield at_most(f"Telco, blend, ECE pooled ({FLOOR})", float(np.mean(ece)), 0.015)
        else:
            yield Figure(f"Telco, {algorithm}, ROC-AUC", float(np.mean(area)))
            yield Figure(f"Telco, {algorithm}, Brier", float(np.mean(brier)))


SECTIONS: dict[str, Callable[[Path], Iterator[Figure]]] = {"telco": telco}
