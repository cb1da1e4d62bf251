"""Reference spend: what a customer's own past suggests for the horizon, to which learnt amounts are
ratios.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Booleans, Matrix, Vector
from holdfast.learners.attribution import Factor

PAST = ("spend_365d", "tenure_days")
"""The features that are read."""
NEWCOMER_DAYS = 90  # decision 24


@dataclass(frozen=True)
class ReferenceSpend:
    """What a customer's last year suggests for the horizon: spend_365d, per day it could be earned
    in, plus a floor.

    Where the log opens in the middle of the business these are the days of the log, for everyone;
    where the shop opens with its log, the customer's own tenure and 90 days, so that a customer is
    measured alike in a young shop and later.

    Attributes
    ----------
    horizon_days, floor
        Of the reference, days; the least it can be, currency.
    by_tenure
        Whether it is the customer's own tenure that counts.
    highest
        The most it can be, currency: the highest that was learnt from, so that nobody beyond it is
        a multiple of what nobody has shown yet. None: no limit.
    """

    horizon_days: int
    floor: float
    by_tenure: bool = False
    highest: float | None = None

    def of(self, spent: Vector, tenure: Vector, seen_days: Vector | float) -> Vector:
        """Currency over the horizon, (n_customers,), of spend_365d, tenure_days and the last year's
        days in the log.
        """
        days = np.minimum(tenure, seen_days) + NEWCOMER_DAYS if self.by_tenure else seen_days
        reference = np.maximum(spent, 0) * self.horizon_days / days + self.floor
        return np.asarray(np.minimum(reference, self.highest or np.inf), dtype=np.float64)


@dataclass(frozen=True)
class Scale:
    """The reference spend at the model's own cutoff.

    Attributes
    ----------
    yardstick, seen_days
        Itself, and the days of the last year that the log covers.
    usual, usual_tenure
        Its mean over the training rows, currency, and that of tenure_days: against whom customers
        are explained.
    """

    yardstick: ReferenceSpend
    seen_days: float
    usual: float
    usual_tenure: float

    def of(self, frame: pl.DataFrame) -> Vector:
        """Currency over the horizon, (n_customers,)."""
        return self.of_past(*read_past(frame))

    def of_past(self, spent: Vector, tenure: Vector) -> Vector:
        """The same, of spend_365d and tenure_days, (n_customers,) each."""
        return self.yardstick.of(spent, tenure, self.seen_days)

    def shares(self, spent: Vector, tenure: Vector) -> tuple[Vector, Vector]:
        """What spending and tenure add to the usual scale: the Shapley values of the two,
        (n_customers,) each.
        """
        usual_tenure = np.full(len(tenure), self.usual_tenure)
        a_unit = self.of_past(np.ones(1), usual_tenure[:1]) - self.yardstick.floor
        usual_spent = np.full(len(spent), float((self.usual - self.yardstick.floor) / a_unit[0]))
        value = self.of_past(spent, tenure)
        with_spent = self.of_past(spent, usual_tenure) - self.usual
        of_spent = (with_spent + value - self.of_past(usual_spent, tenure)) / 2
        return of_spent, value - self.usual - of_spent

    def factor(self, frame: pl.DataFrame, columns: Sequence[str]) -> Factor:
        """The scale as a factor of a prediction, shared between its columns among `columns`."""
        past = read_past(frame)
        shares = np.zeros((frame.height, len(columns)))
        for name, share in zip(PAST, self.shares(*past), strict=True):
            shares[:, columns.index(name)] = share
        return Factor(self.of_past(*past), np.full(frame.height, self.usual), shares)


@dataclass(frozen=True)
class SpendInputs:
    """What is predicted of the same customers before their revenue is shared between horizons: each
    (n_customers,).

    Attributes
    ----------
    buys
        P(at least one purchase), 0..1.
    mean, scale
        Expected revenue and reference spend, currency, as in a usual season.
    frame
        The customers' features.
    """

    buys: Vector
    mean: Vector
    scale: Vector
    frame: pl.DataFrame

    def rows(self, chosen: Booleans) -> "SpendInputs":
        """The same of some customers."""
        return SpendInputs(
            self.buys[chosen], self.mean[chosen], self.scale[chosen], self.frame.filter(chosen)
        )

    @property
    def matrix(self) -> Matrix:
        """What shares are learnt from, (n_customers, 10)."""
        money = [self._feature(f"spend_{days}d") / self.scale for days in (90, 180, 365)]
        plain = ("days_since_last_purchase", "n_purchases_365d", "n_purchases", "tenure_days")
        past = [self._feature(name) for name in plain]
        return np.column_stack(
            [self.buys, self.mean / self.scale, np.log(self.scale), *money, *past]
        )

    def _feature(self, name: str) -> Vector:
        return self.frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def read_past(frame: pl.DataFrame) -> tuple[Vector, Vector]:
    """PAST of customers, (n_customers,) each; what is not known counts as none."""
    spent, tenure = (frame[name].cast(pl.Float64).fill_null(0).to_numpy() for name in PAST)
    return spent, tenure
