"""The outcome of a run, before it is published: its tables, its models' parts and its summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything a run found.

    Attributes
    ----------
    tables
        Name -> table: scores, features, reasons, contributions, importance, segments, recovery, predictions, evidence,
        quarantine.
    parts
        Path below the run's folder -> bytes: the models and the segment rule.
    summary
        What `holdfast run --json` prints, but for what only a published run has.
    data_fingerprint
        SHA-256 of the accepted data.
    """

    tables: Mapping[str, pl.DataFrame]
    parts: Mapping[str, bytes]
    summary: Mapping[str, Any]
    data_fingerprint: str
