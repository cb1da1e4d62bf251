"""A shop of five customers, and audiences of it."""

from typing import Any

import polars as pl

from holdfast.campaigns.audience import Audience, Rule, build_audience
from holdfast.study import Study

LOG = {
    "study": {"name": "shop", "currency": "GBP"},
    "transactions": {
        "path": "o.csv",
        "columns": {"customer_id": "c", "occurred_at": "t", "amount": "a"},
    },
    "value": {"margin_rate": 0.5},
}
STUDY = Study.from_dict(LOG)
SCORES = pl.DataFrame(
    {
        "customer_id": ["ann", "bob", "cid", "dot", "eve"],
        "cutoff_day": pl.Series([19_905] * 5, dtype=pl.Int32),
        "churn_probability": [0.5, 0.9, 0.2, 0.8, 0.9],
        "expected_revenue": [1000.0, 400.0, 3000.0, 20.0, 500.0],
        "segment": ["At-Risk VIP", "Vulnerable", "Champion", "Losing Customer", "At-Risk VIP"],
        "at_stake": [500.0, 360.0, 600.0, 16.0, 450.0],
    }
)


def build(**rule: Any) -> Audience:
    return build_audience(SCORES, Rule(**{"holdout_share": 0.0, **rule}), run_id="r1", study=STUDY)
