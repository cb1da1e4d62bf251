"""Selection: candidates predict rows they did not learn from, and the best by a proper score
becomes the champion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.arrays import Matrix, Rows, Split, Vector
from holdfast.learners.algorithms import Predictor
from holdfast.study.tasks import Task


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
