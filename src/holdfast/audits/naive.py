"""Naive: is the model better than the naive baseline on what neither had seen?"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.findings import Finding

Floats = npt.NDArray[np.float64]

_DRAWS = 200
_LEAST_ROWS = 50


def no_better_than_naive(
    predictions: pl.DataFrame, *, baselines: Mapping[str, str], seed: int
) -> tuple[Finding, ...]:
    """Hold the model against the baseline on the same customers, drawn again with replacement.

    Parameters
    ----------
    predictions
        The PREDICTIONS table; the cutoffs count together.
    baselines
        Task ("churn" or "value") -> the baseline's name.

    Returns
    -------
    tuple
        One finding a task whose 95 % interval of the difference does not exclude that the baseline
        is as good, neither in the ranking of customers nor in the size of the error.
    """
    asked = {
        "churn": ("churned", "churn_probability", "churn_baseline", "Brier score"),
        "value": ("future_revenue", "expected_revenue", "value_baseline", "absolute error"),
    }
    found = []
    for task, (truth, said, naive, error) in asked.items():
        known = predictions.drop_nulls([truth, said, naive])
        if known.height < _LEAST_ROWS or task not in baselines:
            continue
        columns = [known[name].cast(pl.Float64).to_numpy() for name in (truth, said, naive)]
        found += _judged(task, baselines[task], error, *columns, seed=seed)
    return tuple(found)


def _judged(
    task: str, baseline: str, error: str, truth: Floats, said: Floats, naive: Floats, *, seed: int
) -> list[Finding]:
    cost = np.square if task == "churn" else np.abs
    saved = cost(naive - truth) - cost(said - truth)
    rng = np.random.default_rng(seed)
    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(_DRAWS)]
    by_error = np.quantile([saved[rows].mean() for rows in draws], [0.025, 0.975])
    if by_error[0] > 0:
        return []
    by_rank = np.quantile(
        [_rank(truth[r], said[r]) - _rank(truth[r], naive[r]) for r in draws], [0.025, 0.975]
    )
    if by_rank[0] > 0:
        return []
    return [
        Finding.warning(
            f"no-better-than-naive-{task}",
            evidence=f"on {len(truth):,} unseen outcomes the {task} model's {error} is lower than "
            f"that of the baseline ({baseline}) by {saved.mean():.4g} (95 % interval "
            f"{by_error[0]:.4g} to {by_error[1]:.4g}), and its rank correlation with what happened "
            f"higher by {_rank(truth, said) - _rank(truth, naive):.3f} ({by_rank[0]:.3f} to "
            f"{by_rank[1]:.3f}): neither is certainly more than nothing",
            meaning="The model adds nothing that can be told from luck. Its probabilities and "
            "amounts are no better than the simple rule.",
            fix="Use the simple rule, or give the model more to see: more history, products, "
            "events.",
        )
    ]


def _rank(truth: Floats, score: Floats) -> float:
    """Spearman's correlation; 0 where one of them is constant."""
    a, b = _mid_ranks(truth), _mid_ranks(score)
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread > 0 else 0.0


def _mid_ranks(values: Floats) -> Floats:
    _, group, n = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(n) - n / 2)[group], dtype=np.float64)
