"""How good is a prediction: pure functions of what happened, what was predicted and how often each
customer counts.

Every metric takes `truth` and `score`, (n_customers,), and an optional `weight`, (n_customers,):
how often each customer was drawn. Whole weights give exactly the metric of the repeated rows, so a
bootstrap never copies a row. scikit-learn has most of them; here they take the sorted draws of a
bootstrap in a tenth of the time, and importing them costs a server nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.arrays import Vector

Metric = Callable[[Vector, Vector, Vector | None], float]

Rows = slice | npt.NDArray[np.int64]
Columns = tuple[Vector, ...]

DRAWS = 200
_LARGEST_SAMPLE = 50_000
_EDGE = 1e-15
_LEAST = 1e-9
_Z_95 = 1.96
_BINS = 10


def _counts(truth: Vector, weight: Vector | None) -> Vector:
    return np.ones(len(truth)) if weight is None else np.asarray(weight, dtype=np.float64)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _descending(score: Vector) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows by falling score, and the last place of each group of equal scores."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.diff(score[order])) if len(score) else np.empty(0, dtype=np.int64)
    return order, np.append(ends, len(score) - 1)


def roc_auc(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """P(a positive scores above a negative), ties counting half; NaN where one class is absent.

    >>> roc_auc(np.array([0, 1, 1.0]), np.array([0.2, 0.2, 0.9]))
    0.75
    """
    n = _counts(truth, weight)
    order, ends = _descending(score)
    positives = np.cumsum((truth * n)[order])[ends]
    negatives = np.cumsum(((1 - truth) * n)[order])[ends]
    area = np.sum(
        np.diff(negatives, prepend=0) * (positives + np.concatenate([[0], positives[:-1]])) / 2
    )
    return _ratio(area, positives[-1] * negatives[-1])


def average_precision(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Sum over thresholds of (recall gained) x precision; NaN without positives."""
    n = _counts(truth, weight)
    order, ends = _descending(score)
    positives = np.cumsum((truth * n)[order])[ends]
    flagged = np.cumsum(n[order])[ends]
    precision = np.divide(positives, flagged, out=np.zeros_like(positives), where=flagged > 0)
    return _ratio(float(np.sum(np.diff(positives, prepend=0) * precision)), positives[-1])


def brier(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Mean squared error of a probability, 0..1."""
    return float(np.average((score - truth) ** 2, weights=_counts(truth, weight)))


def log_loss(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Mean negative log-likelihood of a probability, in nats."""
    return float(np.average(log_losses(truth, score), weights=_counts(truth, weight)))


def log_losses(truth: Vector, score: Vector) -> Vector:
    """The negative log-likelihood of each row's probability, in nats."""
    p = np.clip(score, _EDGE, 1 - _EDGE)
    return np.asarray(-truth * np.log(p) - (1 - truth) * np.log1p(-p))


def ece(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Expected calibration error over ten bins of equal width: sum of n_b / n |mean predicted -
    share observed|.
    """
    n = _counts(truth, weight)
    bins = np.minimum((score * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, weights=n * (score - truth), minlength=_BINS)
    return _ratio(float(np.abs(gaps).sum()), float(n.sum()))


def precision(truth: Vector, flagged: Vector, weight: Vector | None = None) -> float:
    """Share of the flagged (1) who are positive."""
    n = _counts(truth, weight)
    return _ratio(float(np.sum(n * truth * flagged)), float(np.sum(n * flagged)))


def recall(truth: Vector, flagged: Vector, weight: Vector | None = None) -> float:
    """Share of the positive who are flagged (1)."""
    n = _counts(truth, weight)
    return _ratio(float(np.sum(n * truth * flagged)), float(np.sum(n * truth)))


def f1(truth: Vector, flagged: Vector, weight: Vector | None = None) -> float:
    """Harmonic mean of precision and recall."""
    n = _counts(truth, weight)
    return _ratio(2 * float(np.sum(n * truth * flagged)), float(np.sum(n * (truth + flagged))))


def _top(truth: Vector, score: Vector, weight: Vector | None, share: float) -> float:
    """Sum of truth over the ceil(share x n) highest scores; equal scores keep their order."""
    n = _counts(truth, weight)
    order = np.argsort(-score, kind="stable")
    room = np.ceil(share * n.sum() - 1e-9)
    before = np.cumsum(n[order]) - n[order]
    return float(np.sum(truth[order] * np.clip(room - before, 0, n[order])))


def capture(truth: Vector, score: Vector, weight: Vector | None = None, *, share: float) -> float:
    """Share of all truth (money, leavers) among the `share` of customers with the highest scores.

    >>> capture(np.array([6.0, 1, 2, 1]), np.array([9.0, 8, 7, 6]), share=0.25)
    0.6
    """
    return _ratio(_top(truth, score, weight, share), float(np.sum(truth * _counts(truth, weight))))


def lift(truth: Vector, score: Vector, weight: Vector | None = None, *, share: float) -> float:
    """Rate among the top `share` over the rate of all."""
    n = _counts(truth, weight)
    room = float(np.ceil(share * n.sum() - 1e-9))
    return _ratio(_top(truth, score, weight, share) / room, float(np.average(truth, weights=n)))


def wape(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Sum of |error| over sum of |truth|."""
    n = _counts(truth, weight)
    return _ratio(float(np.sum(n * np.abs(truth - score))), float(np.sum(n * np.abs(truth))))


def total_ratio(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Predicted total over observed total; 1 is a budget that holds."""
    n = _counts(truth, weight)
    return _ratio(float(np.sum(n * score)), float(np.sum(n * truth)))


def top_ratio(truth: Vector, score: Vector, weight: Vector | None = None, *, share: float) -> float:
    """Predicted over observed total of the `share` of customers with the highest predictions.

    >>> top_ratio(np.array([6.0, 1, 2, 1]), np.array([9.0, 8, 7, 6]), share=0.25)
    1.5
    """
    return _ratio(_top(score, score, weight, share), _top(truth, score, weight, share))


def total_error(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """How far the predicted total is off, over the observed one: errors of several cutoffs do not
    cancel in its mean.
    """
    return abs(total_ratio(truth, score, weight) - 1)


def tweedie_deviance(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Mean deviance of power 1.5, proper for a mean and less ruled by the largest customers than
    squared error.

    2 (y^(2-p) / ((1-p)(2-p)) - y m^(1-p) / (1-p) + m^(2-p) / (2-p)) with p = 1.5: Jorgensen 1997,
    "The Theory of Dispersion Models". Negative truth counts as 0, as it does in training, and a
    mean counts as a thousandth of the mean truth at least.
    """
    each = tweedie_deviances(truth, score, weight)
    return float(np.average(each, weights=_counts(truth, weight)))


def tweedie_deviances(truth: Vector, score: Vector, weight: Vector | None = None) -> Vector:
    """Each row's part of `tweedie_deviance`."""
    y = np.maximum(truth, 0)
    m = np.maximum(score, 1e-3 * np.average(y, weights=_counts(truth, weight)) + _LEAST)
    return np.asarray(2 * (-4 * np.sqrt(y) + 2 * y / np.sqrt(m) + 2 * np.sqrt(m)))


def rmse(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Root of the mean squared error, in the unit of the truth."""
    return float(np.sqrt(np.average((truth - score) ** 2, weights=_counts(truth, weight))))


def mean(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Mean of the score, whatever the truth."""
    return float(np.average(score, weights=_counts(truth, weight)))


def mae(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Mean absolute error, in the unit of the truth."""
    return float(np.average(np.abs(truth - score), weights=_counts(truth, weight)))


def r2(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """1 - squared error over squared deviation from the mean; NaN where the truth is constant."""
    n = _counts(truth, weight)
    spread = float(np.sum(n * (truth - np.average(truth, weights=n)) ** 2))
    return 1 - float(np.sum(n * (truth - score) ** 2)) / spread if spread else float("nan")


def _mid_ranks(values: Vector, n: Vector) -> Vector:
    distinct, group = np.unique(values, return_inverse=True)
    size = np.bincount(group, weights=n, minlength=len(distinct))
    return np.asarray((np.cumsum(size) - size / 2)[group], dtype=np.float64)


def spearman(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Rank correlation, ties at their middle rank, -1..1."""
    n = _counts(truth, weight)
    a, b = _mid_ranks(truth, n), _mid_ranks(score, n)
    a, b = a - np.average(a, weights=n), b - np.average(b, weights=n)
    return _ratio(float(np.sum(n * a * b)), float(np.sqrt(np.sum(n * a * a) * np.sum(n * b * b))))


def _lorenz_area(truth: Vector, score: Vector, n: Vector) -> float:
    order, ends = _descending(score)
    money = np.concatenate([[0], np.cumsum((truth * n)[order])[ends]])
    people = np.concatenate([[0], np.cumsum(n[order])[ends]])
    area = np.sum(np.diff(people) * (money[1:] + money[:-1]) / 2)
    return float(area / (people[-1] * money[-1]) - 0.5) if money[-1] else float("nan")


def normalised_gini(truth: Vector, score: Vector, weight: Vector | None = None) -> float:
    """Area between the gains curve and the diagonal, over that of a perfect ranking; equal scores
    share their gain.
    """
    n = _counts(truth, weight)
    return _ratio(_lorenz_area(truth, score, n), _lorenz_area(truth, truth, n))


@dataclass(frozen=True)
class Interval:
    """A metric with the central 95 % of its customer bootstrap."""

    value: float
    low: float
    high: float


def intervals(
    metrics: Mapping[str, Metric], truth: Vector, score: Vector, *, seed: int, draws: int = DRAWS
) -> dict[str, Interval]:
    """Each metric and its 95 % interval when customers are drawn again with replacement.

    Every metric sees the same draws. The model stays as it is, so the interval leaves out the noise
    of refitting.
    """
    return _intervals(metrics, (truth, score), seed, draws)


def paired_interval(
    metric: Metric, truth: Vector, score: Vector, other: Vector, *, seed: int, draws: int = DRAWS
) -> Interval:
    """Metric of `score` minus metric of `other`, on the same draws of customers."""
    return mean_paired_interval(metric, [(truth, score, other)], seed=seed, draws=draws)


def mean_paired_interval(
    metric: Metric,
    cutoffs: Sequence[tuple[Vector, Vector, Vector | None]],
    *,
    seed: int,
    draws: int = DRAWS,
) -> Interval:
    """The mean over cutoffs of the metric of `score`, minus that of `other` where there is one.

    Parameters
    ----------
    cutoffs
        (truth, score, other) of the same customers at each, NaN where a customer was not there: who
        is drawn is drawn with all their cutoffs.
    """
    columns = [column for parts in cutoffs for column in parts if column is not None]
    width = len(columns) // len(cutoffs)

    def figure(*parts: Any) -> float:
        *columns, weight = parts
        figures = []
        for start in range(0, len(columns), width):
            truth, score, *other = columns[start : start + width]
            seen = ~np.isnan(truth)
            n = None if weight is None else weight[seen]
            value = metric(truth[seen], score[seen], n)
            figures.append(value - sum(metric(truth[seen], naive[seen], n) for naive in other))
        finite = [value for value in figures if np.isfinite(value)]
        return float(np.mean(finite)) if finite else float("nan")

    return _intervals({"mean": figure}, tuple(columns), seed, draws)["mean"]


def _intervals(
    figures: Mapping[str, Callable[..., float]], columns: Columns, seed: int, draws: int
) -> dict[str, Interval]:
    """Percentiles of the bootstrap; above 50,000 customers from a sample, narrowed by the root of
    its share.

    Politis, Romano, Wolf (1999), "Subsampling", chapter 2: the spread of a smooth metric falls with
    the root of n.
    """
    n, generator = len(columns[0]), np.random.default_rng(seed)
    size = min(n, _LARGEST_SAMPLE)
    rows: Rows = slice(None) if size == n else np.sort(generator.choice(n, size, replace=False))
    drawn = tuple(column[rows] for column in columns)
    # Sorted by score once, rows are sorted in no time by each metric of each draw.
    order = np.argsort(-drawn[1], kind="stable")
    drawn = tuple(column[order] for column in drawn)
    values: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(draws):
        weight = _draw(generator, size)[order]
        for name, figure in figures.items():
            values[name].append(figure(*drawn, weight))
    return {
        name: _interval(
            values[name],
            figure(*columns, None),
            figure(*drawn, None),
            narrowed=float(np.sqrt(size / n)),
        )
        for name, figure in figures.items()
    }


def _interval(drawn: Sequence[float], value: float, centre: float, *, narrowed: float) -> Interval:
    finite = np.array([x for x in drawn if np.isfinite(x)])
    if not finite.size:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(finite - centre, [0.025, 0.975]) * narrowed + value
    return Interval(value, float(low), float(high))


def _draw(generator: np.random.Generator, size: int) -> Vector:
    """How often each of `size` customers is drawn, (size,)."""
    return np.bincount(generator.integers(0, size, size), minlength=size).astype(np.float64)


def wilson_interval(share: pl.Expr, n: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's 95 % interval of a share seen among n (Wilson 1927, equation 4).

    >>> low, high = wilson_interval(pl.lit(0.5), pl.lit(100))
    >>> pl.select(low=low.round(3), high=high.round(3)).row(0)
    (0.404, 0.596)
    """
    middle = (share + _Z_95**2 / (2 * n)) / (1 + _Z_95**2 / n)
    half = _Z_95 / (1 + _Z_95**2 / n) * (share * (1 - share) / n + _Z_95**2 / (4 * n**2)).sqrt()
    return (middle - half).clip(0, 1), (middle + half).clip(0, 1)
