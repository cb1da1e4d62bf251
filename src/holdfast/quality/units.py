"""Units that look wrong: shares among percents, cents among dollars, currencies added up."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from holdfast.findings import Finding
from holdfast.quality.topics import Topic

RATE_WORDS = re.compile(r"rate|percent|pct|share|ratio|quote|prozent|conversion", re.IGNORECASE)
CROWDED = 10
"""Times as many values in (0, 1] as in (1, 2] from which on the small ones are taken for another
unit.
"""
FEW = 0.005
JUMP = (50.0, 200.0)
"""A factor of 100, roughly."""
ENOUGH_LINES = 100


def rates(columns: Mapping[str, pl.Series]) -> list[Finding]:
    """Find columns of percents in which some values are shares: 0.10 where the others say 10.

    Parameters
    ----------
    columns
        Name -> numbers. Looked at are those whose name speaks of a rate.

    >>> mixed = pl.Series([float(x) for x in range(5, 95)] + [0.1, 0.25, 0.4, 0.55])
    >>> [finding.evidence for finding in rates({"Return_Rate": mixed})]
    ['4 of 94 values of Return_Rate lie in 0..1, the others go up to 94']
    """
    found = []
    for name, values in columns.items():
        known = values.cast(pl.Float64).drop_nulls()
        if not RATE_WORDS.search(name) or known.is_empty():
            continue
        small, next_up = (
            int(((known > 0) & (known <= 1)).sum()),
            int(((known > 1) & (known <= 2)).sum()),
        )
        largest = float(known.max())  # type: ignore[arg-type]
        broken = int(((known > 0) & (known < 1)).sum())
        if (
            largest > 2
            and broken > small / 2
            and small >= FEW * len(known)
            and small > CROWDED * max(next_up, 0.3)
        ):
            found.append(_mixed(name, small, len(known), largest))
    return found


def _mixed(name: str, small: int, n: int, largest: float) -> Finding:
    return Finding.warning(
        f"mixed-units-{name}",
        evidence=f"{small:,} of {n:,} values of {name} lie in 0..1, the others go up to "
        f"{largest:,.0f}",
        meaning="Shares among percents: 0.10 is read as a tenth of a percent.",
        fix="write the column in one unit in the source",
    )


def amounts(
    periods: pl.DataFrame, *, of: str, currency: str, currencies: Sequence[tuple[str, int]] = ()
) -> Topic:
    """Watch the usual amount of a line from month to month, or file to file, and count currencies.

    Parameters
    ----------
    periods
        One row per period, in order: period, lines, median (of a purchase line's amount, currency).
    of
        "month" or "file".
    currencies
        Word of the log's own currency column, and its lines; empty where there is no such column.
    """
    told = periods.filter(pl.col("lines") >= ENOUGH_LINES, pl.col("median") > 0)
    ratio = pl.col("median") / pl.col("median").shift(1)
    moved = told.with_columns(ratio=ratio, before=pl.col("period").shift(1)).filter(
        ratio.is_between(*JUMP) | (1 / ratio).is_between(*JUMP)
    )
    medians = told["median"].to_list()
    low, high = (min(medians), max(medians)) if medians else (None, None)
    said = (
        [f"A line's usual amount by {of} is {low:,.2f} to {high:,.2f} {currency}."]
        if medians
        else []
    )
    if currencies:
        said.append(
            "The log's currency column has "
            f"{', '.join(f'{word} ({n:,} lines)' for word, n in currencies[:5])}."
        )
    facts: dict[str, Any] = {
        "currency": currency,
        "lowest_median": low,
        "highest_median": high,
        "jumps": moved.select("before", "period", "ratio").to_dicts(),
        "currencies": dict(currencies),
    }
    return Topic(
        name="amounts",
        title="Amounts",
        facts=facts,
        sentences=tuple(said) or ("The log has no amounts to compare.",),
        findings=(*_about_jumps(moved, of), *_about_currencies(currencies, currency)),
    )


def _about_jumps(moved: pl.DataFrame, of: str) -> list[Finding]:
    return [
        Finding.warning(
            "amounts-change-unit",
            evidence=f"a line's usual amount is {row['ratio']:,.3g} times as large in "
            f"{row['period']} as in {row['before']}",
            meaning=f"Cents among units, most likely: every figure that spans the two {of}s is "
            "wrong.",
            fix="write the amounts in one unit in the source",
        )
        for row in moved.head(1).iter_rows(named=True)
    ]


def _about_currencies(currencies: Sequence[tuple[str, int]], currency: str) -> list[Finding]:
    foreign = [(word, n) for word, n in currencies if word.strip().upper() != currency]
    if not foreign:
        return []
    told = ", ".join(f"{word} ({n:,} lines)" for word, n in foreign[:5])
    return [
        Finding.warning(
            "several-currencies" if len(currencies) > 1 else "another-currency",
            evidence=f"the study is in {currency}, but the log's currency column has {told}",
            meaning="Amounts are added up as they are written; nothing is converted.",
            fix="convert in the source, or set the other currencies aside by a rule",
        )
    ]
