"""Expectation: between what the figures of the next cutoff should come out, by those of the past
ones.

One cutoff is one draw: the next one differs from it by the noise of its customers and by how the
business moves. The past figures, each in the scale in which its noise is even, are taken together
with how far figures move on other logs; the next one then follows Student's t.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.arrays import Vector
from holdfast.evaluation.evidence import CHAMPION
from holdfast.evaluation.totals import Range, level_error, total_ratios
from holdfast.learners.link_functions import log_odds, logistic

COVERAGE = 0.9
_PRIOR_WINDOWS = 2.0  # decision 34
_Z_SPAN = 2 * 1.96


@dataclass(frozen=True)
class _Scale:
    """In what scale a figure's noise is even, and how far it moves there between cutoffs."""

    to: Callable[[Vector], Vector]
    back: Callable[[Vector], Vector]
    moves: float


_SCALES: Mapping[str, _Scale] = {
    "roc_auc": _Scale(lambda x: log_odds(np.clip(x, 1e-3, 1 - 1e-3)), logistic, 0.15),
    "brier": _Scale(lambda x: np.log(np.maximum(x, 1e-6)), np.exp, 0.12),
}  # decision 34


def expect(evidence: pl.DataFrame) -> dict[str, Range]:
    """Between what ROC-AUC, the Brier score and predicted over realised revenue should come out at
    the next cutoff, nine times out of ten.

    Parameters
    ----------
    evidence
        EVIDENCE of a log.

    Returns
    -------
    dict
        Metric -> range; without those of which nothing was proved.
    """
    champion = evidence.filter(model=CHAMPION).sort("cutoff_day")
    ranges = {}
    for metric, scale in _SCALES.items():
        rows = champion.filter(metric=metric).drop_nulls("value").drop_nans("value")
        if rows.height:
            ranges[metric] = _next_one(rows, scale)
    ratios = total_ratios(evidence)
    if ratios:
        ranges["total_ratio"] = level_error(ratios).range_of(1.0, COVERAGE)
    return ranges


def _next_one(rows: pl.DataFrame, scale: _Scale) -> Range:
    from scipy.stats import t

    value, low, high = (scale.to(rows[name].to_numpy()) for name in ("value", "low", "high"))
    noise = np.nan_to_num((high - low) / _Z_SPAN)
    middle, n = float(value.mean()), len(value)
    windows = _PRIOR_WINDOWS + n - 1
    moved = _PRIOR_WINDOWS * scale.moves**2 + float(((value - middle) ** 2).sum())
    variance = moved / windows * (1 + 1 / n) + float((noise**2).mean())
    width = float(t.ppf((1 + COVERAGE) / 2, windows)) * float(np.sqrt(variance))
    ends = scale.back(np.array([middle - width, middle + width]))
    return Range(float(ends.min()), float(ends.max()))
