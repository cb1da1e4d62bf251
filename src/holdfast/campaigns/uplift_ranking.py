"""Rankings of customers who had not been seen: every learner and every rule is held against the
same AIPW scores, and the choice among them is made inside the training rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.arrays import Integers, Split, Vector
from holdfast.campaigns.uplift_learners import Candidates, Learner, Lesson, Score
from holdfast.evaluation.aipw import FOLDS, aipw_scores, predict_arms
from holdfast.evaluation.policy import (
    Estimate,
    Group,
    calibration_slope,
    gates,
    mid_ranks,
    qini,
    uplift_at,
)
from holdfast.evaluation.trial import Trial

CHOSEN = "chosen in training"


@dataclass(frozen=True)
class Unseen:
    """What models of other rows say of each row.

    Attributes
    ----------
    psi
        (n_rows,), AIPW score of the offer.
    scores
        Ranking -> (n_rows,); comparable within a fold only.
    fold
        (n_rows,): the part in which the row was predicted.
    choices
        Which ranking was chosen in training, by fold; none where nothing was chosen.
    """

    psi: Vector
    scores: Mapping[str, Vector]
    fold: Integers
    cluster: Integers | None
    choices: tuple[str, ...] = ()

    def _by_fold(self, name: str, figure: Callable[[Vector, Vector], Estimate]) -> Estimate:
        """Mean over the folds of a figure of each."""
        influence, value = np.empty(len(self.psi)), 0.0
        for k in np.unique(self.fold):
            rows = self.fold == k
            part = figure(self.psi[rows], self.scores[name][rows])
            assert part.influence is not None
            influence[rows] = part.influence
            value += part.value * rows.mean()
        return Estimate.of(value, influence, self.cluster)

    def qini(self, name: str) -> Estimate:
        """Q of a ranking."""
        return self._by_fold(name, qini)

    def uplift_at(self, name: str, share: float) -> Estimate:
        """Mean effect on the first `share` of a ranking."""
        return self._by_fold(name, lambda psi, score: uplift_at(psi, score, share=share))

    def _centre_by_fold(self, values: Vector) -> Vector:
        size = np.bincount(self.fold)
        return np.asarray(
            values - (np.bincount(self.fold, weights=values) / np.maximum(size, 1))[self.fold]
        )

    def slope(self, name: str) -> Estimate | None:
        """How far the effect follows the score: 1 where the score is the effect."""
        return calibration_slope(
            self._centre_by_fold(self.psi), self._centre_by_fold(self.scores[name]), self.cluster
        )

    def groups(self, name: str) -> list[Group]:
        """Mean effect by fifths of a ranking, the lowest first."""
        place = np.empty(len(self.psi))
        for k in np.unique(self.fold):
            rows = self.fold == k
            place[rows] = mid_ranks(self.scores[name][rows])
        return gates(self.psi, place, cluster=self.cluster)

    def choose(self, candidates: Candidates) -> str:
        """The best learner, if its Q is a standard error above that of the best rule: the rule
        needs no learning (the one-standard-error rule of Breiman et al. 1984, section 3.4.3).
        """
        q = {name: self.qini(name) for name in self.scores}
        learner = max(candidates.learners, key=lambda name: q[name].value)
        rule = max(candidates.rules, key=lambda name: q[name].value)
        ahead = q[learner].minus(q[rule], self.cluster)
        return learner if ahead.value > ahead.se else rule


@dataclass(frozen=True)
class Recalibrated:
    """A score in the unit of the outcome: the mean effect, and the score's differences as far as
    unseen customers bore them out.
    """

    score: Score
    centre: float
    slope: float
    mean: float

    def __call__(self, *row: object) -> Vector:
        """Effects, (n_rows,)."""
        return self.mean + self.slope * (self.score(*row) - self.centre)  # type: ignore[arg-type]


def recalibrate(lesson: Lesson, score: Score, unseen: Unseen, name: str) -> Recalibrated:
    """Scale a score by the slope that it had on rows unseen; a slope below 0 counts as 0."""
    slope, trial = unseen.slope(name), lesson.trial
    return Recalibrated(
        score,
        float(score(trial.features, trial.expected).mean()),
        max(slope.value, 0.0) if slope else 0.0,
        float(lesson.psi.mean()),
    )


def cross_fit(
    trial: Trial, learners: Mapping[str, Learner], *, seed: int, n_folds: int = FOLDS
) -> Unseen:
    """Score each row by models of the other folds."""
    psi, fold = np.empty(trial.n), np.empty(trial.n, dtype=np.int64)
    scores = {name: np.empty(trial.n) for name in learners}
    for k, split in enumerate(trial.folds(n_folds, seed=seed)):
        lesson = Lesson.prepare(trial.take(split.train), seed=seed)
        fold[split.test], psi[split.test] = k, _unseen_psi(trial, split, lesson)
        for name, learner in learners.items():
            scores[name][split.test] = _predict(trial, split, learner(lesson))
    return Unseen(psi, scores, fold, trial.cluster)


def cross_fit_choice(
    trial: Trial, candidates: Candidates, *, seed: int, n_folds: int = FOLDS
) -> Unseen:
    """As `cross_fit`, with a ranking more: that which is chosen on rows unseen within the training
    rows, recalibrated there.
    """
    learners = candidates.all
    psi, fold = np.empty(trial.n), np.empty(trial.n, dtype=np.int64)
    scores = {name: np.empty(trial.n) for name in (*learners, CHOSEN)}
    choices = []
    for k, split in enumerate(trial.folds(n_folds, seed=seed)):
        lesson = Lesson.prepare(trial.take(split.train), seed=seed)
        fold[split.test], psi[split.test] = k, _unseen_psi(trial, split, lesson)
        fitted = {name: learner(lesson) for name, learner in learners.items()}
        inside = cross_fit(lesson.trial, learners, seed=seed + 1, n_folds=n_folds)
        choices.append(inside.choose(candidates))
        fitted[CHOSEN] = recalibrate(lesson, fitted[choices[-1]], inside, choices[-1])
        for name, score in fitted.items():
            scores[name][split.test] = _predict(trial, split, score)
    return Unseen(psi, scores, fold, trial.cluster, tuple(choices))


class Repeats:
    """The same rows split into folds several times: no figure hangs on one split."""

    def __init__(self, parts: Sequence[Unseen]) -> None:
        self.parts, self.cluster = parts, parts[0].cluster

    @property
    def names(self) -> list[str]:
        """The rankings."""
        return list(self.parts[0].scores)

    @property
    def choices(self) -> tuple[str, ...]:
        """What was chosen in training, by split and fold."""
        return tuple(choice for part in self.parts for choice in part.choices)

    def qini(self, name: str) -> Estimate:
        """Q of a ranking."""
        return Estimate.mean([part.qini(name) for part in self.parts], self.cluster)

    def uplift_at(self, name: str, share: float) -> Estimate:
        """Mean effect on the first `share` of a ranking."""
        return Estimate.mean([part.uplift_at(name, share) for part in self.parts], self.cluster)

    def slope(self, name: str) -> Estimate | None:
        """Calibration slope of a ranking."""
        slopes = [slope for part in self.parts if (slope := part.slope(name)) is not None]
        return Estimate.mean(slopes, self.cluster) if slopes else None

    def groups(self, name: str) -> list[Group]:
        """Mean effect by fifths of a ranking, by the first split."""
        return self.parts[0].groups(name)


def cross_fit_repeatedly(
    trial: Trial, candidates: Candidates, *, seed: int, repeats: int
) -> Repeats:
    """`cross_fit_choice` by several splits."""
    return Repeats(
        [cross_fit_choice(trial, candidates, seed=seed + 100 * k) for k in range(repeats)]
    )


def _unseen_psi(trial: Trial, split: Split, lesson: Lesson) -> Vector:
    means = predict_arms(lesson.arms, trial.features[split.test])
    return aipw_scores(trial.take(split.test), means)[:, 0]


def _predict(trial: Trial, split: Split, score: Score) -> Vector:
    expected = None if trial.expected is None else trial.expected[split.test]
    return score(trial.features[split.test], expected)
