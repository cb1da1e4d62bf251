"""Rungs: one horizon hung on its neighbour, by what is conditional on it, so that the two cannot
contradict.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from holdfast.arrays import Matrix, Vector
from holdfast.learners.algorithms import Learner, learner_from_parts
from holdfast.models.level_adjustment import powered, reached, towards

_CERTAIN = 1e-12


@dataclass(frozen=True)
class Rung:
    """One horizon, hung on the next one towards the task's own.

    Attributes
    ----------
    short, long
        The two horizons, days; one of them is this rung's own, the other is known already.
    learner
        The conditional chance, or the share over what is usual; None where it is extrapolated.
    usual
        The share of the company's revenue that the short window will hold of the long one's; of an
        extrapolated one and of silence, what promotions and the level make of it: 1 without any.
    exponent
        For the extrapolation.
    """

    short: int
    long: int
    learner: Learner | None = None
    usual: float = 1.0
    exponent: float = 1.0

    @property
    def stretch(self) -> float:
        """(short / long)^exponent."""
        return float((self.short / self.long) ** self.exponent)

    def chance(self, matrix: Matrix) -> Vector | None:
        """What was learnt of each customer, (n_customers,); None where nothing was."""
        return self.learner.predict(matrix) if self.learner is not None else None

    def silent(self, known: Vector, chance: Vector | None, *, shorter: bool) -> Vector:
        """P(no purchase) over its own horizon, given that over the neighbour's, (n_customers,)."""
        if chance is None:
            return np.asarray(known ** (self.stretch if shorter else 1 / self.stretch))
        if shorter:
            return np.asarray(1 - (1 - known) * np.minimum(chance * self.usual, 1))
        return np.asarray(known * chance**self.usual)

    def at_level(
        self, known: Vector, chance: Vector | None, told: Mapping[int, float], *, shorter: bool
    ) -> "Rung":
        """The rung most of the way to what the laws tell of the two horizons, given one another.

        Parameters
        ----------
        told
            Horizon -> the share of the customers that stays silent.
        """
        if shorter:
            share = 1 - float((1 - known).mean()) * (1 - told[self.short]) / max(
                1 - told[self.long], _CERTAIN
            )
        else:
            share = float(known.mean()) * told[self.long] / max(told[self.short], _CERTAIN)
        if chance is None:
            power = powered(known, share)
            power = towards(self.stretch if shorter else 1 / self.stretch, power)
            within = min(power, 1.0) if shorter else max(power, 1.0)
            return replace(
                self, exponent=abs(float(np.log(within) / np.log(self.short / self.long)))
            )
        usual = reached(
            lambda factor: float(
                replace(self, usual=factor).silent(known, chance, shorter=shorter).mean()
            ),
            share,
        )
        return replace(self, usual=towards(self.usual, usual))

    def parts(self) -> dict[str, bytes]:
        """The rung as files."""
        own = {name: getattr(self, name) for name in ("short", "long", "usual", "exponent")}
        return {
            "rung.json": json.dumps(own).encode(),
            **(self.learner.parts() if self.learner else {}),
        }

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "Rung":
        """Rebuild from `parts`, whose hashes have been checked."""
        files = {name: data for name, data in parts.items() if name != "rung.json"}
        return cls(
            **json.loads(parts["rung.json"]), learner=learner_from_parts(files) if files else None
        )
