"""Fit a snapshot: learn from most customers, prove on the others; there is no time to prove on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Split, Vector
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
from holdfast.evaluation.verdict import judge
from holdfast.learners.algorithms import Aim, Predictor, Recipe
from holdfast.learners.calibration import BetaCalibration
from holdfast.learners.design import Design
from holdfast.models.baselines import Constant
from holdfast.models.churn import cross_fit_churn, learn_churn
from holdfast.models.fitted_models import FittedModels, Model
from holdfast.models.value import cross_fit_value, learn_value
from holdfast.study import SnapshotSource, Study
from holdfast.study.tasks import Task
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
    names: tuple[TaskName, ...] = ("churn", "value") if "value" in frame.columns else ("churn",)
    tasks = {name: _SnapshotTask(study, name, frame, columns) for name in names}
    proved = {name: task.prove() for name, task in tasks.items()}
    models: dict[str, Any] = {name: each.model for name, each in proved.items()}
    forecasts = [each.forecast for each in proved.values()]
    predictions = predictions_of(forecasts)
    return FittedSnapshot(
        models=FittedModels(**models),
        proof=Evidence(
            evidence=evidence_of(forecasts, threshold=study.churn.threshold, seed=study.seed),
            predictions=predictions,
            verdicts=judge(predictions, seed=study.seed),
        ),
        cross_validated={name: tasks[name].cross_validate(proved[name]) for name in names},
    )


def prove(study: Study, task: TaskName, frame: pl.DataFrame, *, columns: Sequence[str]) -> Forecast:
    """Learn one task from most customers and predict those set aside; the champion stands first in
    `predicted`.
    """
    return _SnapshotTask(study, task, frame, columns).prove().forecast


Fit = Callable[[Matrix, Vector], Predictor]


@dataclass(frozen=True)
class _Proved:
    """A model, how it is fitted to other rows, and what it predicted of those set aside."""

    model: Model
    fit: Fit
    forecast: Forecast


@dataclass(frozen=True)
class _SnapshotTask:
    """One task of one snapshot."""

    study: Study
    task: TaskName
    frame: pl.DataFrame
    given: Sequence[str]

    @property
    def snapshot(self) -> SnapshotSource:
        """The study's."""
        assert self.study.snapshot is not None
        return self.study.snapshot

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the task may see."""
        hidden = self.snapshot.hidden_columns(self.task)
        return tuple(name for name in self.given if name not in hidden)

    @cached_property
    def truth(self) -> Vector:
        """1 or 0 for churned, or the value, (n_customers,)."""
        name = "churned" if self.task == "churn" else "value"
        return np.asarray(self.frame[name].cast(pl.Float64).to_numpy(), dtype=np.float64)

    @property
    def settings(self) -> Task:
        """The study's."""
        return self.study.churn if self.task == "churn" else self.study.value

    def prove(self) -> _Proved:
        """Set customers aside, learn from the others, predict those set aside."""
        train, test = self._divide()
        model, fit = self._learn(train)
        name = "baseline: " + ("base rate" if self.task == "churn" else "mean")
        baseline, rows = Constant.fit(name, self.truth[train]), self.frame[test]
        predicted = {CHAMPION: model.predict(rows), name: baseline.predict(rows)}
        return _Proved(model, fit, self._forecast(test, predicted))

    def _divide(self) -> tuple[Any, Any]:
        """Rows to learn from and rows set aside: those that the table marks, or else a share drawn
        by the seed.
        """
        from sklearn.model_selection import train_test_split

        if "is_test" in self.frame.columns:
            test = self.frame["is_test"].to_numpy()
            if test.all() or not test.any():
                raise NotEnoughData(
                    f"snapshot.split leaves {int((~test).sum()):,} customers to learn from and "
                    f"{int(test.sum()):,} to prove on",
                    fix="mark some as train and others, of other customers, as test; or leave out "
                    "snapshot.split",
                )
            return np.flatnonzero(~test), np.flatnonzero(test)
        train, test = train_test_split(
            np.arange(len(self.truth)),
            test_size=self.snapshot.test_share,
            random_state=self.study.seed,
            stratify=self.truth if self.task == "churn" else None,
        )
        return train, test

    def _learn(self, train: Any) -> tuple[Model, Fit]:
        rows, truth = self.frame[train], self.truth[train]
        how: dict[str, Any] = {
            "columns": self.columns,
            "seed": self.study.seed,
            "splits": self._splits(truth, _INNER_FOLDS),
        }
        fitted: tuple[Model, Fit]
        if not self.settings.is_open:
            fitted = self._learn_named(rows, truth, how)
        elif self.task == "churn":
            churn, blend = cross_fit_churn(rows, truth > 0, **how)
            fitted = churn, blend.fit
        else:
            value, boosting = cross_fit_value(rows, truth, **how)
            fitted = value, boosting.fit
        return fitted

    def _learn_named(
        self, rows: pl.DataFrame, truth: Vector, how: Mapping[str, Any]
    ) -> tuple[Model, Fit]:
        model: Model
        aim: Aim = "probability"
        if self.task == "churn":
            model = learn_churn(rows, truth > 0, settings=self.study.churn, **how)
        else:
            model, aim = learn_value(rows, truth, settings=self.study.value, **how), "mean"
        parameters = self.settings.parameters
        return model, Recipe(
            model.algorithm, aim, seed=self.study.seed, parameters=parameters
        ).trial

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

    def cross_validate(self, proved: _Proved) -> dict[str, float]:
        """Mean metrics of the champion's algorithm over folds of all customers; a fold of the very
        customers set aside has been predicted already.
        """
        splits = self._splits(self.truth, self.snapshot.cross_validation_folds)
        calibrate = (
            self.task == "churn" and self.study.churn.calibrate and not self.settings.is_open
        )
        proof = proved.forecast
        before = (
            {}
            if calibrate
            else dict(zip(proof.customer_id, proof.predicted[CHAMPION].tolist(), strict=True))
        )

        def predict(split: Split) -> Vector:
            customers = self.frame["customer_id"][split.test].to_list()
            if before.keys() == set(customers):
                return np.array([before[customer] for customer in customers])
            return self._predict_unseen(split, proved.fit)

        predicted = [predict(split) for split in splits]
        if calibrate:
            predicted = _cross_calibrate(predicted, [self.truth[s.test] > 0 for s in splits])
        folds = [
            self._forecast(split.test, {CHAMPION: each})
            for split, each in zip(splits, predicted, strict=True)
        ]
        return means(folds, threshold=self.study.churn.threshold)

    def _predict_unseen(self, split: Split, fit: Fit) -> Vector:
        rows, truth = self.frame[split.train], self.truth[split.train]
        outcome = truth if self.settings.is_open else None
        design = Design.learn(rows, columns=self.columns, outcome=outcome)
        matrix = design.training_matrix(rows, truth, self._splits(truth, _INNER_FOLDS))
        return fit(matrix, truth).predict(design.matrix(self.frame[split.test]))


def _cross_calibrate(predicted: Sequence[Vector], churned: Sequence[Any]) -> list[Vector]:
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
