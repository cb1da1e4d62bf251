"""The data report as a page: what `holdfast check` found, for whoever owns the data."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from holdfast.report import formatting
from holdfast.report.charts import churn_window
from holdfast.report.html import dressing, template, told
from holdfast.report.listings import Listing
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
        "gate": _gate(found["sufficiency"]),
        "drawings": _drawings(found),
        "topics": [
            {
                "title": topic["title"],
                "sentences": [formatting.sentence(said) for said in topic["sentences"]],
                "listing": _rows_of(topic),
            }
            for topic in found["topics"]
        ],
        "rows": _inputs(found),
        "set_aside": _set_aside(found),
        "violations": _violations(found),
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


def _gate(gate: Mapping[str, Any]) -> Listing:
    rows = tuple(
        (
            formatting.capital(count["unit"]),
            "yes" if count["holds"] else "no",
            formatting.listing(list(count["withheld"])) if not count["holds"] else "",
            formatting.count(count["found"]),
            f"{'at most' if count['name'] == 'stale-log' else 'at least'} "
            f"{formatting.count(count['needed'])}",
            formatting.count(count["missing"]) if count["missing"] else "",
        )
        for count in gate["counts"]
    )
    columns = ("Count", "Enough", "Withheld", "Found", "Needed", "Missing by")
    return Listing(caption="What answers need", columns=columns, rows=rows, n_words=3)


def _drawings(found: Mapping[str, Any]) -> list[Drawing]:
    topics = {topic["name"]: topic for topic in found["topics"]}
    drawn = []
    if "calendar" in topics:
        drawn.append(drawing("weeks", churn_window.weeks(topics["calendar"]["weeks"])))
    clock = topics.get("clock", {})
    if clock.get("lines_by_hour"):
        drawn.append(
            drawing("hours", churn_window.hours(clock["lines_by_hour"], zone=clock["time_zone"]))
        )
    return drawn


def _rows_of(topic: Mapping[str, Any]) -> Listing | None:
    rows = topic.get("rows")
    if not rows:
        return None
    names = list(rows[0])
    first_number = next((i for i, name in enumerate(names) if _is_number(rows, name)), len(names))
    shown = tuple(tuple(_cell(row[name]) for name in names) for row in rows[:_SHOWN])
    more = f", the first {_SHOWN} of {len(rows):,}" if len(rows) > _SHOWN else ""
    columns = tuple(formatting.capital(name.replace("_", " ")) for name in names)
    return Listing(caption=topic["title"] + more, columns=columns, rows=shown, n_words=first_number)


def _is_number(rows: list[dict[str, Any]], name: str) -> bool:
    return all(row[name] is None or isinstance(row[name], int | float) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return (
            formatting.count(value)
            if abs(value) >= 1000 or value == round(value)
            else f"{value:,.3g}"
        )
    return formatting.count(value) if isinstance(value, int) else str(value)


def _inputs(found: Mapping[str, Any]) -> Listing:
    rows = tuple(
        (name, *(formatting.count(each[part]) for part in _PARTS))
        for name, each in found["rows"].items()
    )
    columns = ("Input", *(title for title, _ in _PARTS.values()))
    return Listing(caption="Accepted + set aside + quarantined = read", columns=columns, rows=rows)


def _set_aside(found: Mapping[str, Any]) -> Listing:
    quarantined = {(each["input"], each["reason"]) for each in found["violations"]}
    rows = tuple(
        (reason, name, formatting.count(n))
        for name, reasons in found["reasons"].items()
        for reason, n in sorted(reasons.items(), key=lambda item: -item[1])
        if n and (name, reason) not in quarantined
    )
    return Listing(
        caption="Set aside, and why", columns=("Reason", "Input", "Rows"), rows=rows, n_words=2
    )


def _violations(found: Mapping[str, Any]) -> Listing:
    rows = tuple(
        (
            each["reason"],
            each["input"],
            "\n".join(
                f"{PurePath(e['source']).name}, row {e['row']}: {e['raw'][:160]}"
                for e in each["examples"]
            ),
            formatting.count(each["rows"]),
            formatting.percent(each["share"], 2),
        )
        for each in found["violations"]
    )
    columns = ("Reason", "Input", "Examples", "Rows", "Share")
    return Listing(caption="Quarantined, and why", columns=columns, rows=rows, n_words=3)
