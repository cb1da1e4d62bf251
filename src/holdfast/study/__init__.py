"""The study: one frozen configuration, read from holdfast.toml and passed to everything.

A key that does not exist is an error that names the nearest one that does. Environment variables in
paths and the names of variables that hold secrets stay as written; only the rooms that open a
source look them up.
"""

from holdfast.study.offers import Offer, Plan
from holdfast.study.settings import (
    AT_RISK_SEGMENTS,
    SEGMENT_NAMES,
    Explain,
    Privacy,
    Promotion,
    Recovery,
    Segments,
    Webhook,
)
from holdfast.study.snapshot_source import SnapshotSource
from holdfast.study.sources import Csv, Database, Postgres, Source, Transactions
from holdfast.study.study import Study
from holdfast.study.tasks import (
    ALGORITHMS,
    SEQUENCE,
    Churn,
    SequenceParameters,
    Value,
    eligible_days,
)

__all__ = [
    "ALGORITHMS", "AT_RISK_SEGMENTS", "SEGMENT_NAMES", "SEQUENCE", "Churn", "Csv", "Database",
    "Explain", "Offer", "Plan", "Postgres", "Privacy", "Promotion", "Recovery", "Segments",
    "SequenceParameters", "SnapshotSource", "Source", "Study", "Transactions", "Value", "Webhook",
    "eligible_days",
]  # fmt: skip
