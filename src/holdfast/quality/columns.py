"""The columns of a snapshot: what each holds, how much is missing, and which tell nobody apart."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import polars as pl
import polars.selectors as cs

from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.sql import literal
from holdfast.quality.currencies import count_currencies
from holdfast.quality.quantiles import quantile_sql
from holdfast.quality.topics import Topic
from holdfast.study.currencies import minor_digits

RATE_WORDS = re.compile(r"rate|percent|pct|share|ratio|quote|prozent|conversion", re.IGNORECASE)
CROWDED = 10
"""Times as many values in (0, 1] as in (1, 2] from which on the small ones are taken for another
unit.
"""
FEW = 0.005
JUMP = (50.0, 200.0)
"""A factor of 100, roughly."""
ENOUGH_LINES = 100


def find_mixed_units(columns: pl.DataFrame) -> Iterator[Finding]:
    """Find columns of percents in which some values are shares: 0.10 where the others say 10.

    Looked at are columns of numbers whose name speaks of a rate.

    >>> mixed = pl.Series([float(x) for x in range(5, 95)] + [0.1, 0.25, 0.4, 0.55])
    >>> [each.evidence for each in find_mixed_units(pl.DataFrame({"Return_Rate": mixed}))]
    ['4 of 94 values of Return_Rate lie in 0..1, the others go up to 94']
    """
    for column in columns.select(cs.numeric()):
        values = column.cast(pl.Float64).drop_nulls()
        if not RATE_WORDS.search(column.name) or values.is_empty():
            continue
        small, next_up = (
            int(values.is_between(low, low + 1, closed="right").sum()) for low in (0, 1)
        )
        broken = int(values.is_between(0, 1, closed="none").sum())
        largest, n = float(values.max()), len(values)  # type: ignore[arg-type]
        is_mixture = small >= FEW * n and small > CROWDED * max(next_up, 0.3)
        if largest > 2 and broken > small / 2 and is_mixture:
            yield Finding.of(
                "mixed-units-{name}",
                small=small,
                n=n,
                column=column,
                largest=largest,
                name=column.name,
            )


def find_mixed_units_of_attributes(log: OrderLog) -> Iterator[Finding]:
    """Find mixed units among the attributes of the customer table."""
    if log.study.customers is not None and log.study.customers.attributes:
        yield from find_mixed_units(log.query("FROM customers").select(cs.float()))


def describe_amounts(log: OrderLog) -> Topic | None:
    """Watch the usual amount of a line from month to month, and count currencies."""
    if not log.columns.has_amount:
        return None
    months = _medians("strftime(DATE '1970-01-01' + day, '%Y-%m')", "transactions", log)
    counts = count_currencies(log)
    topic = _compare(months, "month", log.study.currency)
    if not counts:
        return topic
    words = ", ".join(f"{word} ({n:,} lines)" for word, n in counts[:5])
    return replace(
        topic,
        facts=topic.facts | {"currencies": dict(counts)},
        sentences=(*topic.sentences, f"The log's currency column has {words}."),
    )


def describe_amounts_by_file(log: OrderLog) -> Topic | None:
    """Watch the usual amount of a line from file to file; None where nothing is odd."""
    source = log.sources[0]
    if not log.columns.has_amount or len(source.labels) < 2:
        return None
    files = f"list_extract([{', '.join(map(literal, source.labels))}], _file + 1)"
    medians = _medians(files, f"(FROM {source.table} WHERE verdict = 0)", log)
    topic = _compare(medians, "file", log.study.currency)
    return topic if topic.findings else None


def _medians(period: str, table: str, log: OrderLog) -> pl.DataFrame:
    rows = f"{table} WHERE NOT is_return AND amount_minor > 0"
    return log.query(f"""
        SELECT period, lines, value / {log.scale} AS median
        FROM ({quantile_sql("amount_minor", 0.5, rows=rows, by=period)}) ORDER BY period
    """)


def _compare(periods: pl.DataFrame, of: str, currency: str) -> Topic:
    usual = periods.filter(pl.col("lines") >= ENOUGH_LINES, pl.col("median") > 0)
    ratio = pl.col("median") / pl.col("median").shift(1)
    jumps = usual.select(pl.col("period").shift(1).alias("before"), "period", ratio=ratio).filter(
        pl.col("ratio").is_between(*JUMP) | (1 / pl.col("ratio")).is_between(*JUMP)
    )
    low, high = (getattr(usual["median"], end)() for end in ("min", "max"))
    facts = {
        "currency": currency,
        "lowest_median": low,
        "highest_median": high,
        "jumps": jumps.to_dicts(),
        "currencies": {},
    }
    sentence = "The log has no amounts to compare."
    digits = minor_digits(currency)
    if usual.height:
        sentence = (
            f"A line's usual amount by {of} is {low:,.{digits}f} to {high:,.{digits}f} {currency}."
        )
    findings = tuple(_find_jump(row, of) for row in jumps.head(1).iter_rows(named=True))
    return Topic("amounts", "Amounts", facts, (sentence,), findings=findings)


def _find_jump(row: dict[str, Any], of: str) -> Finding:
    return Finding.of("amounts-change-unit", row=row, of=of)


def describe_columns(frame: pl.DataFrame) -> Topic:
    """Describe each column; a number's range shows its unit."""
    rows = [_describe(column) for column in frame]
    missing = sum(row["missing"] for row in rows)
    return Topic(
        "columns",
        "Columns",
        {"customers": frame.height, "columns": len(rows), "missing_cells": missing},
        (f"{frame.height:,} customers, {len(rows)} columns, {missing:,} cells missing.",),
        table=pl.DataFrame(rows, infer_schema_length=None),
        findings=(*find_mixed_units(frame.select(cs.float())), *_find_constants(rows)),
    )


def _describe(column: pl.Series) -> dict[str, Any]:
    is_number = column.dtype.is_float()
    values = column.drop_nulls() if is_number else column.clear()
    return {
        "column": column.name,
        "holds": "number" if is_number else "yes or no" if column.dtype == pl.Boolean else "words",
        "missing": column.null_count(),
        "different": column.n_unique(),
        "lowest": values.min(),
        "median": values.median() if is_number else None,
        "highest": values.max(),
    }


def _find_constants(rows: list[dict[str, Any]]) -> Iterator[Finding]:
    constant = [row["column"] for row in rows if row["different"] <= 1]
    if constant:
        yield Finding.of(
            "constant-columns",
            columns=", ".join(constant),
            verb="is" if len(constant) == 1 else "are",
        )
