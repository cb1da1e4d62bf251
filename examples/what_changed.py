"""What changed since the run before: totals, and the most valuable customers who moved into risk.

Usage: python what_changed.py FOLDER_OF_RUNS
"""

import sys
from pathlib import Path

import polars as pl

import holdfast as hf

registry = hf.Registry(Path(sys.argv[1]))
newest, before = (registry.open(run_id) for run_id in registry.run_ids()[:2])
for name in ("customers", "expected_revenue", "share_at_risk"):
    print(f"{name}: {before.summary[name]:,.6g} -> {newest.summary[name]:,.6g}")
both = newest.scores.join(before.scores, on="customer_id", suffix="_before")
at_risk = ["At-Risk VIP", "Vulnerable", "Losing Customer"]
moved = both.filter(pl.col("segment").is_in(at_risk), ~pl.col("segment_before").is_in(at_risk))
print(f"{moved.height} of {both.height} customers moved into risk")
for row in moved.sort("expected_revenue_before", descending=True).head(10).to_dicts():
    print(
        f"{row['customer_id']}: {row['segment_before']} -> {row['segment']}, was "
        f"{row['expected_revenue_before']:,.0f}"
    )
