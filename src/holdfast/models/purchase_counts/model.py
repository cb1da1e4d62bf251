"""The fitted count model: one predictive distribution of purchases over any horizon."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import polars as pl

from holdfast.arrays import Matrix, Rows, Vector
from holdfast.learners.tree_ensemble import TreeEnsemble
from holdfast.models.purchase_counts.boosted_correction import BoostedCorrection
from holdfast.models.purchase_counts.btyd_pair import BTYD_MODELS, BTYDPair
from holdfast.models.purchase_counts.histories import READ
from holdfast.models.purchase_counts.mixture_weights import MixtureWeights, Score

CORRECTED = "tilted by past windows"
_CHUNK_ROWS = 5_000
_CERTAIN = 1e-12


@dataclass(frozen=True)
class CountModel:
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
    """

    FILE = "counts.json"
    pair: BTYDPair
    mixture: MixtureWeights
    horizon_days: int
    speed: float = 1.0
    correction: BoostedCorrection | None = None

    def members(self, frame: pl.DataFrame, *, max_purchases: int) -> tuple[Matrix, ...]:
        """What each member predicts over `horizon_days`, `(n_customers, max_purchases + 1)`
        each.
        """
        both = self.pair.pmf(
            frame, self.horizon_days, speed=self.speed, max_purchases=max_purchases
        )
        if self.correction is None:
            return both
        # The correction was learnt at the pair's own speed: it knows the level.
        plain = self.pair.pmf(frame, self.horizon_days, speed=1.0, max_purchases=max_purchases)
        return (*both, self.correction.apply(frame, (plain[0] + plain[1]) / 2))

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
            power = self._silence_power(rows, self.correction) if self.correction else None
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

    def _silence_power(self, rows: pl.DataFrame, correction: BoostedCorrection) -> Vector:
        """By how much the correction multiplies the logarithm of P(no purchase)."""
        both = self.pair.pmf(
            rows, self.horizon_days, speed=1.0, max_purchases=correction.n_thresholds
        )
        plain = (both[0] + both[1]) / 2
        return _power_of(plain, correction.apply(rows, plain))

    def p_alive(self, frame: pl.DataFrame, days_ahead: int = 0) -> Vector:
        """P(still alive so many days after the cutoff), (n_customers,); not one minus the chance to
        churn.
        """

        def answer(rows: pl.DataFrame) -> Matrix:
            alive = self.pair.alive(rows, days_ahead, speed=self.speed)
            weights = self.mixture.of(_n_purchases(rows))[:, : len(BTYD_MODELS)]
            return np.asarray((np.column_stack(alive) * weights).sum(axis=1) / weights.sum(axis=1))[
                :, None
            ]

        return once_per_history(frame, answer)[:, 0]

    def _ahead(self, rows: pl.DataFrame, horizons_days: Sequence[int]) -> Matrix:
        """Expected purchases and P(no purchase) by horizon, `(n_customers, 2 x n_horizons)`."""
        weights = self.mixture.of(_n_purchases(rows))
        more, power = self._correction_factors(rows) if self.correction else (None, None)
        columns = []
        for horizon in horizons_days:
            expected = self.pair.expected_purchases(rows, horizon, speed=self.speed)
            if more is not None:
                plain = self.pair.expected_purchases(rows, horizon, speed=1.0)
                expected = (*expected, more * (plain[0] + plain[1]) / 2)
            mean = (weights * np.column_stack(expected)).sum(axis=1)
            columns += [np.maximum(mean, 0.0), self._silent(rows, horizon, power)]
        return np.column_stack(columns)

    def _correction_factors(self, rows: pl.DataFrame) -> tuple[Vector, Vector]:
        """By how much the correction multiplies expected purchases and the logarithm of P(no
        purchase), over `horizon_days`.

        >>> round(0.8 ** 1.5, 3)  # a silence of 80 %, made half as loud again
        0.716
        """
        assert self.correction is not None
        both = self.pair.pmf(
            rows, self.horizon_days, speed=1.0, max_purchases=self.room(rows, self.horizon_days)
        )
        plain = (both[0] + both[1]) / 2
        corrected, counts = self.correction.apply(rows, plain), np.arange(plain.shape[1])
        more = (corrected @ counts) / np.maximum(plain @ counts, _CERTAIN)
        return more, _power_of(plain, corrected)

    @cached_property
    def algorithm(self) -> str:
        """The members."""
        return " + ".join(self.mixture.members)

    def parts(self) -> dict[str, bytes]:
        """The model as files: JSON, and LightGBM text where there is a correction."""
        content = {
            "laws": self.pair.to_dict(),
            "router": {
                "members": self.mixture.members,
                "weights": self.mixture.weights,
                "scores": [asdict(score) for score in self.mixture.scores],
            },
            "horizon_days": self.horizon_days,
            "speed": self.speed,
            "n_thresholds": self.correction.n_thresholds if self.correction else None,
        }
        trees = self.correction.trees.parts() if self.correction else {}
        return {"counts.json": json.dumps(content).encode(), **trees}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "CountModel":
        """Rebuild from `parts`, whose hashes have been checked."""
        content = json.loads(parts["counts.json"])
        weights = {group: tuple(shares) for group, shares in content["router"]["weights"].items()}
        scores = tuple(Score(**score) for score in content["router"]["scores"])
        corrected = content["n_thresholds"] is not None
        return cls(
            pair=BTYDPair.from_dict(content["laws"]),
            mixture=MixtureWeights(tuple(content["router"]["members"]), weights, scores),
            horizon_days=content["horizon_days"],
            speed=content["speed"],
            correction=BoostedCorrection(TreeEnsemble.from_parts(parts), content["n_thresholds"])
            if corrected
            else None,
        )


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
