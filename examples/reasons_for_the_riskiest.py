"""The ten most valuable customers at risk, and why. Usage: python reasons_for_the_riskiest.py
holdfast.toml
"""

import sys

import polars as pl

import holdfast as hf

run = hf.run(hf.Study.from_toml(sys.argv[1]))
at_risk = (
    run.scores.filter(segment="At-Risk VIP").sort("expected_revenue", descending=True).head(10)
)
why = run.reasons.filter(pl.col("task") == "churn", pl.col("rank") <= 2)
why = why.group_by("customer_id").agg(pl.col("sentence").str.join("; "))
for row in at_risk.join(why, on="customer_id", maintain_order="left").to_dicts():
    print(
        f"{row['customer_id']}: {row['churn_probability']:.0%}, {row['expected_revenue']:,.0f}: "
        f"{row['sentence']}"
    )
