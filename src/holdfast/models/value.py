"""Value: expected net revenue, in totals that add up.

Two members, of which the mean is taken: P(buys) x E[net revenue | buys], learnt from the windows
that have ended, and purchases x order value by the BTYD models.

Revenue has a long tail, so the amount is learnt as a ratio to what the customer's own past suggests
(the reference spend), of windows put on one level by the season, weighted by the reference: the
ratio is then small, and its weighted mean is still the mean of the money. In the end one factor
makes the predictions of the training rows add up to their revenue.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Split, Vector
from holdfast.features.recent_days import RECENT_DAYS
from holdfast.learners.algorithms import Learner, Recipe
from holdfast.learners.attribution import explain_factor, mean_of, product
from holdfast.learners.cross_fitting import Boosting, find_rounds
from holdfast.learners.design import Attribution, Design
from holdfast.learners.link_functions import pool_chances
from holdfast.learners.parts import Part, Saved
from holdfast.learners.selection import candidates_of, predict_held_out
from holdfast.models.baselines import TrailingSpendRule
from holdfast.models.prediction_intervals import IntervalModel, Intervals
from holdfast.models.reference_spend import PAST, Scale, SpendInputs
from holdfast.study import SEQUENCE, Value

if TYPE_CHECKING:
    from holdfast.models.purchase_counts import BTYDRevenue
    from holdfast.models.sequence.histories import DatedHistories
    from holdfast.models.sequence_member import SequenceRevenue

_BTYD_REVENUE = "holdfast.models.purchase_counts:BTYDRevenue"
_SEQUENCE_REVENUE = "holdfast.models.sequence_member:SequenceRevenue"


@dataclass(frozen=True)
class ValueModel(Saved):
    """A fitted model of value: the mean of level x scale x P(buys) x amount, and of what the BTYD
    models expect.

    Attributes
    ----------
    amount
        E[revenue | buys] over the scale; without `buys` and `scale`, the expected revenue itself.
    buys
        P(buys).
    scale, level
        What the amount is a ratio to; season ahead x the factor that makes training totals add up
        and brings the level most of the way to that of the BTYD models.
    intervals
        How revenue is spread around its mean; None for a snapshot.
    btyd
        The other member; None for a snapshot, and where orders do not differ.
    season
        What of the level is the coming window's: its season, its promotions, the adjustment.
    sequence
        A network that has joined the pool, where the study asks for one and it proved to help.
    """

    FILE = "value.json"
    design: Annotated[Design, Part()]
    amount: Annotated[Learner | TrailingSpendRule, Part()]
    buys: Annotated[Learner | None, Part("buys-")] = None
    scale: Scale | None = None
    level: float = 1.0
    horizon_days: int | None = None
    intervals: Annotated[IntervalModel | None, Part("intervals-")] = None
    # Snapshots have none, and its special functions would take a third of a server's start to
    # import.
    btyd: Annotated["BTYDRevenue | None", Part("spending-", _BTYD_REVENUE)] = None
    season: float = 1.0
    sequence: Annotated["SequenceRevenue | None", Part("sequence-", _SEQUENCE_REVENUE)] = None

    @property
    def algorithm(self) -> str:
        """The champion's name."""
        if self.sequence is not None:
            return SEQUENCE
        if self.btyd is not None and self.btyd.weight == 1:
            return self.btyd.counts.algorithm
        return self.amount.algorithm

    @property
    def columns(self) -> tuple[str, ...]:
        """The frame's columns that are read, but for the days of a network."""
        return self.design.frame_columns

    @property
    def explained_columns(self) -> tuple[str, ...]:
        """The columns of `contributions`."""
        return self.columns if self.sequence is None else (*self.columns, RECENT_DAYS)

    def predict(self, frame: pl.DataFrame) -> Vector:
        """Expected revenue, currency, (n_customers,)."""
        return self.pool(self.predict_learnt(frame), frame)

    def predict_matrix(self, matrix: Matrix, dated: "DatedHistories | None" = None) -> Vector:
        """As `predict`, of the design's matrix.

        Parameters
        ----------
        dated
            What a network reads. None: without what it would say, of customers as of the model's
            own cutoff.
        """
        pooled = self._multiply(matrix)
        if self.btyd is not None:
            frame = self.design.columns_of(matrix, self.btyd.inputs)
            pooled = self._pool_btyd(pooled, frame if dated is None else dated.date(frame))
        if self.sequence is None or dated is None:
            return pooled
        return self.sequence.join_read(pooled, dated)

    def predict_learnt(self, frame: pl.DataFrame) -> Vector:
        """What the learnt member predicts, currency, (n_customers,)."""
        return self._multiply(self.design.matrix(frame))

    def pool(
        self,
        learnt: Vector,
        frame: pl.DataFrame,
        horizon_days: int | None = None,
        share: Vector | float = 1.0,
    ) -> Vector:
        """The mean of the learnt member's predictions over a horizon, by default the model's own,
        and the BTYD models', pooled with the network's.

        Parameters
        ----------
        share
            Revenue of that horizon over that of the model's own.
        """
        pooled = self._pool_btyd(learnt, frame, horizon_days)
        return pooled if self.sequence is None else self.sequence.join(pooled, frame, share)

    def _pool_btyd(
        self, learnt: Vector, frame: pl.DataFrame, horizon_days: int | None = None
    ) -> Vector:
        if self.btyd is None:
            return learnt
        weight = self.btyd.weight
        return learnt * (1 - weight) + self.btyd.revenue(frame, horizon_days) * weight

    def _multiply(self, matrix: Matrix) -> Vector:
        expected = self.level * self.amount.predict(matrix)
        if self.buys is not None:
            expected = expected * self.buys.predict(matrix)
        if self.scale is not None:
            past = (np.nan_to_num(matrix[:, self.design.names.index(name)]) for name in PAST)
            expected = expected * self.scale.of_past(*past)
        return expected

    def scale_level(self, factor: float) -> "ValueModel":
        """The model with this factor on the level of its learnt member."""
        return replace(self, level=self.level * factor, season=self.season * factor)

    def spend_inputs(self, frame: pl.DataFrame, learnt: Vector) -> SpendInputs:
        """What shares of the revenue are predicted from, as in a usual season; `learnt` is
        `predict_learnt`.
        """
        assert self.buys is not None
        assert self.scale is not None
        buys = self.buys.predict(self.design.matrix(frame))
        return SpendInputs(buys, learnt / self.season, self.scale.of(frame), frame)

    def intervals_of(
        self, frame: pl.DataFrame, mean: Vector, buys: Vector | None = None
    ) -> Intervals | None:
        """Median and intervals of revenue, currency; None where they are not known.

        Parameters
        ----------
        mean, buys
            Expected revenue and P(buys); the latter over the model's own horizon when left out.
        """
        if self.intervals is None:
            return None
        if buys is not None:
            return self.intervals.predict(buys, mean)
        bounds = self.intervals.predict(self._p_buys(frame), mean)
        if self.sequence is None:
            return bounds
        return bounds.with_median(self.sequence.join_median(bounds.median, frame))

    def pool_buys(self, learnt: Vector | None, frame: pl.DataFrame) -> Vector:
        """P(buys) as learnt, pooled with the BTYD models'; None where nothing was learnt of it."""
        if self.btyd is None:
            assert learnt is not None
            return learnt
        assert self.horizon_days is not None
        by_btyd = self.btyd.buys(frame, self.horizon_days)
        return by_btyd if learnt is None else pool_chances(learnt, by_btyd, self.btyd.weight)

    def _p_buys(self, frame: pl.DataFrame) -> Vector:
        if isinstance(self.amount, TrailingSpendRule):
            return 1 - self.amount.silence.predict(self.design.matrix(frame))
        learnt = self.buys.predict(self.design.matrix(frame)) if self.buys is not None else None
        return self.pool_buys(learnt, frame)

    def raw(self, frame: pl.DataFrame) -> Vector:
        """The expected revenue itself: what is explained is money."""
        return self.predict(frame)

    def contributions(self, frame: pl.DataFrame) -> Attribution:
        """What each column adds to the expected revenue, in currency; adds up exactly.

        Each factor is explained by TreeSHAP in its raw score, brought to its own unit by the mean
        slope of its link (`chord`), and the product is shared between its factors by their Shapley
        values.
        """
        matrix = self.design.matrix(frame)
        if isinstance(self.amount, TrailingSpendRule):
            return self.design.attribution(self.amount.contributions(matrix))
        factors = [
            explain_factor(self.design, learner, matrix)
            for learner in (self.amount, self.buys)
            if learner
        ]
        if self.scale is not None:
            factors.append(self.scale.factor(frame, self.columns))
        learnt = product(self.columns, factors, level=self.level)
        if self.btyd is not None:
            learnt = mean_of(learnt, self.btyd.attribution(frame), self.btyd.weight)
        return learnt if self.sequence is None else self.sequence.attribution(learnt, frame)


def learn_value(
    frame: pl.DataFrame,
    value: Vector,
    *,
    columns: Sequence[str],
    settings: Value,
    seed: int,
    splits: Sequence[Split],
) -> ValueModel:
    """Fit a plain regression, for a snapshot; "auto" takes the candidate with the least squared
    error on unseen rows.

    Squared error, because the value of a snapshot may be any number; it is proper for a mean.
    """
    design = Design.learn(frame, columns=columns)
    matrix = design.matrix(frame)
    recipes = [
        Recipe(name, "mean", seed=seed, parameters=settings.parameters)
        for name in candidates_of(settings)
    ]

    def loss(recipe: Recipe) -> float:
        unseen = predict_held_out(
            splits, matrix, lambda rows: recipe.trial(matrix[rows], value[rows])
        )
        return float(np.mean((value[unseen.rows] - unseen.predicted) ** 2))

    best = min(recipes, key=loss) if len(recipes) > 1 else recipes[0]
    return ValueModel(design, best.fit(matrix, value))


def cross_fit_value(
    frame: pl.DataFrame,
    value: Vector,
    *,
    columns: Sequence[str],
    seed: int,
    splits: Sequence[Split],
) -> tuple[ValueModel, Boosting]:
    """Boost as many trees as predict unseen customers of a snapshot best; and how that was done."""
    design = Design.learn(frame, columns=columns, outcome=value)
    matrix = design.training_matrix(frame, value, splits)
    boosting, _ = find_rounds("regression", matrix, value, splits, seed=seed)
    return ValueModel(design, boosting.fit(matrix, value)), boosting
