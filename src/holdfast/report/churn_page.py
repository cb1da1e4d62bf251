"""What churn is in a log, as the report tells it: from the churn window's plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.report import formatting
from holdfast.report.listings import Listing

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SILENT = "Silent days"


def churn_page(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The section's words and tables; None for a run without a churn window."""
    if not found:
        return None
    return {
        "lead": _lead(found),
        "tradeoff": _listing(
            "Early or certain: what each window would cost", _TRADEOFF, found["tradeoff"]
        ),
        "groups": _listing("The window by rhythm", _GROUPS, found["groups"]),
        "counts": _listing(
            "Customers today, and with a window 30 days shorter or longer", _COUNTS, found["counts"]
        ),
        "labels": _listing("Up to which day outcomes are complete", _LABELS, found["labels"]),
        "seasons": _listing("Silences by the month they begin in", _SEASONS, found["seasons"]),
        "causes": _causes(found["causes"]),
    }


def _lead(found: Mapping[str, Any]) -> str:
    regime, days = found["regime"], found["window"]["days"]
    by_clock = formatting.percent(regime["clock_share"], 0)
    said = (
        f"The business looks {regime['name']}: {by_clock} of those who bought twice buy by the "
        "clock."
    )
    if days is None:
        return f"{said} No churn window can be recommended: see the findings."
    horizon = formatting.plural(found["horizon_days"], "day")
    return (
        f"{said} After {formatting.plural(days, 'day')} of silence at most one customer in five "
        f"returns within {horizon}: "
        "the recommended churn window. Active is who bought in the last "
        f"{formatting.plural(found['active_days'], 'day')}, "
        "lapsed who is silent for longer, lost from the window on."
    )


_Columns = Mapping[str, tuple[str, str]]
_TRADEOFF: _Columns = {
    "certainty": ("Of those called lost, not back in time", "share"),
    "window_days": ("Window, days", "count"),
    "earliest": ("At the earliest", "count"),
    "latest": ("At the latest", "count"),
    "returns_later": ("Returns that come later", "share"),
    "customers_lost": ("Customers lost today", "count"),
}
_GROUPS: _Columns = {
    "group": ("Group", "word"),
    "return_probability": ("Return right after a purchase", "share"),
    "window_days": ("Window, days", "count"),
    "earliest": ("At the earliest", "count"),
    "latest": ("At the latest", "count"),
    "customers": ("Customers", "count"),
    "lost": ("Lost today", "count"),
}
_COUNTS: _Columns = {
    "window_days": ("Window, days", "count"),
    "active": ("Active", "count"),
    "lapsed": ("Lapsed", "count"),
    "lost": ("Lost", "count"),
    "lost_share": ("Share lost", "share"),
}
_LABELS: _Columns = {
    "horizon_days": ("Horizon, days", "count"),
    "latest_cutoff_day": ("Latest cutoff", "day"),
    "customers": ("Customers", "count"),
    "churned": ("Churned", "count"),
    "churned_share": ("Share", "share"),
}
_SEASONS: _Columns = {
    "month": ("Month", "month"),
    "purchase_index": ("Purchases a day, mean 1", "ratio"),
    "silences": ("Silences", "count"),
    "gap_median_days": ("Half return within, days", "count"),
    "return_probability": ("Return within the horizon", "share"),
}


def _listing(caption: str, columns: _Columns, rows: Sequence[Mapping[str, Any]]) -> Listing:
    written = tuple(
        tuple(_cell(row[name], kind) for name, (_, kind) in columns.items()) for row in rows
    )
    return Listing(
        caption=caption, columns=tuple(title for title, _ in columns.values()), rows=written
    )


def _cell(value: Any, kind: str) -> str:
    if value is None:
        return formatting.NONE
    if kind == "share":
        return formatting.percent(value)
    if kind == "ratio":
        return formatting.decimal(value, 2)
    if kind == "month":
        return MONTHS[value - 1]
    if kind == "day":
        return formatting.day(value)
    return formatting.count(value) if kind == "count" else str(value)


def _causes(rows: Sequence[Mapping[str, Any]]) -> Listing:
    """Each cause at the last day told."""
    last = max((row["day"] for row in rows), default=0)
    columns: _Columns = {
        "cause": ("Cause", "word"),
        "left": ("Left", "count"),
        "incidence": ("Share that left", "share"),
        "low": ("Low", "share"),
        "high": ("High", "share"),
        "still_there": ("Still there", "share"),
    }
    caption = (
        f"Contracts that ended within {formatting.plural(last, 'day')} of the first purchase, by "
        "cause"
    )
    return _listing(caption, columns, [row for row in rows if row["day"] == last])
