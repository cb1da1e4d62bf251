"""Next steps: the few things that a manager should do now, the most urgent first, from a run's
findings, its plan, the campaigns that wait to be read out, and how old all of it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.report.formatting import chance

STALE_DAYS = 31
"""Data that ends longer ago says little of who is at risk today."""
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """Something to do.

    Attributes
    ----------
    what
        In the imperative, without a full stop.
    why
        A sentence.
    page
        The page of the dashboard that helps, as its address calls it.
    """

    what: str
    why: str
    page: str


def next_steps(
    summary: Mapping[str, Any], *, age_days: int, unread: Sequence[str] = ()
) -> list[NextStep]:
    """The three most urgent.

    Parameters
    ----------
    summary
        Of the run.
    age_days
        Days since the last day of the data.
    unread
        Names of campaigns whose window is over and which the run has not read out.
    """
    steps = [
        *_settle_fatal(summary),
        *_load_data(age_days),
        *_read_out(unread),
        *_contact(summary),
        *_stop_losing(summary),
        *_read_warnings(summary),
    ]
    return steps[:SHOWN]


def _findings(summary: Mapping[str, Any], severity: str) -> list[Mapping[str, Any]]:
    """Findings that nobody has acknowledged yet."""
    acknowledged = (summary.get("audit") or {}).get("acknowledged", ())
    return [
        each
        for each in summary.get("findings", ())
        if each["severity"] == severity and each["name"] not in acknowledged
    ]


def _settle_fatal(summary: Mapping[str, Any]) -> Iterator[NextStep]:
    for finding in _findings(summary, "fatal"):
        name = finding["name"].replace("-", " ")
        what = f"Settle a fatal finding before anything else: {name}"
        yield NextStep(what=what, why=_sentence(finding["fix"]), page="performance?part=Findings")


def _load_data(age_days: int) -> Iterator[NextStep]:
    if age_days > STALE_DAYS:
        why = f"The data ends {age_days:,} days ago: who is at risk today may be somebody else."
        yield NextStep(what="Load the latest orders and run again", why=why, page="health")


def _read_out(unread: Sequence[str]) -> Iterator[NextStep]:
    if unread:
        names = ", ".join(unread[:3]) + ("" if len(unread) <= 3 else f" and {len(unread) - 3} more")
        why = f"The window is over and this run has not read the result: {names}."
        what = "Run again to see what your last campaign did"
        yield NextStep(what=what, why=why, page="campaigns")


def _contact(summary: Mapping[str, Any]) -> Iterator[NextStep]:
    """Send the plan; without one, choose by hand, where anybody is at risk."""
    plan = summary.get("plan") or {}
    if "total" in plan and plan["contacted"]:
        pays = chance(plan["total"]["p_net_above_0"])
        what = f"Contact the {plan['contacted']:,} customers of the plan"
        alone = f"{plan['held_out']:,} are left alone to prove it"
        why = f"It pays with a chance of {pays}; {alone}."
        yield NextStep(what=what, why=why, page="plan")
    elif at_risk := round((summary["share_at_risk"] or 0) * summary["customers"]):
        what = f"Choose whom to contact among the {at_risk:,} who are likely to leave"
        why = "The study has no plan that pays: start with those who have the most at stake."
        yield NextStep(what=what, why=why, page="actions")


def _stop_losing(summary: Mapping[str, Any]) -> Iterator[NextStep]:
    results = (summary.get("campaigns") or {}).get("results", ())
    rows = [row for result in results for row in result["offers"]]
    latest = max(rows, key=lambda row: row["date"], default=None)
    if latest and latest["pays"] == "no":
        what = f"Change or stop what {latest['campaign']} did"
        why = "The latest campaign that was read out certainly cost more than it brought."
        yield NextStep(what=what, why=why, page="campaigns")


def _read_warnings(summary: Mapping[str, Any]) -> Iterator[NextStep]:
    warnings = _findings(summary, "warning")
    if warnings:
        n = len(warnings)
        what = f"Read {'the warning' if n == 1 else f'the {n} warnings'} of this run"
        first = warnings[0]["evidence"].split(";")[0]
        why = f"The first: {_sentence(first)}"
        yield NextStep(what=what, why=why, page="performance?part=Findings")


def _sentence(text: str) -> str:
    begun = text[:1].upper() + text[1:].replace("`", "")
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
