"""What the scores of customers come to: the headline figures of a run and of any part of its
customers, and the totals of each segment.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.segments import is_likely_to_leave
from holdfast.study import SEGMENT_NAMES
from holdfast.tables import SEGMENTS


@dataclass(frozen=True)
class ScoreTotals:
    """How many customers there are, how many of them are likely to leave, and money in the
    currency. All of it adds up over customers.
    """

    customers: int
    leaving: int
    leaving_at_stake: float
    expected_revenue: float
    at_stake: float

    @classmethod
    def of(cls, scores: pl.DataFrame, *, threshold: float) -> "ScoreTotals":
        """Of SCORES.

        Parameters
        ----------
        threshold
            From which churn probability on a customer is likely to leave.
        """
        leaving = scores.filter(is_likely_to_leave(threshold))
        return cls(
            scores.height,
            leaving.height,
            float(leaving["at_stake"].sum()),
            float(scores["expected_revenue"].sum()),
            float(scores["at_stake"].sum()),
        )

    def headline(self) -> dict[str, Any]:
        """As the summary of a run names them; the share of nobody is not known."""
        return {
            "customers": self.customers,
            "share_at_risk": self.leaving / self.customers if self.customers else None,
            "expected_revenue": self.expected_revenue,
            "at_stake": self.at_stake,
            "leaving_at_stake": self.leaving_at_stake,
        }


def sum_up_segments(scores: pl.DataFrame) -> pl.DataFrame:
    """Sum up each segment: one row for each of the six names, most valuable tier first, zeros where
    nobody is.

    Returns
    -------
    polars.DataFrame
        By the contract `tables.SEGMENTS`.
    """
    return SEGMENTS.check(
        pl.DataFrame([_totals(name, scores) for name in SEGMENT_NAMES], schema=SEGMENTS.schema)
    )


def _totals(name: str, scores: pl.DataFrame) -> dict[str, str | int | float]:
    members = scores.filter(pl.col("segment") == name)
    # numpy adds in a fixed order, whatever the number of threads: the same table, byte for byte.
    revenue, churn, risk, kept, at_stake = (
        float(np.sum(members[column].to_numpy()))
        for column in (
            "expected_revenue", "churn_probability", "risk_score", "value_if_kept", "at_stake",
        )
    )  # fmt: skip
    margin_if_kept, margin_at_stake = (
        float(np.sum((members["margin_rate"] * members[column]).fill_null(0.0).to_numpy()))
        for column in ("value_if_kept", "at_stake")
    )
    size = max(members.height, 1)
    return {
        "segment": name,
        "customers": members.height,
        "average_ltv": revenue / size,
        "total_ltv": revenue,
        "average_churn_probability": churn / size,
        "average_risk_score": risk / size,
        "value_if_kept": kept,
        "at_stake": at_stake,
        "margin_if_kept": margin_if_kept,
        "margin_at_stake": margin_at_stake,
    }


def add_segments(parts: pl.DataFrame) -> pl.DataFrame:
    """SEGMENTS of all customers, from those of different customers one after the other."""
    averages = [name for name in SEGMENTS.schema.names() if name.startswith("average_")]
    totals = [
        name for name in SEGMENTS.schema.names() if name not in ("segment", "customers", *averages)
    ]
    weighted = parts.with_columns(pl.col(averages) * pl.col("customers"))
    added = weighted.group_by("segment", maintain_order=True).agg(
        pl.col("customers", *averages, *totals).sum()
    )
    size = pl.col("customers").clip(lower_bound=1)
    return SEGMENTS.check(
        added.with_columns(pl.col(averages) / size).select(SEGMENTS.schema.names())
    )
