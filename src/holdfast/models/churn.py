"""Churn: P(no purchase in the target window), calibrated on rows that its learner had not seen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Matrix, Split, Vector
from holdfast.errors import NotEnoughData
from holdfast.findings import Finding
from holdfast.learners.algorithms import Learner, Recipe, learner_from_parts
from holdfast.learners.calibration import BetaCalibration
from holdfast.learners.design import Attribution, Design
from holdfast.learners.selection import candidates_of, held_out, log_loss
from holdfast.models.level_adjustment import Today, powered, towards
from holdfast.models.short_windows import HAZARD, fit_silence, horizon_exponent
from holdfast.models.training_set import Examples
from holdfast.study import Churn

Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChurnModel:
    """A fitted model of churn.

    Attributes
    ----------
    calibration
        None: the learner's probabilities stand as they are.
    horizon_days
        None for a snapshot, whose label has no window.
    """

    design: Design
    learner: Learner
    calibration: BetaCalibration | None = None
    horizon_days: int | None = None

    @property
    def algorithm(self) -> str:
        """The champion's name."""
        return self.learner.algorithm

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns that are read."""
        return self.design.frame_columns

    def predict(self, frame: pl.DataFrame) -> Vector:
        """P(churned), calibrated, (n_customers,)."""
        return self.predict_matrix(self.design.matrix(frame))

    def predict_matrix(self, matrix: Matrix) -> Vector:
        """As `predict`, of the design's matrix."""
        probability = self.learner.predict(matrix)
        return probability if self.calibration is None else self.calibration.apply(probability)

    def at_level(self, today: Today) -> "ChurnModel":
        """The same order of customers, most of the way to the level that the laws tell of
        today's.
        """
        assert self.horizon_days is not None
        share = today.silent([self.horizon_days])[self.horizon_days]
        known = self.calibration or BetaCalibration()
        power = towards(1.0, powered(self.predict(today.frame), share))
        return replace(self, calibration=replace(known, season=known.season * power))

    def raw(self, frame: pl.DataFrame) -> Vector:
        """The learner's score before calibration, mostly log-odds; it ranks customers as `predict`
        does.
        """
        return self.learner.raw(self.design.matrix(frame))

    def contributions(self, frame: pl.DataFrame) -> Attribution:
        """What each column adds to `raw`."""
        return self.design.attribution(self.learner.contributions(self.design.matrix(frame)))

    def parts(self) -> dict[str, bytes]:
        """The model as files."""
        own = {"churn.json": json.dumps({"horizon_days": self.horizon_days}).encode()}
        calibration = self.calibration.parts() if self.calibration else {}
        return {**self.design.parts(), **own, **calibration, **self.learner.parts()}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "ChurnModel":
        """Rebuild from `parts`, whose hashes have been checked."""
        return cls(
            design=Design.from_parts(parts),
            learner=learner_from_parts(parts),
            calibration=BetaCalibration.from_parts(parts)
            if BetaCalibration.FILE in parts
            else None,
            **json.loads(parts["churn.json"]),
        )


def learn_churn(
    frame: pl.DataFrame,
    churned: Truths,
    *,
    columns: Sequence[str],
    settings: Churn,
    seed: int,
    splits: Sequence[Split],
    horizon_days: int | None = None,
    season: float = 1.0,
) -> ChurnModel:
    """Choose, fit and calibrate.

    Parameters
    ----------
    splits
        Where predictions of unseen rows come from, for the choice among candidates and for the
        slopes of the calibration. The champion is then fitted on all rows, and its level is such
        that their share who churned comes out: the level of one later cutoff would be that of one
        season.
    season
        How lively the coming window should be next to those learnt from.

    Raises
    ------
    NotEnoughData
        Everyone churned, or nobody did.
    """
    if churned.all() or not churned.any():
        raise NotEnoughData(
            f"{int(churned.sum()):,} of {len(churned):,} customers churned: there is nothing to "
            "tell apart",
            fix="choose a shorter or longer churn.horizon_days, or another label",
        )
    design = Design.learn(frame, columns=columns)
    matrix = design.matrix(frame)
    recipes = [
        Recipe(name, "probability", seed=seed, parameters=settings.parameters)
        for name in candidates_of(settings)
    ]
    usable = [split for split in splits if _both(churned[split.train])]
    truth = churned.astype(np.float64)
    if not usable or (len(recipes) == 1 and not settings.calibrate):
        return ChurnModel(design, recipes[0].fit(matrix, truth), None, horizon_days)
    trials = [
        _tried(recipe, matrix, churned, usable, calibrate=settings.calibrate) for recipe in recipes
    ]
    best = min(trials, key=lambda trial: trial.loss)
    learner = best.recipe.fit(matrix, truth)
    if best.calibration is None:
        return ChurnModel(design, learner, None, horizon_days)
    calibration = best.calibration.levelled(learner.predict(matrix), float(truth.mean()))
    return ChurnModel(design, learner, replace(calibration, season=season), horizon_days)


def _both(churned: Truths) -> bool:
    return bool(churned.any() and not churned.all())


@dataclass(frozen=True)
class _Trial:
    recipe: Recipe
    calibration: BetaCalibration | None
    loss: float


def _tried(
    recipe: Recipe, matrix: Matrix, churned: Truths, splits: Sequence[Split], *, calibrate: bool
) -> _Trial:
    """Predict unseen rows and judge them by log loss, as they would be used: calibrated or not."""
    truth = churned.astype(np.float64)
    found = held_out(splits, matrix, lambda rows: recipe.trial(matrix[rows], truth[rows]))
    if not calibrate:
        return _Trial(recipe, None, log_loss(churned[found.rows], found.predicted))
    group = np.repeat(np.arange(len(splits)), [len(split.test) for split in splits])
    calibration = BetaCalibration.fit(found.predicted, churned[found.rows], group=group)
    losses = [
        _levelled_loss(calibration, found.predicted[group == k], churned[found.rows[group == k]])
        for k in set(group)
    ]
    return _Trial(recipe, calibration, float(np.mean(losses)))


def _levelled_loss(calibration: BetaCalibration, probability: Vector, churned: Truths) -> float:
    """Log loss at the right level, so that candidates are judged by how they tell
    customers apart.
    """
    if not _both(churned):
        return log_loss(churned, calibration.apply(probability))
    return log_loss(
        churned, calibration.levelled(probability, float(churned.mean())).apply(probability)
    )


def fit_churn(
    examples: Examples, settings: Churn, *, seed: int
) -> tuple[ChurnModel, tuple[Finding, ...]]:
    """Learn from an order log: at several cutoffs, calibrated on the later ones.

    Raises
    ------
    NotEnoughData
        Everyone churned, or nobody did.
    """
    if not examples.complete:
        return _from_short_windows(examples, settings, seed=seed)
    lively, coming = examples.lively(examples.promotions.purchases)
    model = learn_churn(
        examples.frame,
        examples.churned,
        columns=examples.columns,
        settings=settings,
        seed=seed,
        splits=examples.splits(seed=seed),
        horizon_days=examples.horizon_days,
        season=coming / float(lively.mean()),
    )
    return model, () if examples.split_in_time or not settings.calibrate else (
        _across_customers(examples),
    )


def _from_short_windows(
    examples: Examples, settings: Churn, *, seed: int
) -> tuple[ChurnModel, tuple[Finding, ...]]:
    if not _both(examples.churned):
        raise NotEnoughData("everyone churned, or nobody did", fix="use a longer log")
    exponent = horizon_exponent(examples.windows, HAZARD)
    design = Design.learn(examples.frame, columns=examples.columns)
    parameters = settings.parameters if settings.algorithm == "lightgbm" else {}
    learner = fit_silence(
        design.matrix(examples.frame),
        examples.churned,
        (examples.window / examples.horizon_days) ** exponent,
        parameters=parameters,
        seed=seed,
    )
    return ChurnModel(design, learner, None, examples.horizon_days), (
        short_windows("churn", examples, exponent),
    )


def short_windows(task: str, examples: Examples, exponent: float) -> Finding:
    """Say that a task was learnt from windows shorter than its horizon."""
    shortest, longest = int(examples.window.min()), int(examples.window.max())
    return Finding.warning(
        f"short-windows-{task}",
        evidence=f"no {examples.horizon_days}-day window has ended yet; learnt from windows of "
        f"{shortest} to {longest} days and extrapolated by (days / "
        f"{examples.horizon_days})^{exponent:.2f}, with LightGBM and no calibration",
        meaning="The order of customers can be trusted more than the level of the predictions.",
        fix=f"ask for {longest} days or fewer, or wait for more log",
    )


def _across_customers(examples: Examples) -> Finding:
    return Finding.note(
        "calibrated-across-customers",
        evidence=f"no training cutoff lies {examples.horizon_days} days after another; "
        "probabilities were calibrated on other customers of the same time, not on later time",
        meaning="A change of the season or of the shop is not in the calibration.",
        fix="use a longer log or a shorter churn.horizon_days",
    )
