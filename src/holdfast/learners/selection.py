"""Selection: candidates predict rows they did not learn from, and the best by a proper score
becomes the champion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.arrays import Matrix, Rows, Split, Vector
from holdfast.learners.algorithms import Predictor
from holdfast.study.settings import Task

_LEAST = 1e-9


@dataclass(frozen=True)
class HeldOut:
    """Predictions of rows by learners that had not seen them; rows in the order of the splits."""

    rows: Rows
    predicted: Vector


def candidates_of(task: Task) -> tuple[str, ...]:
    """The named algorithm, or those that "auto" chooses from."""
    if task.is_open:
        return ("lightgbm",)
    return tuple(dict.fromkeys(task.candidates)) if task.algorithm == "auto" else (task.algorithm,)


def predict_held_out(
    splits: Sequence[Split], matrix: Matrix, learn: Callable[[Rows], Predictor]
) -> HeldOut:
    """Predict the test rows of each split from its training rows."""
    predicted = [learn(split.train).predict(matrix[split.test]) for split in splits]
    return HeldOut(np.concatenate([split.test for split in splits]), np.concatenate(predicted))


def tweedie_deviance(truth: Vector, mean: Vector) -> float:
    """Mean deviance of power 1.5, proper for a mean and less ruled by the largest customers than
    squared error.

    2 (y^(2-p) / ((1-p)(2-p)) - y m^(1-p) / (1-p) + m^(2-p) / (2-p)) with p = 1.5: Jorgensen 1997,
    "The Theory of Dispersion Models". Negative truth counts as 0, as it does in training.
    """
    y = np.maximum(truth, 0)
    m = np.maximum(mean, 1e-3 * y.mean() + _LEAST)
    return float(np.mean(2 * (-4 * np.sqrt(y) + 2 * y / np.sqrt(m) + 2 * np.sqrt(m))))
