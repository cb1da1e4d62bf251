"""Acceptance: how many of those contacted take an offer, where an offer costs only if it is taken.

A cell's rate is drawn to the rate of its segment and its offer: the prior of the cell is a beta law
with that mean, as sure as so many customers; how many, the cells themselves say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import betaln

from holdfast.arrays import Matrix, Vector
from holdfast.errors import DataError

SURENESS = np.array([5.0, 20.0, 80.0, 320.0, 1280.0])
"""Customers that a cell's prior may count for, equally likely before the data."""
_EDGE = 1e-4


@dataclass(frozen=True)
class Acceptance:
    """Beta laws of each cell's rate.

    Attributes
    ----------
    cells
        segment, offer, contacted, accepted, rate (mean), low, high (5 and 95 %).
    weights
        Of each sureness, (5,).
    taken, refused
        Parameters of the beta laws, (5, n_cells).
    """

    cells: pl.DataFrame
    weights: Vector
    taken: Matrix
    refused: Matrix

    def draw(self, n: int, *, seed: int) -> Matrix:
        """Rates that may be, (n, n_cells)."""
        rng = np.random.default_rng(seed)
        which = rng.choice(len(self.weights), n, p=self.weights)
        return np.asarray(rng.beta(self.taken[which], self.refused[which]))


def learn_acceptance(
    counts: pl.DataFrame, *, segments: Sequence[str], offers: Sequence[str], assumed: float
) -> Acceptance:
    """Learn every cell's rate.

    Parameters
    ----------
    counts
        segment, offer, contacted, accepted; a cell may be missing or come more than once.
    assumed
        Rate without any data, above 0 and below 1; it counts for one customer.
    """
    if not 0 < assumed < 1:
        raise DataError(
            f"the assumed rate of acceptance is {assumed:g}", fix="give a share between 0 and 1"
        )
    grid = pl.DataFrame({"segment": segments}).join(pl.DataFrame({"offer": offers}), how="cross")
    summed = counts.group_by("segment", "offer").agg(pl.col("contacted", "accepted").sum())
    cells = grid.join(summed, on=["segment", "offer"], how="left", maintain_order="left")
    cells = cells.with_columns(pl.col("contacted", "accepted").fill_null(0))
    shape = (len(segments), len(offers))
    n, k = (cells[name].to_numpy().astype(float) for name in ("contacted", "accepted"))
    if (k > n).any():
        raise DataError("more accepted than were contacted", fix="count each customer once")
    prior = _expect_rates(n.reshape(shape), k.reshape(shape), assumed).ravel()
    taken, refused = SURENESS[:, None] * prior, SURENESS[:, None] * (1 - prior)
    likelihood = (betaln(taken + k, refused + n - k) - betaln(taken, refused)).sum(axis=1)
    weights = np.exp(likelihood - likelihood.max())
    law = Acceptance(cells, weights / weights.sum(), taken + k, refused + n - k)
    low, high = np.quantile(law.draw(4_000, seed=0), [0.05, 0.95], axis=0)
    rate = law.weights @ (law.taken / (law.taken + law.refused))
    shown = cells.with_columns(rate=pl.Series(rate), low=pl.Series(low), high=pl.Series(high))
    return Acceptance(shown, law.weights, law.taken, law.refused)


def _expect_rates(n: Matrix, k: Matrix, assumed: float) -> Matrix:
    """What segment and offer lead one to expect: their rates, over the rate of all."""
    rate = (k.sum() + assumed) / (n.sum() + 1)
    of_segment = (k.sum(axis=1) + rate * SURENESS[0]) / (n.sum(axis=1) + SURENESS[0])
    of_offer = (k.sum(axis=0) + rate * SURENESS[0]) / (n.sum(axis=0) + SURENESS[0])
    return np.asarray(np.clip(np.outer(of_segment, of_offer) / rate, _EDGE, 1 - _EDGE))
