"""Rankings of customers who had not been seen: every learner and every rule is held against the
same AIPW scores, and what each counts for is learnt inside the training rows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from holdfast.arrays import Integers, Matrix, Split, Vector
from holdfast.campaigns.uplift.learners import Learner, Lesson, Score
from holdfast.evaluation.aipw import FOLDS, aipw_scores, predict_arms
from holdfast.evaluation.policy import (
    Estimate,
    Group,
    calibration_slope,
    effect_of_top,
    gates,
    mid_ranks,
    policy_gain,
    qini,
    uplift_at,
)
from holdfast.evaluation.trial import Trial

BLEND = "weighed in training"
_LEAST_WEIGHT = 0.01
"""Of the heaviest ranking's: below it, a ranking is left out."""


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
    heaviest
        Which ranking counted most in training, by fold; none where nothing was weighed.
    """

    psi: Vector
    scores: Mapping[str, Vector]
    fold: Integers
    cluster: Integers | None
    heaviest: tuple[str, ...] = ()

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

    def effect_of_top(self, name: str, share: float) -> Estimate:
        """What the first `share` of a ranking adds per customer of all."""
        return self._by_fold(name, lambda psi, score: effect_of_top(psi, score, share=share))

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

    def gain(self, name: str, *, cost: float) -> Estimate:
        """What contacting those whose predicted effect exceeds the cost brings per customer, net,
        over contacting nobody; only of scores in the unit of the cost.
        """
        decision = (self.scores[name] > cost).astype(np.int64)
        return policy_gain(self.psi[:, None], decision, [cost], self.cluster)

    def groups(self, name: str) -> list[Group]:
        """Mean effect by fifths of a ranking, the lowest first."""
        place = np.empty(len(self.psi))
        for k in np.unique(self.fold):
            rows = self.fold == k
            place[rows] = mid_ranks(self.scores[name][rows])
        return gates(self.psi, place, cluster=self.cluster)

    def weights(self) -> dict[str, float]:
        """How much each ranking counts for: by exp(z^2 / 2), z its Q in standard errors, 0 where it
        is negative. Where one stands out it is all but alone; where several are about as good,
        their mean is less noisy than a pick among them (Dalalyan, Tsybakov 2008).
        """
        estimates = {name: self.qini(name) for name in self.scores}
        z = {name: max(q.value / q.se, 0.0) if q.se else 0.0 for name, q in estimates.items()}
        most = max(z.values())
        evidence = {name: exp((each**2 - most**2) / 2) for name, each in z.items()}
        kept = {name: each for name, each in evidence.items() if each >= _LEAST_WEIGHT}
        return {name: each / sum(kept.values()) for name, each in kept.items()}


@dataclass(frozen=True)
class Recalibrated:
    """A score in the unit of the outcome: the mean effect, and the score's differences as far as
    unseen customers bore them out.
    """

    score: Score
    centre: float
    slope: float
    mean: float

    def __call__(self, features: Matrix, expected: Vector | None) -> Vector:
        """Effects, (n_rows,)."""
        return self.mean + self.slope * (self.score(features, expected) - self.centre)


def recalibrate(lesson: Lesson, score: Score, unseen: Unseen, name: str) -> Recalibrated:
    """Scale a score by the slope that it had on rows unseen; a slope below 0 counts as 0."""
    slope, trial = unseen.slope(name), lesson.trial
    return Recalibrated(
        score,
        float(score(trial.features, trial.expected).mean()),
        max(slope.value, 0.0) if slope else 0.0,
        float(lesson.psi.mean()),
    )


@dataclass(frozen=True)
class Blend:
    """Several recalibrated rankings, each by its weight; the heaviest first."""

    parts: Mapping[str, Recalibrated]
    weights: Mapping[str, float]

    def __call__(self, features: Matrix, expected: Vector | None) -> Vector:
        """Effects, (n_rows,)."""
        total = np.zeros(len(features))
        for name, part in self.parts.items():
            total += self.weights[name] * part(features, expected)
        return total


def blend(lesson: Lesson, learners: Mapping[str, Learner], unseen: Unseen) -> Blend:
    """Learn the rankings that count, and weigh them by how they did on rows unseen."""
    weights = unseen.weights()
    names = sorted(weights, key=lambda name: -weights[name])
    parts = {name: recalibrate(lesson, learners[name](lesson), unseen, name) for name in names}
    return Blend(parts, weights)


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


def cross_fit_blend(
    trial: Trial, learners: Mapping[str, Learner], *, seed: int, n_folds: int = FOLDS
) -> Unseen:
    """As `cross_fit`, with a ranking more: all of them, weighed on rows unseen within the training
    rows and recalibrated there.
    """
    psi, fold = np.empty(trial.n), np.empty(trial.n, dtype=np.int64)
    scores = {name: np.empty(trial.n) for name in (*learners, BLEND)}
    heaviest = []
    for k, split in enumerate(trial.folds(n_folds, seed=seed)):
        lesson = Lesson.prepare(trial.take(split.train), seed=seed)
        fold[split.test], psi[split.test] = k, _unseen_psi(trial, split, lesson)
        inside = cross_fit(lesson.trial, learners, seed=seed + 1, n_folds=n_folds)
        together = blend(lesson, learners, inside)
        heaviest.append(next(iter(together.parts)))
        for name, learner in learners.items():
            scores[name][split.test] = _predict(trial, split, learner(lesson))
        scores[BLEND][split.test] = _predict(trial, split, together)
    return Unseen(psi, scores, fold, trial.cluster, tuple(heaviest))


class Repeats:
    """The same rows split into folds several times: no figure hangs on one split."""

    def __init__(self, parts: Sequence[Unseen]) -> None:
        self.parts, self.cluster = parts, parts[0].cluster

    @property
    def names(self) -> list[str]:
        """The rankings."""
        return list(self.parts[0].scores)

    @property
    def heaviest(self) -> tuple[str, ...]:
        """What counted most in training, by split and fold."""
        return tuple(name for part in self.parts for name in part.heaviest)

    def qini(self, name: str) -> Estimate:
        """Q of a ranking."""
        return Estimate.mean([part.qini(name) for part in self.parts], self.cluster)

    def uplift_at(self, name: str, share: float) -> Estimate:
        """Mean effect on the first `share` of a ranking."""
        return Estimate.mean([part.uplift_at(name, share) for part in self.parts], self.cluster)

    def effect_of_top(self, name: str, share: float) -> Estimate:
        """What the first `share` of a ranking adds per customer of all."""
        return Estimate.mean([part.effect_of_top(name, share) for part in self.parts], self.cluster)

    def slope(self, name: str) -> Estimate | None:
        """Calibration slope of a ranking."""
        slopes = [slope for part in self.parts if (slope := part.slope(name)) is not None]
        return Estimate.mean(slopes, self.cluster) if slopes else None

    def gain(self, name: str, *, cost: float) -> Estimate:
        """What contacting those whose predicted effect exceeds the cost brings over nobody."""
        return Estimate.mean([part.gain(name, cost=cost) for part in self.parts], self.cluster)

    def groups(self, name: str) -> list[Group]:
        """Mean effect by fifths of a ranking, by the first split."""
        return self.parts[0].groups(name)


def cross_fit_repeatedly(
    trial: Trial, learners: Mapping[str, Learner], *, seed: int, repeats: int
) -> Repeats:
    """`cross_fit_blend` by several splits."""
    seeds = [seed + 100 * k for k in range(repeats)]
    return Repeats([cross_fit_blend(trial, learners, seed=each) for each in seeds])


def _unseen_psi(trial: Trial, split: Split, lesson: Lesson) -> Vector:
    means = predict_arms(lesson.arms, trial.features[split.test])
    return aipw_scores(trial.take(split.test), means)[:, 0]


def _predict(trial: Trial, split: Split, score: Score) -> Vector:
    expected = None if trial.expected is None else trial.expected[split.test]
    return score(trial.features[split.test], expected)
