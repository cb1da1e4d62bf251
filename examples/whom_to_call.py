"""Whom to call with a budget: the customers at risk who bring most back per unit of money, until it
is spent.

Usage: python whom_to_call.py FOLDER_OF_RUNS BUDGET
"""

import sys
from pathlib import Path

import polars as pl

import holdfast as hf

run = hf.Registry(Path(sys.argv[1])).open()
budget = float(sys.argv[2])
terms = run.table("recovery").select("segment", "cost", "recovered")
share = pl.col("recovered") / pl.col("at_stake").sum().over("segment")
called = (
    run.scores.join(terms, on="segment")
    .with_columns(brings=pl.col("at_stake") * share)
    .filter(pl.col("brings") > pl.col("cost"))
    .sort(pl.col("brings") / pl.col("cost"), descending=True)
    .filter(pl.col("cost").cum_sum() <= budget)
)
for row in called.head(10).to_dicts():
    print(
        f"{row['customer_id']}: {row['segment']}, costs {row['cost']:,.0f}, may bring "
        f"{row['brings']:,.0f}"
    )
print(
    f"{called.height} customers, cost {called['cost'].sum():,.0f}, may bring "
    f"{called['brings'].sum():,.0f} (assumed)"
)
