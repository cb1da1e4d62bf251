"""Stability: how far the customers of today differ from those before, feature by feature.

The population stability index sums, over bins, (share now - share before) x log of their ratio
(Siddiqi 2006, "Credit Risk Scorecards"). By its usual reading, below 0.1 little has changed, and
above 0.25 a lot.
"""

from collections.abc import Collection

import numpy as np
import polars as pl

from holdfast.arrays import Vector

LITTLE, MUCH = 0.1, 0.25
_BINS = 10
_LEVELS = 20
_LEAST_SHARE = 1e-4
"""An empty bin counts as so little: the logarithm of 0 says nothing."""


def stability_index(before: pl.Series, after: pl.Series) -> float:
    """The population stability index of a feature, 0 where nothing has changed.

    Numbers are divided at the tenths of `before`, words by the most frequent of them; what is
    missing is a bin of its own.

    >>> before = pl.Series(["a"] * 50 + ["b"] * 50)
    >>> round(stability_index(before, pl.Series(["a"] * 60 + ["b"] * 40)), 4)
    0.0405
    """
    if before.is_empty() or after.is_empty():
        return 0.0
    is_number = before.dtype.is_numeric() and after.dtype.is_numeric()
    was, now = (_count_numbers if is_number else _count_words)(before, after)
    was, now = (np.maximum(each / each.sum(), _LEAST_SHARE) for each in (was, now))
    return float(((now - was) * np.log(now / was)).sum())


def _count_numbers(before: pl.Series, after: pl.Series) -> tuple[Vector, Vector]:
    was, now = (_floats(each) for each in (before, after))
    present = was[~np.isnan(was)]
    inner = np.linspace(0, 1, _BINS + 1)[1:-1]
    cuts = np.unique(np.quantile(present, inner)) if len(present) else np.zeros(0)

    def count(values: Vector) -> Vector:
        is_missing = np.isnan(values)
        places = np.searchsorted(cuts, values[~is_missing], side="left")
        counted = np.bincount(places, minlength=len(cuts) + 1)
        return np.append(counted, is_missing.sum()).astype(np.float64)

    return count(was), count(now)


def _floats(series: pl.Series) -> Vector:
    values = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _count_words(before: pl.Series, after: pl.Series) -> tuple[Vector, Vector]:
    was, now = (each.cast(pl.String) for each in (before, after))
    counts = was.drop_nulls().rename("word").value_counts(sort=True, name="n")
    words = counts["word"].head(_LEVELS).to_list()

    def count(values: pl.Series) -> Vector:
        each = [float((values == word).sum()) for word in words]
        missing = values.null_count()
        return np.array([*each, missing, len(values) - missing - sum(each)])

    return count(was), count(now)


def feature_stability(
    before: pl.DataFrame, after: pl.DataFrame, *, but: Collection[str] = ()
) -> pl.DataFrame:
    """The index of every feature that both tables have, the largest first.

    Left out is what is the same for everybody in each table: that is the day, not the customers.

    Parameters
    ----------
    before, after
        One row per customer.
    but
        Columns that are no features.

    Returns
    -------
    polars.DataFrame
        feature, stability_index, mean_before and mean_after (null for words).
    """
    shared = [name for name in before.columns if name in after.columns and name not in but]
    varied = [n for n in shared if max(before[n].n_unique(), after[n].n_unique()) > 1]
    rows = [
        (name, stability_index(before[name], after[name]), _mean(before[name]), _mean(after[name]))
        for name in varied
    ]
    schema = {"feature": pl.String} | dict.fromkeys(
        ("stability_index", "mean_before", "mean_after"), pl.Float64
    )
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.sort("stability_index", "feature", descending=[True, False])


def _mean(series: pl.Series) -> float | None:
    if not series.dtype.is_numeric():
        return None
    values = _floats(series)
    finite = values[~np.isnan(values)]
    return float(finite.mean()) if len(finite) else None
