"""Selection: unseen rows are predicted and judged by a proper score."""

from dataclasses import dataclass

import numpy as np

from holdfast.arrays import Matrix, Rows, Split, Vector
from holdfast.learners.selection import candidates_of, predict_held_out
from holdfast.study import Churn


@dataclass(frozen=True)
class Mean:
    """Predicts the mean of the rows that it was given."""

    value: float

    def predict(self, matrix: Matrix, /) -> Vector:
        return np.full(len(matrix), self.value)


def test_each_row_is_predicted_from_the_training_rows_of_its_split() -> None:
    matrix = np.arange(6.0)[:, None]

    def learn(rows: Rows) -> Mean:
        return Mean(float(matrix[rows].mean()))

    splits = [Split(np.array([0, 1]), np.array([4])), Split(np.array([2, 3]), np.array([0, 5]))]
    unseen = predict_held_out(splits, matrix, learn)
    assert unseen.rows.tolist() == [4, 0, 5]
    assert unseen.predicted.tolist() == [0.5, 2.5, 2.5]


def test_candidates_are_the_named_algorithm_or_each_of_autos_once() -> None:
    assert candidates_of(Churn(algorithm="ridge")) == ("ridge",)
    assert candidates_of(Churn(candidates=["lightgbm", "blend", "lightgbm"])) == (
        "lightgbm",
        "blend",
    )
