"""Churn: P(no purchase in the target window).

Two members, pooled by the mean of their log-odds: one learnt from the windows that have ended,
calibrated on rows that its learner had not seen, and the BTYD models' own. They err in different
ways: the one where time moves on, the other where a history says less than the rest that is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Matrix, Split, Vector
from holdfast.errors import NotEnoughData
from holdfast.features.recent_days import RECENT_DAYS
from holdfast.findings import Finding
from holdfast.learners.algorithms import Learner, Recipe
from holdfast.learners.attribution import mean_of
from holdfast.learners.calibration import BetaCalibration
from holdfast.learners.cross_fitting import CrossFittedBlend
from holdfast.learners.design import Attribution, Design
from holdfast.learners.link_functions import inverse, log_odds, mean_slope, pool_chances
from holdfast.learners.parts import Part, Saved
from holdfast.learners.selection import candidates_of, predict_held_out
from holdfast.metrics import log_loss
from holdfast.models.baselines import RecencyRule
from holdfast.models.level_adjustment import TRUST, find_power, move_towards
from holdfast.models.short_windows import HAZARD, fit_silence, horizon_exponent
from holdfast.models.training_set import TrainingSet
from holdfast.study import SEQUENCE, Churn

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import BTYDSilence
    from holdfast.models.sequence.histories import DatedHistories
    from holdfast.models.sequence_member import SequenceSilence

_BTYD_SILENCE = "holdfast.models.purchase_counts:BTYDSilence"
_SEQUENCE_SILENCE = "holdfast.models.sequence_member:SequenceSilence"

Truths = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChurnModel(Saved):
    """A fitted model of churn.

    Attributes
    ----------
    calibration
        None: the learner's probabilities stand as they are.
    horizon_days
        None for a snapshot, whose label has no window.
    btyd
        The other member of the pool; None for a snapshot, and where all customers did the same.
    sequence
        A network that has joined the pool, where the study asks for one and it proved to help.
    """

    FILE = "churn.json"
    design: Annotated[Design, Part()]
    learner: Annotated[Learner | RecencyRule, Part()]
    calibration: Annotated[BetaCalibration | None, Part()] = None
    horizon_days: int | None = None
    # A server of snapshots never needs its special functions.
    btyd: Annotated["BTYDSilence | None", Part("btyd-", _BTYD_SILENCE)] = None
    sequence: Annotated["SequenceSilence | None", Part("sequence-", _SEQUENCE_SILENCE)] = None

    @property
    def algorithm(self) -> str:
        """The champion's name."""
        if self.sequence is not None:
            return SEQUENCE
        if self.btyd is not None and self.btyd.weight == 1:
            return self.btyd.counts.algorithm
        return self.learner.algorithm

    @property
    def is_alone(self) -> bool:
        """Whether nothing is pooled with the learnt member."""
        return self.btyd is None and self.sequence is None

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns that are read, but for the days of a network."""
        return self.design.frame_columns

    @property
    def explained_columns(self) -> tuple[str, ...]:
        """The columns of `contributions`."""
        return self.columns if self.sequence is None else (*self.columns, RECENT_DAYS)

    def predict(self, frame: pl.DataFrame) -> Vector:
        """P(churned), calibrated, (n_customers,)."""
        return self.pool(self.predict_learnt(frame), frame)

    def predict_matrix(self, matrix: Matrix, dated: "DatedHistories | None" = None) -> Vector:
        """As `predict`, of the design's matrix.

        Parameters
        ----------
        dated
            What a network reads. None: without what it would say, of customers as of the model's
            own cutoff.
        """
        pooled = self._calibrate(self.learner.predict(matrix))
        if self.btyd is not None:
            frame = self.design.columns_of(matrix, self.btyd.inputs)
            pooled = self._pool_btyd(pooled, frame if dated is None else dated.date(frame))
        if self.sequence is None or dated is None:
            return pooled
        return self.sequence.join_read(pooled, dated)

    def predict_learnt(self, frame: pl.DataFrame) -> Vector:
        """What the learnt member predicts, (n_customers,)."""
        return self._calibrate(self.learner.predict(self.design.matrix(frame)))

    def pool(self, learnt: Vector, frame: pl.DataFrame, horizon_days: int | None = None) -> Vector:
        """The learnt member's predictions over a horizon, by default the model's own, pooled with
        the BTYD models', and both with the network's.
        """
        pooled = self._pool_btyd(learnt, frame, horizon_days)
        return pooled if self.sequence is None else self.sequence.join(pooled, frame, horizon_days)

    def _pool_btyd(
        self, learnt: Vector, frame: pl.DataFrame, horizon_days: int | None = None
    ) -> Vector:
        if self.btyd is None:
            return learnt
        return pool_chances(learnt, self.btyd.silent(frame, horizon_days), self.btyd.weight)

    def at_level(self, frame: pl.DataFrame, share: float, trust: float = TRUST) -> "ChurnModel":
        """The same order of customers, most of the way to the level at which this share of them
        churns by the learnt member.
        """
        calibration = self.calibration or BetaCalibration()
        power = move_towards(1.0, find_power(self.predict_learnt(frame), share), trust)
        return replace(self, calibration=replace(calibration, season=calibration.season * power))

    def raw(self, frame: pl.DataFrame) -> Vector:
        """What is explained, in the order of `predict`: the learner's score before calibration,
        mostly log-odds; of a pool, its log-odds.
        """
        if self.is_alone:
            return self.learner.raw(self.design.matrix(frame))
        return log_odds(self.predict(frame))

    def contributions(self, frame: pl.DataFrame) -> Attribution:
        """What each column adds to `raw`."""
        if self.is_alone:
            return self._learnt_contributions(frame)
        return self.log_odds_contributions(frame)

    def log_odds_contributions(self, frame: pl.DataFrame) -> Attribution:
        """What each column adds to the log-odds of `predict`."""
        learnt = self._learnt_contributions(frame)

        def calibrate(raw: Vector) -> Vector:
            return log_odds(self._calibrate(inverse(self.learner.link, raw)))

        slope = mean_slope(calibrate, learnt.base, learnt.total)
        base = calibrate(learnt.base)
        in_log_odds = Attribution(learnt.columns, learnt.values * slope[:, None], base)
        if self.btyd is not None:
            in_log_odds = mean_of(in_log_odds, self.btyd.attribution(frame), self.btyd.weight)
        if self.sequence is not None:
            in_log_odds = self.sequence.attribution(in_log_odds, frame)
        return in_log_odds

    def _learnt_contributions(self, frame: pl.DataFrame) -> Attribution:
        matrix = self.design.matrix(frame)
        return self.design.attribution(self.learner.contributions(matrix))

    def _calibrate(self, probability: Vector) -> Vector:
        return probability if self.calibration is None else self.calibration.apply(probability)


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
        Expected purchases in the coming window beside those learnt from, by their promotions.

    Raises
    ------
    NotEnoughData
        Everyone churned, or nobody did.
    """
    _require_both(churned)
    design = Design.learn(frame, columns=columns)
    matrix = design.matrix(frame)
    recipes = [
        Recipe(name, "probability", seed=seed, parameters=settings.parameters)
        for name in candidates_of(settings)
    ]
    usable = [split for split in splits if len(split.test) and _both(churned[split.train])]
    truth = churned.astype(np.float64)
    if not usable or (len(recipes) == 1 and not settings.calibrate):
        return ChurnModel(design, recipes[0].fit(matrix, truth), None, horizon_days)
    trials = [
        _trial(recipe, matrix, churned, usable, calibrate=settings.calibrate) for recipe in recipes
    ]
    best = min(trials, key=lambda trial: trial.loss)
    learner = best.recipe.fit(matrix, truth)
    if best.calibration is None:
        return ChurnModel(design, learner, None, horizon_days)
    calibration = best.calibration.with_mean(learner.predict(matrix), float(truth.mean()))
    return ChurnModel(design, learner, replace(calibration, season=season), horizon_days)


def cross_fit_churn(
    frame: pl.DataFrame,
    churned: Truths,
    *,
    columns: Sequence[str],
    seed: int,
    splits: Sequence[Split],
) -> tuple[ChurnModel, CrossFittedBlend]:
    """Fit a blend to a snapshot, its size and its calibration learnt from unseen customers; and how
    it was fitted.

    Raises
    ------
    NotEnoughData
        Everyone churned, or nobody did.
    """
    _require_both(churned)
    truth = churned.astype(np.float64)
    design = Design.learn(frame, columns=columns, outcome=truth)
    matrix = design.training_matrix(frame, truth, splits)
    usable = [s for s in splits if _both(churned[s.train]) and _both(churned[s.test])]
    blend = CrossFittedBlend.learn(matrix, truth, usable, seed=seed)
    return ChurnModel(design, blend.fit(matrix, truth)), blend


def _require_both(churned: Truths) -> None:
    if not _both(churned):
        raise NotEnoughData(
            f"{int(churned.sum()):,} of {len(churned):,} customers churned: there is nothing to "
            "tell apart",
            fix="choose a shorter or longer churn.horizon_days, or another label",
        )


def _both(churned: Truths) -> bool:
    return bool(churned.any() and not churned.all())


@dataclass(frozen=True)
class _Trial:
    recipe: Recipe
    calibration: BetaCalibration | None
    loss: float


def _trial(
    recipe: Recipe, matrix: Matrix, churned: Truths, splits: Sequence[Split], *, calibrate: bool
) -> _Trial:
    """Predict unseen rows, as they would be used, calibrated or not, and take their log loss."""
    truth = churned.astype(np.float64)
    unseen = predict_held_out(splits, matrix, lambda rows: recipe.trial(matrix[rows], truth[rows]))
    if not calibrate:
        return _Trial(recipe, None, log_loss(truth[unseen.rows], unseen.predicted))
    group = np.repeat(np.arange(len(splits)), [len(split.test) for split in splits])
    calibration = BetaCalibration.fit(unseen.predicted, churned[unseen.rows], group=group)
    losses = [
        _levelled_loss(calibration, unseen.predicted[group == k], churned[unseen.rows[group == k]])
        for k in set(group)
    ]
    return _Trial(recipe, calibration, float(np.mean(losses)))


def _levelled_loss(calibration: BetaCalibration, probability: Vector, churned: Truths) -> float:
    """Log loss at the right level, so that candidates compete in how they tell customers
    apart.
    """
    truth = churned.astype(np.float64)
    if _both(churned):
        calibration = calibration.with_mean(probability, float(truth.mean()))
    return log_loss(truth, calibration.apply(probability))


def fit_churn(
    training: TrainingSet, settings: Churn, *, seed: int
) -> tuple[ChurnModel, tuple[Finding, ...]]:
    """Learn from an order log in which some customers left and others did not: at several cutoffs,
    calibrated on the later ones.
    """
    if not training.situation.complete_windows:
        return _from_short_windows(training, settings, seed=seed)
    past, coming = training.lifts_over(training.promotions.purchases)
    model = learn_churn(
        training.frame,
        training.churned,
        columns=training.columns,
        settings=settings,
        seed=seed,
        splits=training.splits(seed=seed),
        horizon_days=training.horizon_days,
        season=coming / float(past.mean()),
    )
    if not settings.calibrate or training.split_in_time:
        return model, ()
    days = training.horizon_days
    return model, (Finding.of("calibrated-across-customers", horizon_days=days),)


def predict_past_churn(
    training: TrainingSet, model: ChurnModel, settings: Churn, split: Split, *, seed: int
) -> Vector:
    """What the learnt member, fitted on the training rows alone, says of the test rows, with the
    slopes of the model's calibration: (n_test_rows,).
    """
    matrix, truth = model.design.matrix(training.frame), training.churned.astype(np.float64)
    algorithm = model.learner.algorithm
    parameters = settings.parameters if algorithm == settings.algorithm else {}
    recipe = Recipe(algorithm, "probability", seed=seed, parameters=parameters)
    predictor = recipe.trial(matrix[split.train], truth[split.train])
    predicted = predictor.predict(matrix[split.test])
    return predicted if model.calibration is None else model.calibration.apply(predicted)


def _from_short_windows(
    training: TrainingSet, settings: Churn, *, seed: int
) -> tuple[ChurnModel, tuple[Finding, ...]]:
    exponent = horizon_exponent(training.windows, HAZARD)
    design = Design.learn(training.frame, columns=training.columns)
    learner = fit_silence(
        design.matrix(training.frame),
        training.churned,
        (training.window / training.horizon_days) ** exponent,
        parameters=settings.parameters if settings.algorithm == "lightgbm" else {},
        seed=seed,
    )
    model = ChurnModel(design, learner, None, training.horizon_days)
    return model, (describe_short_windows("churn", training, exponent),)


def describe_short_windows(task: str, training: TrainingSet, exponent: float) -> Finding:
    """Say that a task was learnt from windows shorter than its horizon."""
    shortest, longest = int(training.window.min()), int(training.window.max())
    return Finding.of(
        "short-windows-{task}",
        task=task,
        horizon_days=training.horizon_days,
        shortest=shortest,
        longest=longest,
        exponent=exponent,
    )
