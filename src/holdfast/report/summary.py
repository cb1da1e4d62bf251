"""The run in a few sentences and figures: what a manager reads first. Every figure is from the
run's summary.
"""

from typing import Any

from holdfast.report import formatting
from holdfast.report.report_data import Report


def when(report: Report, task: str) -> str:
    """The target window, in words."""
    days = (report.summary.get(task) or {}).get("horizon_days")
    return (
        f"over the next {formatting.plural(days, 'day')}" if days else "by the snapshot's own label"
    )


def lead(report: Report) -> str:
    """One paragraph: who is at risk and what they hold."""
    summary, money = report.summary, report.currency
    n, share = (
        formatting.plural(summary["customers"], "customer"),
        formatting.percent(summary["share_at_risk"]),
    )
    leaving = f"Of {n}, {share} are likely to leave {when(report, 'churn')}."
    if report.is_snapshot:
        leaving = f"Of {n}, {share} count as likely to leave, {when(report, 'churn')}."
    if not report.knows_value:
        return leaving
    held, all_revenue = summary["revenue_at_risk"], summary["expected_revenue"]
    part = f", {formatting.percent(held / all_revenue)} of the total" if all_revenue > 0 else ""
    return f"{leaving} They hold {formatting.money(held, money)} of expected revenue{part}."


def cards(report: Report) -> list[dict[str, str]]:
    """The headline figures: name, figure and note."""
    summary = report.summary
    n, share = formatting.count(summary["customers"]), formatting.percent(summary["share_at_risk"])
    at = formatting.percent(report.study.churn.threshold, 0)
    found = [
        ("Customers", n, f"scored as of {formatting.day(summary['cutoff_day'])}"),
        ("Likely to leave", share, f"churn probability of {at} or more"),
    ]
    if report.knows_value:
        expected, held = (
            formatting.money(summary[k], report.currency)
            for k in ("expected_revenue", "revenue_at_risk")
        )
        found += [
            ("Expected revenue", expected, when(report, "value")),
            ("Revenue at risk", held, "held by those likely to leave"),
        ]
    return [{"name": name, "figure": figure, "note": note} for name, figure, note in found]


def top_reasons(report: Report) -> list[dict[str, Any]]:
    """The strongest reasons of each task, in words."""
    reasons = report.summary.get("top_reasons", [])
    headings = {"churn": "What moves the risk", "value": "What moves the value"}
    found = {
        task: [reason["sentence"] for reason in reasons if reason["task"] == task]
        for task in headings
    }
    return [
        {"name": headings[task], "sentences": sentences}
        for task, sentences in found.items()
        if sentences
    ]


def how_proved(report: Report) -> str:
    """What the evidence is worth, in one paragraph."""
    if report.is_snapshot:
        snapshot = report.study.snapshot
        share = formatting.percent(snapshot.test_share if snapshot else None, 0)
        return (
            f"Measured on {share} of the customers, held out from learning. A snapshot has no "
            "later time to be proved "
            "on: these figures say how well the labels of the snapshot are recovered, not how well "
            "the future is "
            "predicted."
        )
    cutoffs = [formatting.day(day) for day in report.evidence["cutoff_day"].unique().sort()]
    if not cutoffs:
        return "The log is too short to prove anything on later time: see the findings."
    when = (
        f"each cutoff ({formatting.listing(cutoffs)})"
        if len(cutoffs) > 1
        else f"the cutoff, {cutoffs[0]},"
    )
    return (
        f"At {when} the models were learnt from outcomes that were complete before it, "
        "and their predictions were compared with what happened after it."
    )


def stamps(report: Report) -> list[dict[str, str]]:
    """What must be read before any figure: findings that are fatal, acknowledged or not."""
    known = report.study.acknowledge
    return [
        {
            "heading": "Read this first"
            + (" (acknowledged in the study)" if finding["name"] in known else ""),
            "text": " ".join(
                formatting.sentence(finding[part]) for part in ("evidence", "meaning")
            ),
        }
        for finding in report.summary.get("findings", [])
        if finding["severity"] == "fatal"
    ]


def audited(report: Report) -> str:
    """What the audit asked and found, in a sentence; empty for a run that was not audited."""
    asked = (report.summary.get("audit") or {}).get("suspicions", [])
    if not asked:
        return ""
    found = [row for row in asked if row["found"]]
    questions = formatting.plural(len(asked), "question")
    if not found:
        return (
            f"The audit asked {questions} of the data and the models and found nothing to object "
            "to."
        )
    fatal = {
        finding["name"]
        for finding in report.summary.get("findings", [])
        if finding["severity"] == "fatal"
    }
    known = sorted(fatal.intersection(name for row in found for name in row["found"]))
    told = (
        f"The audit asked {questions} of the data and the models and objects in "
        f"{formatting.count(len(found))} of them."
    )
    if not known:
        return f"{told} The findings below say what was seen, what it means and what to do."
    names = formatting.listing([name.replace("-", " ") for name in known])
    return (
        f"{told} The run would have been refused ({names}), had the study not acknowledged it by "
        "name."
    )


def rows(report: Report) -> str:
    """What became of the rows, checked."""
    read = report.summary.get("rows") or {}
    if not read:
        return "The number of rows was not recorded."
    parts = [read[name] for name in ("accepted", "set_aside", "quarantined")]
    sum_ = (
        f"{formatting.count(parts[0])} accepted + {formatting.count(parts[1])} set aside + "
        f"{formatting.count(parts[2])} quarantined"
    )
    holds = "" if sum(parts) == read["read"] else ". These do not add up"
    where = " The quarantined ones are in quarantine.parquet." if read["quarantined"] else ""
    return f"{formatting.plural(read['read'], 'row')} read = {sum_}{holds}.{where}"
