"""Tables of customers for the audits' own tests: an outcome, a clue and noise."""

from typing import Any

import numpy as np
import polars as pl

from holdfast.audits.table import Table

ROWS = 400


def halves_left(rows: int = ROWS) -> np.ndarray:
    """Every other customer left."""
    return np.arange(rows) % 2 == 0


def customers_of(columns: dict[str, Any], *, left: np.ndarray | None = None, **more: Any) -> Table:
    """A table of these columns; every other customer left unless said otherwise."""
    left = halves_left() if left is None else left
    names = [f"customer-{letter(k)}" for k in range(len(left))]
    return Table(
        **{
            "columns": pl.DataFrame(columns),
            "churned": pl.Series(left),
            "customer": pl.Series(names),
            **more,
        }
    )


def letter(number: int) -> str:
    """A name without digits, so that no running number is in it."""
    return "".join(chr(97 + int(digit)) for digit in str(number))


def noise(seed: int = 0, rows: int = ROWS) -> np.ndarray:
    """Numbers that tell nothing."""
    return np.random.default_rng(seed).normal(size=rows)
