"""The data report as a page: what `holdfast check` found, for whoever owns the data."""

from collections.abc import Mapping
from typing import Any

from holdfast.report import formatting
from holdfast.report.charts import data_quality
from holdfast.report.data_tables import gate, input_rows, set_aside, topic_rows, violations
from holdfast.report.html import dressing, template, told
from holdfast.report.render import Drawing, drawing

SECTIONS = (
    ("summary", "In short"),
    ("findings", "Findings"),
    ("enough", "Enough?"),
    ("topics", "The data"),
    ("rows", "Rows"),
)
_SHOWN = 40


def render_check(study: str, found: Mapping[str, Any]) -> str:
    """Write the page from the check's plain values."""
    total = {part: sum(rows[part] for rows in found["rows"].values()) for part in _PARTS}
    page = {
        "study": study,
        "sections": SECTIONS,
        "failures": [formatting.sentence(failure) for failure in found["failures"]],
        "lead": _lead(found, total),
        "cards": [
            {"name": name, "figure": formatting.count(total[part]), "note": note}
            for part, (name, note) in _PARTS.items()
        ],
        "findings": told(found["findings"]),
        "enough": _enough(found["sufficiency"]),
        "gate": gate(found["sufficiency"]["counts"]),
        "drawings": _drawings(found),
        "topics": [
            {
                "title": topic["title"],
                "sentences": [formatting.sentence(said) for said in topic["sentences"]],
                "table": topic_rows(topic, at_most=_SHOWN),
            }
            for topic in found["topics"]
        ],
        "rows": input_rows(found["rows"]),
        "set_aside": set_aside(found),
        "violations": violations(found),
    }
    return template("check.html.j2").render(page=page, **dressing())


_PARTS = {
    "read": ("Rows read", "from all inputs"),
    "accepted": ("Accepted", "what everything is learnt from"),
    "set_aside": ("Set aside", "understood, and not wanted"),
    "quarantined": ("Quarantined", "not understood, or against the contract"),
}


def _lead(found: Mapping[str, Any], total: Mapping[str, int]) -> str:
    fit = "fit to come in" if found["passed"] else "not fit to come in"
    n = len(found["findings"])
    share = (
        formatting.percent(total["accepted"] / total["read"]) if total["read"] else formatting.NONE
    )
    noticed = (
        f"{formatting.plural(n, 'thing')} to know before using them"
        if n
        else "nothing to object to"
    )
    return (
        f"The inputs are {fit}: {share} of the rows are accepted, and there "
        f"{'is' if n < 2 else 'are'} {noticed}."
    )


def _enough(gate: Mapping[str, Any]) -> str:
    if gate["enough"]:
        return "Yes: every count holds, and no result is withheld."
    return (
        f"Not for everything. Withheld: {formatting.listing(gate['withheld'])}. The findings say "
        "what can still be told."
    )


def _drawings(found: Mapping[str, Any]) -> list[Drawing]:
    topics = {topic["name"]: topic for topic in found["topics"]}
    drawn = []
    if "calendar" in topics:
        drawn.append(drawing("weeks", data_quality.weeks(topics["calendar"]["weeks"])))
    clock = topics.get("clock", {})
    if clock.get("lines_by_hour"):
        drawn.append(
            drawing("hours", data_quality.hours(clock["lines_by_hour"], zone=clock["time_zone"]))
        )
    return drawn
