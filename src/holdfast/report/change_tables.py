"""The tables of what changed a score: part by part with its reasons, and segment by segment."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.report import formatting
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table

HEADINGS = {"churn": "Churn probability", "value": "Expected revenue"}
PARTS = {"time": "Time passing", "behaviour": "New behaviour", "model": "New model"}


def change_parts(change: Mapping[str, Any], *, currency: str) -> Table:
    """One task's change: each part with its reasons below it, which add up to it."""
    is_churn = change["task"] == "churn"
    rows = list(_rows(change))
    if is_churn:
        rows = [{**row, "points": 100 * row["points"]} for row in rows]
    points = Col("points", "Points of probability", "points")
    columns = (
        (Col("contribution", "Log-odds", "effect"), points)
        if is_churn
        else (Col("points", "Amount", "money"),)
    )
    return make_table(HEADINGS[change["task"]], rows, Col("what"), *columns, currency=currency)


def _rows(change: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for part in change["parts"]:
        yield {**part, "what": formatting.capital(part["cause"])}
        for each in part["reasons"]:
            yield {**each, "what": f"· {formatting.capital(each['sentence'])}"}
    moved = change["after"] - change["before"]
    yield {"what": "The whole change", "contribution": change["change"], "points": moved}


def segment_changes(segments: Sequence[Mapping[str, Any]], task: str, *, currency: str) -> Table:
    """Each segment in a row: before, what each part changed, and now."""
    kind, scale = ("points", 100) if task == "churn" else ("money", 1)
    rows = [
        {
            "segment": segment["segment"],
            "customers": segment["customers"],
            "before": change["before"],
            "after": change["after"],
            **{part["part"]: scale * part["points"] for part in change["parts"]},
        }
        for segment in segments
        for change in segment["tasks"]
        if change["task"] == task
    ]
    end = "percent" if task == "churn" else "money"
    columns = (
        Col("before", "Before", end),
        *(Col(name, heading, kind) for name, heading in PARTS.items()),
        Col("after", "Now", end),
    )
    unit = ", points of probability" if task == "churn" else ""
    caption = f"{HEADINGS[task]} by segment, and what changed it{unit}"
    return make_table(caption, rows, "segment customers", *columns, currency=currency)


def who_came_and_went(changes: Mapping[str, Any], *, currency: str) -> str:
    """Who is in one of the two runs only, in a sentence; empty where it is not known."""
    if not changes.get("new"):
        return ""
    parts = [
        f"{formatting.plural(changes[name]['customers'], 'customer')} {what}, expected to bring "
        f"{formatting.money(changes[name]['expected_revenue'], currency)}"
        for name, what in (("new", "came in"), ("gone", "dropped out"))
    ]
    both = formatting.plural(changes["customers"], "customer")
    if not changes["new"]["customers"] and not changes["gone"]["customers"]:
        return f"Both runs have the same {both}."
    return f"Both runs have {both}, of whom this tells. Besides, {parts[0]}, and {parts[1]}."
