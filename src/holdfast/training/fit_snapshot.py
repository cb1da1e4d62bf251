"""Fit a snapshot: learn from most customers, prove on the others; there is no time to prove on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Split, Vector
from holdfast.errors import NotEnoughData
from holdfast.evaluation.evidence import (
    CHAMPION,
    Evidence,
    Forecast,
    TaskName,
    evidence_of,
    means,
    predictions_of,
)
from holdfast.learners.algorithms import Recipe
from holdfast.learners.calibration import BetaCalibration
from holdfast.models.baselines import Constant
from holdfast.models.churn import learn_churn
from holdfast.models.fitted_models import FittedModels, Model
from holdfast.models.value import learn_value
from holdfast.study import SnapshotSource, Study
from holdfast.windows import parse_day

_INNER_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class FittedSnapshot:
    """The models of a snapshot, and how good they proved on customers set aside.

    Attributes
    ----------
    proof
        The customers set aside, `snapshot.test_share` of all; "churn" and "value" set different
        ones aside.
    cross_validated
        Task -> metric -> its mean over folds of all customers.
    """

    models: FittedModels
    proof: Evidence
    cross_validated: Mapping[TaskName, Mapping[str, float]]


def fit_snapshot(study: Study, frame: pl.DataFrame, *, columns: Sequence[str]) -> FittedSnapshot:
    """Fit the models of a snapshot and prove them on customers that they did not see.

    Parameters
    ----------
    frame
        One row per customer: customer_id, `columns`, churned (bool) and, if there is one, value
        (float64). The order of rows decides, with the study's seed, who is set aside.

    Raises
    ------
    NotEnoughData
        Everyone churned, or nobody did.
    """
    snapshot = _snapshot_of(study)
    tasks: list[TaskName] = ["churn", *(["value"] if "value" in frame.columns else [])]  # type: ignore[list-item]
    proved = {
        task: _Proving(study, snapshot, task, frame, _visible(snapshot, task, columns)).proved()
        for task in tasks
    }
    forecasts = [each.forecast for each in proved.values()]
    return FittedSnapshot(
        models=FittedModels(**{task: each.model for task, each in proved.items()}),  # type: ignore[arg-type]
        proof=Evidence(
            evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
            predictions=predictions_of(forecasts),
        ),
        cross_validated={task: each.cross_validated for task, each in proved.items()},
    )


def prove(study: Study, task: TaskName, frame: pl.DataFrame, *, columns: Sequence[str]) -> Forecast:
    """Learn one task from most customers and predict those set aside; the champion stands first in
    `predicted`.
    """
    snapshot = _snapshot_of(study)
    return _Proving(
        study, snapshot, task, frame, _visible(snapshot, task, columns)
    ).on_customers_set_aside()[1]


def _snapshot_of(study: Study) -> SnapshotSource:
    assert study.snapshot is not None
    return study.snapshot


def _visible(snapshot: SnapshotSource, task: TaskName, columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in columns if name not in snapshot.columns_hidden_from(task))


@dataclass(frozen=True)
class _Proved:
    model: Model
    forecast: Forecast
    cross_validated: dict[str, float]


@dataclass(frozen=True)
class _Proving:
    """One task of one snapshot."""

    study: Study
    snapshot: SnapshotSource
    task: TaskName
    frame: pl.DataFrame
    columns: tuple[str, ...]

    @property
    def truth(self) -> Vector:
        """1 or 0 for churned, or the value, (n_customers,)."""
        name = "churned" if self.task == "churn" else "value"
        return np.asarray(self.frame[name].cast(pl.Float64).to_numpy(), dtype=np.float64)

    def proved(self) -> _Proved:
        """Prove on customers set aside, and cross-validate the champion."""
        model, forecast = self.on_customers_set_aside()
        return _Proved(model, forecast, self._cross_validated(model.algorithm, forecast))

    def on_customers_set_aside(self) -> tuple[Model, Forecast]:
        """Set customers aside, learn from the others, predict those set aside."""
        truth = self.truth
        train, test = self._divided(truth)
        model = self._learnt(train)
        naive = Constant.fit(
            "baseline: " + ("base rate" if self.task == "churn" else "mean"), truth[train]
        )
        rows = self.frame[test]
        predicted = {CHAMPION: model.predict(rows), naive.name: naive.predict(rows)}
        return model, self._forecast(test, predicted)

    def _divided(self, truth: Vector) -> tuple[Any, Any]:
        """Rows to learn from and rows set aside: those that the table says, or else a share drawn
        by the seed.
        """
        from sklearn.model_selection import train_test_split

        if "is_test" in self.frame.columns:
            test = self.frame["is_test"].to_numpy()
            if test.all() or not test.any():
                raise NotEnoughData(
                    f"snapshot.split leaves {int((~test).sum()):,} customers to learn from and "
                    f"{int(test.sum()):,} to "
                    "prove on",
                    fix="mark some as train and others, of other customers, as test; or leave out "
                    "snapshot.split",
                )
            return np.flatnonzero(~test), np.flatnonzero(test)
        train, test = train_test_split(
            np.arange(len(truth)),
            test_size=self.snapshot.test_share,
            random_state=self.study.seed,
            stratify=truth if self.task == "churn" else None,
        )
        return train, test

    def _learnt(self, train: Any) -> Model:
        rows, truth = self.frame[train], self.truth[train]
        if self.task == "churn":
            return learn_churn(
                rows,
                truth > 0,
                columns=self.columns,
                settings=self.study.churn,
                seed=self.study.seed,
                splits=self._splits(truth, _INNER_FOLDS),
            )
        return learn_value(
            rows,
            truth,
            columns=self.columns,
            settings=self.study.value,
            seed=self.study.seed,
            splits=self._splits(truth, _INNER_FOLDS),
        )

    def _splits(self, truth: Vector, folds: int) -> list[Split]:
        from sklearn.model_selection import KFold, StratifiedKFold

        kind = StratifiedKFold if self.task == "churn" else KFold
        division = kind(folds, shuffle=True, random_state=self.study.seed)
        return [Split(train, test) for train, test in division.split(np.zeros(len(truth)), truth)]

    def _forecast(self, rows: Any, predicted: Mapping[str, Vector]) -> Forecast:
        return Forecast(
            task=self.task,
            cutoff_day=parse_day(self.snapshot.as_of),
            customer_id=self.frame["customer_id"][rows],
            truth=self.truth[rows],
            predicted=predicted,
        )

    def _cross_validated(self, algorithm: str, proof: Forecast) -> dict[str, float]:
        """Mean metrics of the champion's algorithm over folds of all customers."""
        splits = self._splits(self.truth, self.snapshot.cross_validation_folds)
        predicted = self._fold_predictions(algorithm, splits, proof)
        if self.task == "churn" and self.study.churn.calibrate:
            predicted = _cross_calibrated(
                predicted, [self.truth[split.test] > 0 for split in splits]
            )
        folds = [
            self._forecast(split.test, {CHAMPION: each})
            for split, each in zip(splits, predicted, strict=True)
        ]
        return means(folds, CHAMPION, threshold=self.study.churn.threshold)

    def _fold_predictions(
        self, algorithm: str, splits: Sequence[Split], proof: Forecast
    ) -> list[Vector]:
        """Predict each fold from the others; a fold of the very customers set aside has been
        predicted already.
        """
        from holdfast.learners.design import Design

        matrix = Design.learn(self.frame, columns=self.columns).matrix(self.frame)
        task = self.study.churn if self.task == "churn" else self.study.value
        aim = "probability" if self.task == "churn" else "mean"
        recipe = Recipe(algorithm, aim, seed=self.study.seed, parameters=task.parameters)  # type: ignore[arg-type]
        truth, before = self.truth, self._uncalibrated(proof)

        def predict(split: Split) -> Vector:
            customers = self.frame["customer_id"][split.test].to_list()
            if before.keys() == set(customers):
                return np.array([before[customer] for customer in customers])
            return recipe.trial(matrix[split.train], truth[split.train]).predict(matrix[split.test])

        return [predict(split) for split in splits]

    def _uncalibrated(self, proof: Forecast) -> dict[str, float]:
        """What the learner predicted of the customers set aside, unless it was calibrated since."""
        if self.task == "churn" and self.study.churn.calibrate:
            return {}
        return dict(
            zip(proof.customer_id.to_list(), proof.predicted[CHAMPION].tolist(), strict=True)
        )


def _cross_calibrated(predicted: Sequence[Vector], churned: Sequence[Any]) -> list[Vector]:
    """Calibrate each fold's predictions by what the other folds' customers did."""
    calibrated = []
    for k, fold in enumerate(predicted):
        others = [i for i in range(len(predicted)) if i != k]
        calibration = BetaCalibration.fit(
            np.concatenate([predicted[i] for i in others]),
            np.concatenate([churned[i] for i in others]),
        )
        calibrated.append(calibration.apply(fold))
    return calibrated
