"""Is there an effect, does it differ among customers, and which of several rules finds it: tests
that keep their error rates where nothing is going on.

Scores of cross-fitted learners are no test: with few folds the same evidence is counted twice, and
false alarms more than double (decision 63). The interactions are tested by regression instead, and
rules that were named before by the largest of their statistics.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from holdfast.arrays import Integers, Matrix, Vector
from holdfast.evaluation.policy import Estimate, cluster_sums
from holdfast.learners.linear import Scaling

_MOST_COLUMNS = 20
_ROWS_PER_COLUMN = 50
_TINY = 1e-8
_DRAWS = 999
_AT_ONCE = 100


def interaction_test(psi: Vector, features: Matrix, cluster: Integers | None = None) -> float:
    """P-value of: the effect is the same whatever the features.

    A Wald test that all coefficients of psi on the scaled features are 0, with a covariance that
    holds under any spread of the residuals (HC3, MacKinnon, White 1985; of clusters their sums).
    Of many or collinear columns the leading principal components are tested: at most 20, and one
    for every 50 rows.

    Parameters
    ----------
    psi
        (n_rows,), of means that have not seen the row; features (n_rows, n_features).
    """
    from scipy.stats import chi2

    z = _independent_columns(features)
    if not z.shape[1]:
        return 1.0
    gram = np.linalg.inv(z.T @ z)
    y = psi - psi.mean()
    slopes = gram @ (z.T @ y)
    leverage = np.einsum("ij,jk,ik->i", z, gram, z) + 1 / len(z)
    residual = (y - z @ slopes) / np.maximum(1 - leverage, 0.5)
    moments = z * residual[:, None]
    if cluster is not None:
        moments = cluster_sums(moments, cluster)
    covariance = gram @ (moments.T @ moments) @ gram
    statistic = float(slopes @ np.linalg.solve(covariance, slopes))
    return float(chi2.sf(statistic, z.shape[1]))


def _independent_columns(features: Matrix) -> Matrix:
    """Columns of mean 0 that span the scaled features, or their leading components."""
    z = Scaling.learn(features).apply(features)
    z = z - z.mean(axis=0)
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    room = min(_MOST_COLUMNS, len(z) // _ROWS_PER_COLUMN)
    kept = np.flatnonzero(values > _TINY * max(values.max(initial=0.0), _TINY))[::-1][:room]
    return np.asarray(z @ vectors[:, kept] / np.sqrt(values[kept]))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted for their number (Holm 1979).

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted, largest = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = min(max(largest, (len(p_values) - place) * p_values[name]), 1.0)
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}


def largest_of(
    estimates: Sequence[Estimate], cluster: Integers | None = None, *, seed: int
) -> list[float]:
    """Two-sided p-values of several estimates of the same rows, adjusted for their number.

    The largest statistic is held against its distribution by a multiplier bootstrap of the
    influences (Chernozhukov, Chetverikov, Kato 2013), which knows how the estimates hang together.
    """
    influences = np.column_stack([_influence(each) for each in estimates])
    n = len(influences)
    sums = influences if cluster is None else cluster_sums(influences, cluster)
    errors = np.array([each.se for each in estimates])
    varies = errors > 0
    scaled = sums[:, varies] / (n * errors[varies])
    rng, largest = np.random.default_rng(seed), []
    for start in range(0, _DRAWS, _AT_ONCE):
        drawn = rng.standard_normal((min(_AT_ONCE, _DRAWS - start), len(scaled)))
        largest.append(np.abs(drawn @ scaled).max(axis=1, initial=0.0))
    draws = np.concatenate(largest)
    return [
        float((1 + np.sum(draws >= abs(each.value) / each.se)) / (_DRAWS + 1)) if each.se else 1.0
        for each in estimates
    ]


def _influence(estimate: Estimate) -> Vector:
    assert estimate.influence is not None
    return estimate.influence
