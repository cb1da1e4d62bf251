"""Sequence model: when the next purchase comes and what the coming time brings, by a network that
has read a customer's days.

It answers with the hazard of a purchase in each of 14 bins ahead, so that the probabilities of all
horizons are nested by construction: P(no purchase in h days) = product of (1 - hazard) over the
bins up to h, within a bin at a constant rate. Scoring needs numpy alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Integers, Matrix, Vector
from holdfast.learners.link_functions import logistic
from holdfast.learners.parts import Part, Saved
from holdfast.models.reference_spend import ReferenceSpend
from holdfast.models.sequence.histories import QUERY, TOKEN, DatedHistories, Histories
from holdfast.models.sequence.network import Network, Numbers32
from holdfast.windows import YEAR_DAYS

EDGES = (7, 14, 21, 30, 45, 60, 75, 90, 120, 150, 180, 230, 273, 365)
"""Where the bins end, days after the cutoff."""
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Scaling:
    """How columns are standardised: those that differed in training, by their mean and standard
    deviation there, and never beyond what was seen there.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    lowest: tuple[float, ...]
    highest: tuple[float, ...]

    @classmethod
    def learn(cls, values: Matrix, names: Sequence[str]) -> "Scaling":
        """Learn from rows, (n_rows, n_columns)."""
        deviation = values.std(axis=0)
        kept = [place for place, differs in enumerate(deviation > 0) if differs]
        columns = tuple(names[place] for place in kept)
        each = (values.mean(axis=0), deviation, values.min(axis=0), values.max(axis=0))
        return cls(columns, *(tuple(numbers[kept].tolist()) for numbers in each))

    def of(self, values: Matrix, names: Sequence[str]) -> Numbers32:
        """Standardise rows, (n_rows, len(columns))."""
        places = _places(self.columns, tuple(names))
        scaled = np.empty((len(values), len(places)), dtype=np.float32)
        lowest, highest, mean, deviation = self._arrays
        for start in range(0, len(values), _ROWS_AT_ONCE):
            some = values[start : start + _ROWS_AT_ONCE, places]
            np.minimum(np.maximum(some, lowest, out=some), highest, out=some)
            scaled[start : start + _ROWS_AT_ONCE] = (some - mean) / deviation
        return scaled

    @cached_property
    def _arrays(self) -> tuple[Vector, ...]:
        return tuple(map(np.array, (self.lowest, self.highest, self.mean, self.deviation)))


@dataclass(frozen=True)
class Money:
    """What revenue is a multiple of: the reference spend of so many days, currency."""

    spend: ReferenceSpend
    first_day: int

    def reference(self, histories: Histories, customer: Integers, cutoff: Integers) -> Vector:
        """Currency over the horizon at each cutoff, (n_queries,)."""
        spent = histories.spent(customer, cutoff - YEAR_DAYS, cutoff)
        tenure = cutoff - histories.first_day[customer]
        seen = np.clip(cutoff - self.first_day, 1, YEAR_DAYS).astype(np.float64)
        return self.spend.of(spent, tenure.astype(np.float64), seen)


@dataclass(frozen=True)
class SequenceModel(Saved):
    """A network and what it needs to read a frame.

    Attributes
    ----------
    tokens, queries
        How days and what is asked of them are standardised.
    first_day, trained_until
        First day of the log; first day that was not seen in training.
    eligible_days
        Trained on customers who had bought in the last so many days; None: at any time.
    longest_horizon_days
        The longest horizon whose windows had ended; beyond it the hazards are not learnt.
    money
        None where revenue was not learnt.
    steps, seed
        Of the training: with both and one thread, the bytes come out again.
    late_loss
        Log loss a query on the last tenth of time, of customers who were held out.
    """

    FILE = "sequence.json"
    network: Annotated[Network, Part()]
    tokens: Scaling
    queries: Scaling
    first_day: int
    trained_until: int
    eligible_days: int | None
    minor_digits: int
    longest_horizon_days: int
    money: Money | None
    steps: int
    seed: int
    late_loss: float

    def silent(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """P(no purchase in cutoff_day <= day < cutoff_day + horizon_days), (n_customers,).

        Parameters
        ----------
        frame
            customer_id, cutoff_day and `recent_days`, one row per customer.
        horizon_days
            At least 1; beyond the last bin, at its rate.
        """
        return self._of_some(frame, partial(self.silence_of, horizon_days=horizon_days))

    def silence_of(self, dated: DatedHistories, horizon_days: int) -> Vector:
        """The same of customers whose days are read already."""
        return np.asarray(np.exp(log_silence(self._answer("hazards", dated), horizon_days)))

    def hazards(self, frame: pl.DataFrame) -> Matrix:
        """P(a purchase in a bin | none before it), (n_customers, len(EDGES))."""
        return logistic(self._of_some(frame, partial(self._answer, "hazards")))

    def revenue(self, frame: pl.DataFrame) -> Vector | None:
        """Expected net revenue of the trained horizon in a usual season, currency, (n_customers,);
        None where it was not learnt.
        """
        if self.money is None:
            return None
        return self._of_some(frame, self.revenue_of)

    def revenue_of(self, dated: DatedHistories, output: int = 0) -> Vector:
        """The same of customers whose days are read already; `output` 1: the median."""
        assert self.money is not None
        histories, cutoff = dated.histories, dated.cutoff
        ratio = money_ratios(self._answer("money", dated))[:, output]
        return ratio * self.money.reference(histories, np.arange(len(histories)), cutoff)

    def median_revenue(self, frame: pl.DataFrame) -> Vector | None:
        """The median of the same."""
        if self.money is None:
            return None
        return self._of_some(frame, partial(self.revenue_of, output=1))

    def _of_some(self, frame: pl.DataFrame, predict: Callable[[DatedHistories], Matrix]) -> Matrix:
        """What is predicted of so many customers at once."""
        starts = range(0, max(frame.height, 1), _ROWS_AT_ONCE)
        some = (frame[start : start + _ROWS_AT_ONCE] for start in starts)
        digits = self.minor_digits
        return np.concatenate(
            [predict(DatedHistories.of_frame(rows, minor_digits=digits)) for rows in some]
        )

    def _answer(self, head: str, dated: DatedHistories) -> Matrix:
        """The outputs of a head, (n_customers, n_outputs)."""
        tokens, queries = self.inputs(dated.histories, dated.cutoff)
        answer = self.network.predict(head, tokens, dated.histories.start, queries)
        return answer.astype(np.float64)

    def inputs(self, histories: Histories, cutoff: Integers) -> tuple[Numbers32, Numbers32]:
        """What the network reads: (n_days, n_token), and (n_customers, n_query) at the cutoffs."""
        customers = np.arange(len(histories))
        queries = self.queries.of(histories.queries(customers, cutoff), QUERY)
        return self.tokens.of(histories.tokens, TOKEN), queries


@cache
def _places(columns: tuple[str, ...], names: tuple[str, ...]) -> Integers:
    return np.array([names.index(name) for name in columns], dtype=np.int64)


@cache
def bin_shares(horizon_days: int) -> Vector:
    """How much of each bin lies within the horizon, (len(EDGES),); more than all of the last one
    beyond it.

    >>> bin_shares(21)[:4], bin_shares(457)[-2:]
    (array([1., 1., 1., 0.]), array([1., 2.]))
    """
    starts, ends = np.array([0, *EDGES[:-1]]), np.array(EDGES)
    highest = np.where(ends == EDGES[-1], np.inf, 1.0)
    shares = np.clip((horizon_days - starts) / (ends - starts), 0.0, highest)
    shares.flags.writeable = False
    return np.asarray(shares)


def log_silence(log_odds: Matrix, horizon_days: int) -> Vector:
    """log P(no purchase in the horizon), (n,), of the hazards' log-odds, (n, len(EDGES))."""
    return np.asarray(-np.logaddexp(0, log_odds) @ bin_shares(horizon_days))


def money_ratios(raw: Matrix) -> Matrix:
    """Expected and median revenue over the reference spend, (n, 2), of the raw scores: the mean
    through a logarithm, the median through log(1 + exp), which may be next to 0.
    """
    return np.column_stack([np.exp(np.minimum(raw[:, 0], 10)), np.logaddexp(0, raw[:, 1])])
