"""The network as a member of a pool: its chances and its money at the level of the other members,
with the weight that it proved to deserve.

Its level is its weak side (decision 100), so the others say how many stay silent and what all bring
together, and the network says who. Of a customer whose days are not known it says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.errors import DataError
from holdfast.features.recent_days import RECENT_DAYS
from holdfast.learners.design import Attribution
from holdfast.learners.link_functions import log_odds, pool_chances
from holdfast.learners.parts import Part, Saved
from holdfast.models.sequence.histories import DatedHistories
from holdfast.models.sequence.model import SequenceModel


@dataclass(frozen=True)
class SequenceSilence(Saved):
    """P(no purchase) over a horizon, by a network.

    Attributes
    ----------
    weight
        In the pool with the mean of all others, 0 to 1.
    power
        Of its probabilities: brings them to the level of the others, over any horizon in the same
        measure, so that none contradicts another.
    usual
        Its log-odds of the mean customer, against whom others are explained.
    """

    FILE = "member.json"
    network: Annotated[SequenceModel, Part()]
    horizon_days: int
    weight: float
    power: float = 1.0
    usual: float = 0.0

    def silent(self, frame: pl.DataFrame, horizon_days: int | None = None) -> Vector:
        """P(no purchase) over its own horizon or another, (n_customers,); NaN where the days are
        not known.
        """
        days = self.horizon_days if horizon_days is None else horizon_days
        return _of_known(frame, self.network, lambda rows: self.network.silent(rows, days)) ** (
            self.power
        )

    def join(self, others: Vector, frame: pl.DataFrame, horizon_days: int | None = None) -> Vector:
        """What the others say of the chance, pooled with the network's, (n_customers,)."""
        own = self.silent(frame, horizon_days)
        weight = np.where(np.isnan(own), 0.0, self.weight)
        return pool_chances(others, np.where(np.isnan(own), others, own), weight)

    def join_read(self, others: Vector, dated: DatedHistories) -> Vector:
        """As `join`, of customers whose days are read already."""
        own = self.network.silence_of(dated, self.horizon_days) ** self.power
        return pool_chances(others, own, self.weight)

    def attribution(self, others: Attribution, frame: pl.DataFrame) -> Attribution:
        """What the others' columns and the days, as one column, add to the log-odds of the pool."""
        return _join_attribution(others, log_odds(self.silent(frame)), self.weight, self.usual)


@dataclass(frozen=True)
class SequenceRevenue(Saved):
    """Expected revenue over a horizon, by a network.

    Attributes
    ----------
    weight
        In the pool with the mean of all others, 0 to 1.
    factor
        Brings its total to that of the others.
    usual
        Its mean, currency.
    """

    FILE = "member.json"
    network: Annotated[SequenceModel, Part()]
    weight: float
    factor: float = 1.0
    usual: float = 0.0

    def revenue(self, frame: pl.DataFrame) -> Vector:
        """Expected net revenue, currency, (n_customers,); NaN where the days are not known."""
        return self.factor * _of_known(frame, self.network, self._expect)

    def join(self, others: Vector, frame: pl.DataFrame, share: Vector | float = 1.0) -> Vector:
        """What the others expect, pooled with the network's, currency, (n_customers,).

        Parameters
        ----------
        share
            Revenue of the others' horizon over that of the network's own.
        """
        return _mix(others, self.revenue(frame) * share, self.weight)

    def join_read(self, others: Vector, dated: DatedHistories) -> Vector:
        """As `join`, of customers whose days are read already."""
        return _mix(others, self.factor * self.network.revenue_of(dated), self.weight)

    def join_median(self, others: Vector, frame: pl.DataFrame) -> Vector:
        """The others' median, pooled with the network's, currency, (n_customers,)."""
        return _mix(others, _of_known(frame, self.network, self._expect_median), self.weight)

    def attribution(self, others: Attribution, frame: pl.DataFrame) -> Attribution:
        """What the others' columns and the days, as one column, add to the revenue of the pool."""
        return _join_attribution(others, self.revenue(frame), self.weight, self.usual)

    def _expect(self, frame: pl.DataFrame) -> Vector:
        expected = self.network.revenue(frame)
        assert expected is not None
        return expected

    def _expect_median(self, frame: pl.DataFrame) -> Vector:
        median = self.network.median_revenue(frame)
        assert median is not None
        return median


def _of_known(
    frame: pl.DataFrame, network: SequenceModel, predict: Callable[[pl.DataFrame], Vector]
) -> Vector:
    """What is predicted of those whose days are known; NaN of the others."""
    if RECENT_DAYS not in frame.columns:
        raise DataError(
            f"the column '{RECENT_DAYS}' is missing",
            fix='name algorithm = "sequence" in the study, so that the days are read',
        )
    if "cutoff_day" not in frame.columns:
        frame = frame.with_columns(cutoff_day=pl.lit(network.trained_until, pl.Int32))
    known = frame[RECENT_DAYS].is_not_null()
    if known.all():
        return predict(frame)
    predicted = np.full(frame.height, np.nan)
    if known.any():
        predicted[known.to_numpy()] = predict(frame.filter(known))
    return predicted


def _mix(others: Vector, own: Vector, weight: float) -> Vector:
    return np.where(np.isnan(own), others, others * (1 - weight) + own * weight)


def _join_attribution(
    others: Attribution, score: Vector, weight: float, usual: float
) -> Attribution:
    of_row = np.where(np.isnan(score), 0.0, weight)
    added = of_row * (np.nan_to_num(score) - usual)
    values = np.column_stack([others.values * (1 - of_row)[:, None], added])
    base = others.base * (1 - of_row) + of_row * usual
    return Attribution((*others.columns, RECENT_DAYS), values, base)
