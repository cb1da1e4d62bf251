"""History: what past campaigns say that each offer adds in each segment, and how sure that is.

Cells of a segment and an offer are alike in part: a cell's uplift is `theta_sj = M + a_s + b_j +
e_sj`, normal with standard deviations of their own. What an experiment measured in one cell thereby
tells of the others, and a cell that looks best among many is drawn back to what the others allow:
plans made of the best-looking cells of raw readouts promise too much.

Assumed rates enter as the expectation of M, with a standard deviation of at least their own size:
no assumption is so sure that a few experiments could not overturn it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
import polars as pl
from scipy.special import ndtri

from holdfast.arrays import Booleans, Floats, Integers, Matrix, Vector
from holdfast.errors import DataError, InputError

SPREADS = np.asarray(ndtri(0.5 + np.array([0.1, 0.3, 0.5, 0.7, 0.9]) / 2))
"""Quantiles of a half-normal standard deviation, equally likely; in units of its scale."""
_ROUNDING = 1e-11
_POOLED_FROM = 0.1
"""Share of a cell's prior variance that data must take away for it to be more than assumed."""


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What would be assumed of every cell without any experiment.

    Attributes
    ----------
    uplift
        Added per customer contacted, before the cost, currency; as a rate times the value.
    spread
        How sure that is, as a standard deviation; raised to the size of the uplift.
    """

    uplift: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not max(abs(self.uplift), self.spread) > 0:
            raise InputError(
                "an uplift of 0 is assumed, with certainty", fix="give how far it may be off"
            )

    @property
    def deviation(self) -> float:
        """Standard deviation, at least the assumption's size."""
        return max(self.spread, abs(self.uplift))


class Beliefs(Protocol):
    """What is believed of cells: their table, and uplifts that may be."""

    @property
    def cells(self) -> pl.DataFrame:
        """As of `History`."""

    def draw(self, n: int, *, seed: int) -> Matrix:
        """(n, n_cells)."""


@dataclass(frozen=True)
class SeparateHistories:
    """Histories that tell nothing of each other, side by side."""

    parts: tuple["History", ...]

    @property
    def cells(self) -> pl.DataFrame:
        """Of all parts, one after the other."""
        return pl.concat([part.cells for part in self.parts], how="vertical_relaxed")

    def draw(self, n: int, *, seed: int) -> Matrix:
        """Uplifts that may be, (n, n_cells), the cells in the order of the table."""
        drawn = [part.draw(n, seed=seed + 10 * k) for k, part in enumerate(self.parts)]
        return np.hstack(drawn)


@dataclass(frozen=True)
class History:
    """What is believed of each cell.

    Attributes
    ----------
    cells
        One row per segment and offer: segment, offer, mean, deviation, low, high (5 and 95 %),
        measured_effect and measured_error (of its own experiments, null without), experiments,
        assumed, moved (how far data moved the assumption, in its standard deviations), learnt
        (share of the prior variance that data took away), basis: "measured" (own experiments count
        for at least half), "pooled" (mostly others), "observed" (a past campaign without a
        hold-out, nothing else) or "assumed".
    weights, means, roots
        A mixture of normal laws over all cells: weights (k,), means (k, n_cells), and square roots
        of the covariances (k, n_cells, n_cells).
    """

    cells: pl.DataFrame
    weights: Vector
    means: Matrix
    roots: Floats

    def draw(self, n: int, *, seed: int) -> Matrix:
        """Uplifts that may be, (n, n_cells), the cells in the order of the table."""
        rng = np.random.default_rng(seed)
        which = rng.choice(len(self.weights), n, p=self.weights)
        normal = rng.standard_normal((n, self.means.shape[1]))
        drawn = np.empty_like(normal)
        for k in np.unique(which):
            rows = which == k
            drawn[rows] = self.means[k] + normal[rows] @ self.roots[k].T
        return drawn


def learn_history(
    readouts: pl.DataFrame,
    *,
    segments: Sequence[str],
    offers: Sequence[str],
    assumed: Assumed,
) -> History:
    """Combine experiments of the past with an assumption.

    Parameters
    ----------
    readouts
        One row per experiment, segment and offer: segment, offer, effect (margin per customer
        contacted, before the cost), standard_error, uplift_source ("experiment", or "observed",
        which is shown and teaches nothing).

    Raises
    ------
    DataError
        A segment or an offer is unknown, or a standard error is not above 0.
    """
    _check(readouts, segments, offers)
    cells = pl.DataFrame(list(product(segments, offers)), schema=["segment", "offer"], orient="row")
    measured = readouts.filter(pl.col("uplift_source") == "experiment")
    by_cell = _own_readouts(cells, measured)
    places = np.flatnonzero(by_cell["precision"].to_numpy() > 0)
    effect = by_cell["measured_effect"].to_numpy()[places]
    error = by_cell["measured_error"].to_numpy()[places]
    sds = _scale_of(by_cell, assumed) * np.array(list(product(SPREADS, repeat=3)))
    prior = _covariances(sds, len(offers), cells.height, assumed)
    log_likelihood, means, covariances = _condition(prior, places, effect, error, assumed)
    weights = np.exp(log_likelihood - log_likelihood.max())
    history = History(cells, weights / weights.sum(), means, _roots(covariances))
    return _describe(history, covariances, by_cell, readouts, assumed)


def _check(readouts: pl.DataFrame, segments: Sequence[str], offers: Sequence[str]) -> None:
    for column, names in (("segment", segments), ("offer", offers)):
        unknown = sorted(set(readouts[column]) - set(names))
        if unknown:
            raise DataError(
                f"readouts name the {column} {', '.join(unknown)}, which the study lacks",
                fix=f"choose from {', '.join(names)}",
            )
    unsure = readouts.filter(~(pl.col("standard_error") > 0) | ~pl.col("effect").is_finite())
    if unsure.height:
        raise DataError(
            f"{unsure.height} readouts have no effect or a standard error that is not above 0",
            fix="leave out campaigns in which nobody bought anything",
        )


def _own_readouts(cells: pl.DataFrame, measured: pl.DataFrame) -> pl.DataFrame:
    """Each cell's own experiments, weighted by their precision."""
    precision = 1 / pl.col("standard_error") ** 2
    by_cell = measured.group_by("segment", "offer").agg(
        experiments=pl.len().cast(pl.Int64),
        measured_effect=(pl.col("effect") * precision).sum() / precision.sum(),
        precision=precision.sum(),
    )
    return (
        cells.join(by_cell, on=["segment", "offer"], how="left", maintain_order="left")
        .with_columns(pl.col("experiments").fill_null(0), pl.col("precision").fill_null(0.0))
        .with_columns(
            measured_error=pl.when(pl.col("precision") > 0).then(pl.col("precision") ** -0.5)
        )
    )


def _scale_of(by_cell: pl.DataFrame, assumed: Assumed) -> float:
    measured = by_cell.filter(pl.col("precision") > 0)
    return _scale(
        measured["measured_effect"].to_numpy(), measured["measured_error"].to_numpy(), assumed
    )


def _scale(effect: Vector, error: Vector, assumed: Assumed) -> float:
    """How far cells may differ: about as much as the uplift is large, assumed or measured."""
    if not len(effect):
        return assumed.deviation
    weight = error**-2
    mean = abs(float(weight @ effect / weight.sum()))
    return max(mean, float(weight.sum() ** -0.5), abs(assumed.uplift))


def _covariances(sds: Matrix, n_offers: int, n_cells: int, assumed: Assumed) -> Floats:
    """Of all cells before any data, for each mixture of spreads, (k, n_cells, n_cells)."""
    segment, offer = np.divmod(np.arange(n_cells), n_offers)
    same_segment, same_offer = segment[:, None] == segment, offer[:, None] == offer
    of_segment, of_offer, of_cell = (sds**2).T[:, :, None, None]
    return np.asarray(
        assumed.deviation**2
        + of_segment * same_segment
        + of_offer * same_offer
        + of_cell * np.eye(n_cells)
    )


def _condition(
    prior: Floats, places: Integers, effect: Vector, error: Vector, assumed: Assumed
) -> tuple[Vector, Matrix, Floats]:
    """Log likelihood of what was measured; means and covariances of all cells given it."""
    to_known = prior[:, places]
    among = to_known[:, :, places] + np.diag(error**2)
    gain = np.linalg.solve(among, to_known).transpose(0, 2, 1)
    off = effect - assumed.uplift
    solved = np.linalg.solve(among, np.broadcast_to(off, (len(prior), len(off)))[:, :, None])
    _, log_volume = np.linalg.slogdet(among)
    log_likelihood = -0.5 * (log_volume + solved[:, :, 0] @ off)
    return log_likelihood, assumed.uplift + gain @ off, prior - gain @ to_known


def _roots(covariances: Floats) -> Floats:
    # What was measured all but exactly would leave a covariance that rounding makes negative.
    size = np.trace(covariances, axis1=1, axis2=2)[:, None, None]
    return np.linalg.cholesky(covariances + _ROUNDING * size * np.eye(covariances.shape[1]))


def _describe(
    history: History,
    covariances: Floats,
    by_cell: pl.DataFrame,
    readouts: pl.DataFrame,
    assumed: Assumed,
) -> History:
    mean = history.weights @ history.means
    prior_variance = (
        assumed.deviation**2 + 3 * _scale_of(by_cell, assumed) ** 2 * (SPREADS**2).mean()
    )
    within = history.weights @ np.diagonal(covariances, axis1=1, axis2=2)
    variance = within + history.weights @ (history.means - mean) ** 2
    low, high = np.quantile(history.draw(4_000, seed=0), [0.05, 0.95], axis=0)
    learnt = np.clip(1 - variance / prior_variance, 0, 1)
    counts = by_cell["precision"].to_numpy() * variance
    columns = by_cell.drop("precision").with_columns(
        mean=pl.Series(mean),
        deviation=pl.Series(np.sqrt(variance)),
        low=pl.Series(low),
        high=pl.Series(high),
        assumed=pl.lit(assumed.uplift),
        moved=pl.Series((mean - assumed.uplift) / assumed.deviation),
        learnt=pl.Series(learnt),
        basis=_basis(history.cells, readouts, counts >= 0.5, learnt >= _POOLED_FROM),
    )
    return History(columns, history.weights, history.means, history.roots)


def _basis(
    cells: pl.DataFrame, readouts: pl.DataFrame, measured: Booleans, pooled: Booleans
) -> pl.Series:
    keys = ["segment", "offer"]
    seen = readouts.filter(pl.col("uplift_source") == "observed").select(keys).unique()
    marked = seen.with_columns(seen=pl.lit(True))
    observed = cells.join(marked, on=keys, how="left", maintain_order="left")["seen"]
    names = ["measured", "pooled", "observed"]
    kept = [measured, pooled, observed.fill_null(False).to_numpy()]
    return pl.Series(np.select(kept, names, "assumed").tolist())
