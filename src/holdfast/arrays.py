"""Arrays, named: what flows between the learners, the models and their measures."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
"""Shape (n_rows,)."""
Matrix = npt.NDArray[np.float64]
"""Shape (n_rows, n_columns)."""
Rows = npt.NDArray[np.int64]
"""Positions of rows, shape (n_rows,)."""
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
"""Any shape."""
Numbers = npt.ArrayLike
"""What a caller passes: one number for all, or one each."""


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to predict, as positions."""

    train: Rows
    test: Rows


def share_of(part: float, whole: float) -> float:
    """`part / whole` of two sums; 1, which changes nothing, where one of them is 0 or less.

    >>> share_of(3.0, 2.0), share_of(3.0, 0.0), share_of(-1.0, 2.0)
    (1.5, 1.0, 1.0)
    """
    return part / whole if min(part, whole) > 0 else 1.0
