"""The study: one frozen configuration, read from holdfast.toml and passed to everything.

A key that does not exist is an error that names the nearest one that does. Environment variables in
paths and the names of variables that hold secrets stay as written; only the rooms that open a
source look them up.
"""

from holdfast.study.offers import Offer, Plan
from holdfast.study.settings import (
    ALGORITHMS,
    AT_RISK_SEGMENTS,
    SEGMENT_NAMES,
    Churn,
    Explain,
    Privacy,
    Promotion,
    Recovery,
    Segments,
    Value,
    Webhook,
    eligible_days,
)
from holdfast.study.snapshot_source import SnapshotSource
from holdfast.study.sources import Csv, Database, Postgres, Source, Transactions
from holdfast.study.study import Study

__all__ = [
    "ALGORITHMS", "AT_RISK_SEGMENTS", "SEGMENT_NAMES", "Churn", "Csv", "Database", "Explain",
    "Offer", "Plan", "Postgres", "Privacy", "Promotion", "Recovery", "Segments", "SnapshotSource",
    "Source", "Study", "Transactions", "Value", "Webhook", "eligible_days",
]  # fmt: skip
