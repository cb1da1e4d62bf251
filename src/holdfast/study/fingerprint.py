"""What a study is known by: SHA-256 of what it says. A study that does not use what is newer has
the fingerprint that it had before there was any such thing.
"""

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.study.sources import Source
    from holdfast.study.study import Study

_NEWER_SECTIONS = (
    "acquisition", "calendar", "conversion", "privacy", "campaigns", "offers", "plan", "monitor",
    "features",
)  # fmt: skip
_NEWER_COLUMNS = {
    "customers": ("consent", "do_not_contact", "email", "phone"),
    "treatments": ("offer", "assigned", "delivered", "accepted", "cluster", "event_id"),
    "transactions": ("cost", "unit_cost", "category", "event_id"),
    "events": ("event_id",),
    "snapshot": ("consent", "do_not_contact"),
}


def fingerprint_of(study: "Study") -> str:
    """SHA-256 of a study's content, 64 hex digits."""
    absent: dict[str, Any] = {
        name: True
        for name in _NEWER_SECTIONS
        if getattr(study, name) == type(study).model_fields[name].default
    }
    for section, names in _NEWER_COLUMNS.items():
        if (source := getattr(study, section)) is not None:
            unnamed = {name for name in names if getattr(source.columns, name) is None}
            absent[section] = {"columns": unnamed, **_unsaid(source)}
    if study.conversion is not None and study.conversion.rates is not None:
        absent["conversion"] = {"rates": _unsaid(study.conversion.rates)}
    unsaid = {"margin_by_category"} if not study.value.margin_by_category else set()
    absent["value"] = unsaid | ({"pool_btyd"} if study.value.pool_btyd else set())
    absent["churn"] = {"pool_btyd"} if study.churn.pool_btyd else set()
    return hashlib.sha256(study.model_dump_json(exclude=absent).encode()).hexdigest()


def _unsaid(source: "Source") -> dict[str, bool]:
    """What a source does not say of Spark."""
    names = ("table", "format", "version")
    return {name: True for name in names if getattr(source, name) is None}
