"""What churn is in a log, as the report tells it: from the churn window's plain values."""

from collections.abc import Mapping
from typing import Any

from holdfast.report import formatting
from holdfast.report.data_tables import churn_window_tables


def churn_page(window: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The section's words and tables; None for a run without a churn window."""
    return {"lead": _lead(window), **churn_window_tables(window)} if window else None


def _lead(window: Mapping[str, Any]) -> str:
    regime, days = window["regime"], window["window"]["days"]
    by_clock = formatting.percent(regime["clock_share"], 0)
    said = (
        f"The business looks {regime['name']}: {by_clock} of those who bought twice buy by the "
        "clock."
    )
    if days is None:
        return f"{said} No churn window can be recommended: see the findings."
    horizon = formatting.plural(window["horizon_days"], "day")
    return (
        f"{said} After {formatting.plural(days, 'day')} of silence at most one customer in five "
        f"returns within {horizon}: "
        "the recommended churn window. Active is who bought in the last "
        f"{formatting.plural(window['active_days'], 'day')}, "
        "lapsed who is silent for longer, lost from the window on."
    )
