"""Beta calibration: three numbers make probabilities honest and keep their order.

Kull, Silva Filho, Flach (2017), "Beta calibration: a well-founded and easily implemented improvement on logistic
calibration for binary classifiers", AISTATS, equation 5:

    logit(calibrated p) = a log p - b log(1 - p) + c,  a, b >= 0
"""

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from holdfast.models.links import Vector

_EDGE = 1e-9
_LEAST_SLOPE = 0.05


@dataclass(frozen=True)
class BetaCalibration:
    """A fitted calibration map; a = b = 1 and c = 0 change nothing."""

    a: float = 1.0
    b: float = 1.0
    c: float = 0.0

    @classmethod
    def fit(cls, probability: Vector, happened: npt.NDArray[np.bool_]) -> "BetaCalibration":
        """Maximise the likelihood of what happened, (n,), given raw probabilities, (n,).

        The slopes stay positive, so the order of customers (and with it the AUC) cannot change. One half of an
        observation is added at the identity's side, so that a fold in which everyone or nobody left stays finite.
        """
        from scipy.optimize import minimize
        from scipy.special import expit

        terms = _terms(probability)
        truth = happened.astype(np.float64)

        def loss(weights: Vector) -> tuple[float, Vector]:
            odds = terms @ weights
            away = weights - np.array([1.0, 1.0, 0.0])
            gradient = terms.T @ (expit(odds) - truth) + away
            return float(np.logaddexp(0, odds).sum() - truth @ odds + away @ away / 2), gradient

        bounds = [(_LEAST_SLOPE, None), (_LEAST_SLOPE, None), (None, None)]
        best = minimize(loss, np.array([1.0, 1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
        return cls(*(float(weight) for weight in best.x))

    def apply(self, probability: Vector) -> Vector:
        """Calibrated probabilities, (n,).

        >>> BetaCalibration().apply(np.array([0.25])).round(6)
        array([0.25])
        """
        from scipy.special import expit

        return np.asarray(expit(_terms(probability) @ np.array([self.a, self.b, self.c])), dtype=np.float64)

    def to_json(self) -> bytes:
        """The three numbers."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "BetaCalibration":
        """Rebuild from `to_json`."""
        return cls(**json.loads(data))


def _terms(probability: Vector) -> npt.NDArray[np.float64]:
    p = np.clip(probability, _EDGE, 1 - _EDGE)
    return np.column_stack([np.log(p), -np.log1p(-p), np.ones_like(p)])
