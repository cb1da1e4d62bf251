"""Leaky preprocessing: were columns scaled, or words replaced by churn rates, with the test rows
among the rest?
"""

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.arrays import Floats
from holdfast.audits.question import Audit
from holdfast.audits.table import Table
from holdfast.findings import Finding, join_names

_EXACT = 1e-6
_NEAR = 1e-4
_LEAST_ROWS = 200
_LEAST_GROUPS, _MOST_GROUPS_SHARE = 3, 0.2
_LEAST_SCALED_VALUES = 21


def find_encoded_outcome(table: Table) -> Iterator[Finding]:
    """Name the columns whose values are the mean outcome of the rows that share the value, test
    rows included.

    A smoothed mean, (n * mean + m * prior) / (n + m), is recognised too.
    """
    encodings = {name: _encoding(name, table) for name in table.select_measured(least_values=2)}
    encoded = {name: how for name, how in encodings.items() if how}
    if encoded:
        part = "over all rows" if table.test is None else "over learning and test rows together"
        how = "; ".join(f"{name}: {how}" for name, how in encoded.items())
        yield Finding.of("encoded-outcome", how=how, part=part, columns=join_names(encoded))


def _encoding(name: str, table: Table) -> str | None:
    n_rows = len(table.left)
    groups = (
        pl.DataFrame({"value": table.columns[name].cast(pl.Float64), "left": table.left})
        .drop_nulls()
        .group_by("value")
        .agg(n=pl.len().cast(pl.Float64), mean=pl.col("left").mean())
        .sort("value")
    )
    if not _LEAST_GROUPS <= groups.height <= _MOST_GROUPS_SHARE * n_rows or n_rows < _LEAST_ROWS:
        return None
    value, n, mean = (groups[column].to_numpy() for column in groups.columns)
    if np.ptp(value) < _EXACT:
        return None
    if _distance(value, n, mean) <= _EXACT:
        return f"its {len(value):,} values are the churn rates of the rows that have them"
    weight = _smoothing(value, n, mean)
    if weight is None:
        return None
    return (
        f"its {len(value):,} values are smoothed churn rates of the rows that have them (as if "
        f"{weight:.0f} more)"
    )


def _distance(value: Floats, n: Floats, mean: Floats) -> float:
    return float(np.average(np.abs(value - mean), weights=n))


def _smoothing(value: Floats, n: Floats, mean: Floats) -> float | None:
    """The weight m of a smoothed mean, from n * (value - mean) = m * (prior - value); None where no
    m fits.
    """
    if len(value) < _LEAST_GROUPS + 2 or np.ptp(n) == 0:
        return None
    design = np.column_stack([-value, np.ones(len(value))])
    (m, constant), *_ = np.linalg.lstsq(design, n * (value - mean), rcond=None)
    if not 0 < m < 1e6 or not 0 <= constant / m <= 1:
        return None
    smoothed = (n * mean + constant) / (n + m)
    return float(m) if _distance(value, n, smoothed) <= _NEAR * np.ptp(value) else None


def find_scaling_on_all_rows(table: Table) -> Iterator[Finding]:
    """Name the columns that were scaled with the mean and spread, or the least and greatest value,
    of all rows.
    """
    names = table.select_measured(least_values=_LEAST_SCALED_VALUES)
    scales = {name: _scale(table.floats(name), table) for name in names}
    standard = [name for name, scale in scales.items() if scale == "standard"]
    ranged = [name for name, scale in scales.items() if scale == "range"]
    scaled = [f"{join_names(standard)} have mean 0 and standard deviation 1"] if standard else []
    # One share that happens to reach 0 and 1 says nothing; two columns do.
    scaled += [f"{join_names(ranged)} reach from 0 to 1 exactly"] if len(ranged) > 1 else []
    if scaled:
        beside = ", and not over the rows that are learnt from" if table.test is not None else ""
        yield Finding.of("scaled-on-all-rows", scaled="; ".join(scaled), beside=beside)


def _scale(values: Floats, table: Table) -> str | None:
    if len(values) < _LEAST_ROWS:
        return None
    learnt = None if table.test is None else values[~table.test]
    if _is_standard(values) and (learnt is None or not _is_standard(learnt)):
        return "standard"
    if learnt is not None and _is_range(values) and not _is_range(learnt):
        return "range"
    return None


def _is_standard(values: Floats) -> bool:
    n, spread = np.isfinite(values).sum(), float(np.nanstd(values))
    off = min(abs(spread - 1), abs(spread * np.sqrt(n / (n - 1)) - 1))
    return abs(float(np.nanmean(values))) < _EXACT and off < _NEAR


def _is_range(values: Floats) -> bool:
    return abs(float(np.nanmin(values))) < _EXACT and abs(float(np.nanmax(values)) - 1) < _EXACT


AUDITS = (
    Audit("encoded outcome", "Were words replaced by churn rates?", find_encoded_outcome),
    Audit(
        "scaled on all rows",
        "Were columns scaled with rows of the test?",
        find_scaling_on_all_rows,
    ),
)
