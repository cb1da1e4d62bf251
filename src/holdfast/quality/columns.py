"""The columns of a snapshot: what each holds, how much is missing, and which tell nobody apart."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import polars.selectors as cs

from holdfast.findings import Finding
from holdfast.quality.topics import Topic
from holdfast.quality.units import find_mixed_units


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
