"""The fitted count model: one predictive distribution of purchases over any horizon."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Rows, Vector
from holdfast.learners.parts import Key, Part, Saved
from holdfast.learners.tree_ensemble import TreeEnsemble
from holdfast.models.purchase_counts.boosted_correction import BoostedCorrection
from holdfast.models.purchase_counts.btyd_pair import BTYD_MODELS, BTYDPair
from holdfast.models.purchase_counts.histories import READ
from holdfast.models.purchase_counts.mixture_weights import MixtureWeights

CORRECTED = "tilted by past windows"
_CHUNK_ROWS = 5_000
_CERTAIN = 1e-12


@dataclass(frozen=True)
class CountModel(Saved):
    """A fitted model of counts.

    The members of the mixture are the BTYD pair and, where past windows could teach one, its
    corrected mean. Frames have the columns READ, as features and histories do; horizons other than
    `horizon_days` carry the correction over in proportion, so that purchases never fall and silence
    never grows as the horizon does.

    Attributes
    ----------
    speed
        Business days ahead that count as one: the level, by windows that have ended.
    horizon_days
        What the weights and the correction were learnt for.
    n_thresholds, trees
        Of the correction.
    """

    FILE = "counts.json"
    pair: Annotated[BTYDPair, Key("laws")]
    mixture: Annotated[MixtureWeights, Key("router")]
    horizon_days: int
    speed: float = 1.0
    n_thresholds: int | None = None
    trees: Annotated[TreeEnsemble | None, Part()] = None

    @property
    def correction(self) -> BoostedCorrection | None:
        """The correction of the pair, where there is one."""
        if self.trees is None or self.n_thresholds is None:
            return None
        return BoostedCorrection(self.trees, self.n_thresholds)

    def members(self, frame: pl.DataFrame, *, max_purchases: int) -> tuple[Matrix, ...]:
        """What each member predicts over `horizon_days`, `(n_customers, max_purchases + 1)`
        each.
        """
        both = self.pair.pmf(
            frame, self.horizon_days, speed=self.speed, max_purchases=max_purchases
        )
        if self.correction is None:
            return both
        return (*both, self._correct(self.correction, frame, max_purchases)[1])

    def _correct(
        self, correction: BoostedCorrection, frame: pl.DataFrame, max_purchases: int
    ) -> tuple[Matrix, Matrix]:
        """The pair's mean distribution over `horizon_days`, plain and corrected."""
        # The correction was learnt at the pair's own speed: it knows the level.
        both = self.pair.pmf(frame, self.horizon_days, speed=1.0, max_purchases=max_purchases)
        plain = (both[0] + both[1]) / 2
        return plain, correction.apply(frame, plain)

    def pace(self, days: Rows) -> Vector:
        """How busy each day is beside a usual one, (n_days,)."""
        return self.pair.clock.pace(days)

    def room(self, frame: pl.DataFrame, horizon_days: int) -> int:
        """As many purchases as nobody in these rows is likely to exceed over the horizon."""
        most = max(
            float(mean.max())
            for mean in self.pair.expected_purchases(frame, horizon_days, speed=self.speed)
        )
        return int(np.clip(4 * most + 20, 30, 400))

    def pmf(self, frame: pl.DataFrame, *, max_purchases: int) -> Matrix:
        """P(0), ..., P(max_purchases) purchases in `horizon_days`, `(n_customers, max_purchases +
        1)`.
        """
        weights = self.mixture.of(_n_purchases(frame))
        pmfs = self.members(frame, max_purchases=max_purchases)
        return np.asarray(sum(weights[:, [place]] * pmf for place, pmf in enumerate(pmfs)))

    def ahead(
        self, frame: pl.DataFrame, horizons_days: Sequence[int]
    ) -> tuple[tuple[Vector, Vector], ...]:
        """Expected purchases and P(no purchase) over each horizon, (n_customers,) each."""
        columns = once_per_history(frame, lambda rows: self._ahead(rows, horizons_days)).T
        return tuple(zip(columns[::2], columns[1::2], strict=True))

    def expected_purchases(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """Expected purchases over the horizon, (n_customers,)."""
        return self.ahead(frame, [horizon_days])[0][0]

    def quick_purchases(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """Expected purchases over the horizon by the Pareto/NBD alone, which has them in closed
        form, (n_customers,).
        """
        return self.pair.expected_by_pareto(frame, horizon_days, speed=self.speed)

    def silent(self, frame: pl.DataFrame, horizon_days: int) -> Vector:
        """P(no purchase) over the horizon, (n_customers,): that of `ahead`, in closed form."""

        def answer(rows: pl.DataFrame) -> Matrix:
            power, correction = None, self.correction
            if correction:
                power = _power_of(*self._correct(correction, rows, correction.n_thresholds))
            return self._silent(rows, horizon_days, power)[:, None]

        return (once_per_history(frame, answer) if frame.height > 1 else answer(frame))[:, 0]

    def _silent(self, rows: pl.DataFrame, horizon_days: int, power: Vector | None) -> Vector:
        """P(no purchase) of the mixture; `power` is what the correction makes of its member's."""
        members = self.pair.silent(rows, horizon_days, speed=self.speed)
        if power is not None:
            quiet = self.pair.silent(rows, horizon_days, speed=1.0)
            members = (*members, ((quiet[0] + quiet[1]) / 2) ** power)
        weights = self.mixture.of(_n_purchases(rows))
        none = (weights * np.column_stack(members)).sum(axis=1)
        return np.asarray(np.clip(none, 0.0, 1.0))

    def p_alive(self, frame: pl.DataFrame) -> Vector:
        """P(still alive at the cutoff), (n_customers,); not one minus the chance to churn."""

        def answer(rows: pl.DataFrame) -> Matrix:
            alive = self.pair.alive(rows)
            weights = self.mixture.of(_n_purchases(rows))[:, : len(BTYD_MODELS)]
            return np.asarray((np.column_stack(alive) * weights).sum(axis=1) / weights.sum(axis=1))[
                :, None
            ]

        return once_per_history(frame, answer)[:, 0]

    def _ahead(self, rows: pl.DataFrame, horizons_days: Sequence[int]) -> Matrix:
        """Expected purchases and P(no purchase) by horizon, `(n_customers, 2 x n_horizons)`."""
        weights = self.mixture.of(_n_purchases(rows))
        correction = self.correction
        more, power = self._correction_factors(rows, correction) if correction else (None, None)
        columns = []
        for horizon in horizons_days:
            expected = self.pair.expected_purchases(rows, horizon, speed=self.speed)
            if more is not None:
                plain = self.pair.expected_purchases(rows, horizon, speed=1.0)
                expected = (*expected, more * (plain[0] + plain[1]) / 2)
            mean = (weights * np.column_stack(expected)).sum(axis=1)
            columns += [np.maximum(mean, 0.0), self._silent(rows, horizon, power)]
        return np.column_stack(columns)

    def _correction_factors(
        self, rows: pl.DataFrame, correction: BoostedCorrection
    ) -> tuple[Vector, Vector]:
        """By how much the correction multiplies expected purchases and the logarithm of P(no
        purchase), over `horizon_days`.

        >>> round(0.8 ** 1.5, 3)  # a silence of 80 %, made half as loud again
        0.716
        """
        plain, corrected = self._correct(correction, rows, self.room(rows, self.horizon_days))
        counts = np.arange(plain.shape[1])
        more = (corrected @ counts) / np.maximum(plain @ counts, _CERTAIN)
        return more, _power_of(plain, corrected)

    @cached_property
    def algorithm(self) -> str:
        """The members."""
        return " + ".join(self.mixture.members)


def _power_of(plain: Matrix, corrected: Matrix) -> Vector:
    """What a correction multiplies the logarithm of P(no purchase) by, given both distributions."""
    before, after = (np.clip(pmf[:, 0], _CERTAIN, 1 - _CERTAIN) for pmf in (plain, corrected))
    return np.asarray(np.log(after) / np.log(before))


def _n_purchases(frame: pl.DataFrame) -> Vector:
    return np.asarray(frame["n_purchases"].cast(pl.Float64).to_numpy())


def once_per_history(frame: pl.DataFrame, answer: Callable[[pl.DataFrame], Matrix]) -> Matrix:
    """Answer once for each distinct history, a few thousand at a time, alike ones together."""
    histories = frame.select(pl.col(READ).cast(pl.Int64))
    distinct = histories.unique().sort(
        "n_purchases", "tenure_days", "days_since_last_purchase", "cutoff_day"
    )
    parts = [
        answer(distinct[start : start + _CHUNK_ROWS])
        for start in range(0, distinct.height, _CHUNK_ROWS)
    ]
    if not parts:
        return answer(distinct)
    places = histories.join(
        distinct.with_row_index("place"), on=READ, how="left", maintain_order="left"
    )["place"]
    return np.asarray(np.concatenate(parts)[places.to_numpy()])
