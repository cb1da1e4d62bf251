"""Fitted on all: were columns scaled, or words replaced by churn rates, with the test rows among
the rest?
"""

import numpy as np
import polars as pl

from holdfast.audits.table import Floats, Table, is_number, listed
from holdfast.findings import Finding

_EXACT = 1e-6
_LEAST_ROWS = 200
_LEAST_GROUPS = 3
_MOST_GROUPS_SHARE = 0.2


def encoded_outcome(table: Table) -> tuple[Finding, ...]:
    """Name the columns whose values are the mean outcome of the rows that share the value, test
    rows included.

    A smoothed mean, (n * mean + m * prior) / (n + m), is recognised too.
    """
    names = [
        name
        for name in table.seen
        if is_number(table.columns[name]) and table.columns[name].n_unique() > 1
    ]
    found = {name: how for name in names if (how := _how_encoded(table.columns[name], table))}
    if not found:
        return ()
    part = " over learning and test rows together" if table.test is not None else " over all rows"
    return (
        Finding.fatal(
            "encoded-outcome",
            evidence="; ".join(f"{name}: {how}" for name, how in found.items())
            + f", counted{part}",
            meaning="Each value was computed from the outcomes of the rows that carry it, those to "
            "be predicted included: the model reads the answers.",
            fix=f"Give the words themselves instead of {listed(list(found))}; Holdfast encodes "
            "them without outcomes.",
        ),
    )


def _how_encoded(column: pl.Series, table: Table) -> str | None:
    groups = (
        pl.DataFrame({"value": column.cast(pl.Float64), "left": table.left.astype(np.float64)})
        .drop_nulls()
        .group_by("value")
        .agg(n=pl.len(), mean=pl.col("left").mean())
        .sort("value")
    )
    if (
        not _LEAST_GROUPS <= groups.height <= _MOST_GROUPS_SHARE * len(column)
        or len(column) < _LEAST_ROWS
    ):
        return None
    value, n, mean = (groups[name].cast(pl.Float64).to_numpy() for name in ("value", "n", "mean"))
    if np.ptp(value) < _EXACT:
        return None
    off = _misses(value, n, mean)
    if off <= _EXACT:
        return f"its {len(value):,} values are the churn rates of the rows that have them"
    smoothed = _smoothed(value, n, mean)
    if smoothed is None:
        return None
    return (
        f"its {len(value):,} values are smoothed churn rates of the rows that have them (as if "
        f"{smoothed:.0f} more)"
    )


def _misses(value: Floats, n: Floats, mean: Floats) -> float:
    return float(np.average(np.abs(value - mean), weights=n))


def _smoothed(value: Floats, n: Floats, mean: Floats) -> float | None:
    """The weight m of a smoothed mean, from n * (value - mean) = m * (prior - value); None where no
    m fits.
    """
    if len(value) < _LEAST_GROUPS + 2 or np.ptp(n) == 0:
        return None
    design = np.column_stack([-value, np.ones(len(value))])
    goal = n * (value - mean)
    (m, constant), *_ = np.linalg.lstsq(design, goal, rcond=None)
    if not 0 < m < 1e6 or not 0 <= constant / m <= 1:
        return None
    fitted = (n * mean + constant) / (n + m)
    return float(m) if _misses(value, n, fitted) <= 1e-4 * np.ptp(value) else None


def scaled_on_all(table: Table) -> tuple[Finding, ...]:
    """Name the columns that were scaled with the mean and spread, or the least and greatest value,
    of all rows.
    """
    names = [
        name
        for name in table.seen
        if is_number(table.columns[name]) and table.columns[name].n_unique() > 20
    ]
    found = {name: how for name in names if (how := _how_scaled(table.columns[name], table))}
    ranged = [name for name, how in found.items() if how == "range"]
    standard = [name for name, how in found.items() if how == "standard"]
    told = [f"{listed(standard)} have mean 0 and standard deviation 1"] if standard else []
    # One share that happens to reach 0 and 1 says nothing; two columns do.
    told += [f"{listed(ranged)} reach from 0 to 1 exactly"] if len(ranged) > 1 else []
    if not told:
        return ()
    return (
        Finding.warning(
            "scaled-on-all-rows",
            evidence="; ".join(told)
            + " over all rows, the test rows included"
            + (", and not over the rows that are learnt from" if table.test is not None else ""),
            meaning="The scale was taken from rows that should not have been seen. The figures are "
            "a little too good, and a new customer cannot be scaled the same way.",
            fix="Give the columns as they were measured; trees need no scale, and Holdfast learns "
            "it where one is needed.",
        ),
    )


def _how_scaled(column: pl.Series, table: Table) -> str | None:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if len(values) < _LEAST_ROWS:
        return None
    learnt = None if table.test is None else values[~table.test]
    if _is_standard(values) and (learnt is None or not _is_standard(learnt)):
        return "standard"
    if learnt is not None and _is_range(values) and not _is_range(learnt):
        return "range"
    return None


def _is_standard(values: Floats) -> bool:
    n = np.isfinite(values).sum()
    spread = float(np.nanstd(values))
    return (
        abs(float(np.nanmean(values))) < 1e-6
        and min(abs(spread - 1), abs(spread * np.sqrt(n / (n - 1)) - 1)) < 1e-4
    )


def _is_range(values: Floats) -> bool:
    return abs(float(np.nanmin(values))) < _EXACT and abs(float(np.nanmax(values)) - 1) < _EXACT
