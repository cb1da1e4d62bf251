"""Rows that repeat an earlier one: double entries where whole orders (or whole days) come over
again, purchases where nothing could tell two of them apart, and otherwise a question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from holdfast.setup.column_roles import Candidate
from holdfast.setup.file_sample import Sample

_MOST, _HALF, _FEW = 0.9, 0.5, 0.01


@dataclass(frozen=True)
class Duplicates:
    """What to do with repeated rows, and what speaks for it."""

    value: Literal["keep", "drop"]
    because: str
    sure: bool = True


def weigh_duplicates(
    sample: Sample, columns: Mapping[str, Candidate], timestamp_format: str | None
) -> Duplicates:
    """Look at which rows of a log repeat."""
    repeated = sample.count_repeated(sample.names)
    if not repeated:
        return Duplicates("keep", "no row repeats another")
    counted = f"{repeated:,} of {sample.height:,} rows repeat an earlier one"
    has_orders = "order_id" in columns
    moment = sample.time_sql(columns["occurred_at"].column, timestamp_format)
    key = sample.text_sql(columns["order_id"].column) if has_orders else f"CAST({moment} AS DATE)"
    ((whole, of_lines),) = sample.rows(f"""
        SELECT coalesce(sum(again) FILTER (lines > 1 AND least > 1), 0),
            coalesce(avg(CAST(lines > 1 AS INTEGER)), 0)
        FROM (
            SELECT count(*) AS lines, min(copies) AS least, sum(copies - 1) AS again
            FROM (
                SELECT {key} AS key, {sample.row_sql} AS line, count(*) AS copies
                FROM sample GROUP BY ALL)
            WHERE key IS NOT NULL GROUP BY key)
    """)
    if whole >= _HALF * repeated:
        what = "orders" if has_orders else "days"
        why = f"{counted}, {whole:,} of them in whole {what} over again: double entries"
        return Duplicates("drop", why, sure=bool(whole >= _MOST * repeated))
    if has_orders and of_lines < _FEW:
        return Duplicates("drop", f"{counted}, and an order is one row: double entries")
    if not has_orders and _has_days_only(sample, moment):
        return Duplicates("keep", f"{counted}: nothing tells two purchases of a day apart")
    return Duplicates("keep", f'{counted}: purchases, or double entries ("drop")?', sure=False)


def _has_days_only(sample: Sample, moment: str) -> bool:
    ((has_clock,),) = sample.rows(
        f"SELECT coalesce(bool_or({moment} <> date_trunc('day', {moment})), false) FROM sample"
    )
    return not has_clock
