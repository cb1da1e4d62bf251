"""Find a customer among a million while somebody types, and one customer's rows of a table.

Scores are published sorted by customer and uncompressed, so the file is read in a moment and
searched by halving; only where few names begin as typed are the others looked through.
"""

from typing import Any

import polars as pl

from holdfast.io.runs import Run
from holdfast.serving.load import has_table


def read_scores(run: Run) -> pl.DataFrame:
    """The scores, one row per customer, sorted by customer_id, from the uncompressed file."""
    return pl.read_ipc(run.file("scores.arrow"))


def find_customers(scores: pl.DataFrame, typed: str, *, at_most: int = 8) -> pl.DataFrame:
    """Customers whose name begins with what was typed, then those whose name holds it; case matters
    to the former only.

    Returns
    -------
    polars.DataFrame
        At most `at_most` rows of `scores`.
    """
    if not typed:
        return scores.head(0)
    begins = _find_beginning(scores, typed, at_most)
    if begins.height == at_most:
        return begins
    # No pattern: what is typed is text, whatever it looks like.
    holds = scores["customer_id"].str.to_lowercase().str.contains(typed.lower(), literal=True)
    others = scores.filter(holds).filter(
        ~pl.col("customer_id").is_in(begins["customer_id"].to_list())
    )
    return pl.concat([begins, others.head(at_most - begins.height)])


def _find_beginning(scores: pl.DataFrame, typed: str, at_most: int) -> pl.DataFrame:
    start = int(scores["customer_id"].search_sorted(typed, side="left"))
    return scores[start : start + at_most].filter(pl.col("customer_id").str.starts_with(typed))


def find_customer(scores: pl.DataFrame, customer_id: str) -> dict[str, Any] | None:
    """One customer's row, or None."""
    for row in _find_beginning(scores, customer_id, 1).iter_rows(named=True):
        return row if row["customer_id"] == customer_id else None
    return None


def read_rows(run: Run, table: str, customer_id: str) -> pl.DataFrame | None:
    """One customer's rows of a table, or None where the run has no such table."""
    if not has_table(run, table):
        return None
    lazy = pl.scan_parquet(run.file(f"tables/{table}.parquet"))
    return lazy.filter(pl.col("customer_id") == customer_id).collect()
