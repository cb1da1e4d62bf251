"""When a published run no longer holds, and when a new one may not take its place."""

from typing import Literal

from pydantic import Field

from holdfast.study.sections import Section, Share


class Monitor(Section):
    """What of drift, of outcomes and of a new run counts as worth a finding."""

    drift_times: float = Field(1.5, ge=1, le=100)  # decision 92
    """A feature has drifted that moved more than so many times as far as in a usual month."""
    least_customers: int = Field(200, ge=1)
    """Of fewer, neither drift nor outcomes are a finding."""
    auc_below: Share = 0.05
    """By how much ROC-AUC may fall short of what was expected."""
    churn_rate_off: Share = 0.05
    """By how much the share who churned may differ from what was expected."""
    total_off: Share = 0.25
    """By what share the revenue that came may differ from what was expected."""
    coverage_below: Share = 0.1
    """By how much fewer outcomes than promised may lie within an interval."""
    challenger: Literal["refuse", "warn", "off"] = "refuse"
    """What happens to a new run that is certainly worse than the published one: it is not published
    ("refuse"), it is and says so ("warn"), or nothing is compared."""
    worse_by: Share = 0.0
    """By what share of its error a run must be worse, for certain."""
