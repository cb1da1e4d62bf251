"""The run in a few sentences and figures: what a manager reads first."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from holdfast.findings import SEVERITIES
from holdfast.report import formatting
from holdfast.report.report_data import Report


def when(report: Report, task: str) -> str:
    """The target window, in words."""
    days = (report.summary.get(task) or {}).get("horizon_days")
    return (
        f"over the next {formatting.plural(days, 'day')}" if days else "by the snapshot's own label"
    )


def lead(report: Report) -> str:
    """One paragraph: how many are likely to leave and what is at stake."""
    summary, currency = report.summary, report.currency
    n, leaving = formatting.plural(summary["customers"], "customer"), likely_to_leave(summary)
    verb = "count as likely to leave," if report.is_snapshot else "are likely to leave"
    error = formatting.past_error((summary.get("churn") or {}).get("past_error"))
    past = f" ({error})" if error else ""
    first = f"Of {n}, {leaving} {verb} {when(report, 'churn')}{past}."
    # A run older than what is at stake does not say it.
    if not report.knows_value or "at_stake" not in summary:
        return first
    expected, at_stake = (
        formatting.money(summary[name], currency) for name in ("expected_revenue", "at_stake")
    )
    if report.is_snapshot:
        return f"{first} {at_stake} of {expected} is at stake."
    return (
        f"{first} All customers are expected to bring {expected} {when(report, 'value')}; keeping "
        f"all who have not left yet would add {at_stake}, the revenue at stake."
    )


def likely_to_leave(summary: Mapping[str, Any]) -> str:
    """How many customers are likely to leave, and which share of all.

    >>> likely_to_leave({"customers": 400, "share_at_risk": 0.25})
    '100 (25.0%)'
    """
    share = summary["share_at_risk"]
    count = formatting.count(round(share * summary["customers"]))
    return f"{count} ({formatting.percent(share)})"


def order_warning(summary: Mapping[str, Any]) -> str:
    """What to know of the order of customers before choosing by it; empty where it was proved."""
    by_lot = [
        word
        for task, word in (("churn", "risk"), ("value", "expected revenue"))
        if (summary.get(task) or {}).get("ranks_by_chance")
    ]
    if not by_lot:
        return ""
    return (
        f"In the tests, customers ordered by {formatting.listing(by_lot)} came out no better than "
        "in random order. What stands here says how the model sees them, not who is next."
    )


def top_reasons(report: Report) -> list[dict[str, Any]]:
    """The strongest reasons of each task, in words."""
    reasons = report.summary.get("top_reasons", [])
    headings = {
        "churn": "Why: what moves the risk of leaving",
        "value": "What moves the expected revenue",
    }
    sentences = {
        task: [reason["sentence"] for reason in reasons if reason["task"] == task]
        for task in headings
    }
    return [
        {"name": headings[task], "sentences": lines} for task, lines in sentences.items() if lines
    ]


def proof_sentence(report: Report) -> str:
    """What the evidence is worth, in one paragraph."""
    if report.is_snapshot:
        snapshot = report.study.snapshot
        share = formatting.percent(snapshot.test_share if snapshot else None, 0)
        return (
            f"Measured on {share} of the customers, held out from learning. A snapshot has no "
            "later time to be proved on: these figures say how well the labels of the snapshot "
            "are recovered, not how well the future is predicted."
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


def finding_cards(
    findings: Iterable[Mapping[str, str]], acknowledged: Collection[str] = ()
) -> list[dict[str, str]]:
    """Findings as sentences, the gravest first."""
    return [
        {part: formatting.sentence(finding[part]) for part in ("evidence", "meaning", "fix")}
        | {
            "severity": finding["severity"],
            "badge": formatting.capital(finding["severity"])
            + ", acknowledged in the study" * (finding["name"] in acknowledged),
            "title": formatting.capital(finding["name"].replace("-", " ")),
        }
        for finding in sorted(findings, key=lambda each: SEVERITIES.index(each["severity"]))
    ]


def findings(report: Report) -> list[dict[str, str]]:
    """What the checks found."""
    return finding_cards(report.summary.get("findings", []), report.study.acknowledge)


def stamps(report: Report) -> list[dict[str, str]]:
    """What must be read before any figure: findings that are fatal, acknowledged or not."""
    return [
        {
            "heading": "Read this first"
            + " (acknowledged in the study)" * ("acknowledged" in card["badge"]),
            "text": f"{card['evidence']} {card['meaning']}",
        }
        for card in findings(report)
        if card["severity"] == "fatal"
    ]


def churn(window: Mapping[str, Any]) -> str:
    """What leaving means in the log, from a churn window's plain values."""
    regime, days = window["regime"], window["window"]["days"]
    by_clock = formatting.percent(regime["clock_share"], 0)
    looks = (
        f"The business looks {regime['name']}: {by_clock} of those who bought twice buy at regular "
        "intervals."
    )
    if days is None:
        return f"{looks} No churn window can be recommended: see the findings."
    silent, horizon, active = (
        formatting.plural(n, "day") for n in (days, window["horizon_days"], window["active_days"])
    )
    return (
        f"{looks} After {silent} of silence at most one customer in five returns within {horizon}: "
        f"the recommended churn window. Active is who bought in the last {active}, lapsed who is "
        "silent for longer, lost from the window on."
    )


def channels(report: Report) -> str:
    """What the figures of the channels are, and how far they reach."""
    days = report.channels["horizon_days"][0]
    sentence = f"Expected is the discounted margin of the next {days} days, and nothing from whom "
    sentence += "the run has not scored. "
    coming = sentence if report.channels["expected_margin"].count() else ""
    whole = report.study.value.margin_rate == 1 and not report.study.has_line_margins
    margin = "All revenue counts as margin, for the study gives no rate. " if whole else ""
    return margin + (
        "Months are the customer's own, from the first purchase in the log, and a month counts "
        "those who were seen for the whole of it; who bought before the log began counts as won "
        f"by its first purchase. {coming}Costs are the study's; beyond the months that were seen a "
        "payback is expected, and marked so."
    )


def facts(report: Report) -> list[tuple[str, str]]:
    """What the run was made of: name and value."""
    summary, study = report.summary, report.study
    cutoffs = [formatting.day(day) for day in report.evidence["cutoff_day"].unique().sort()]
    models = {
        task: f"{formatting.algorithm((summary.get(task) or {}).get('algorithm'))}, "
        f"{when(report, task)}"
        for task in ("churn", "value")
    }
    return [
        ("Run", str(summary.get("run_id", formatting.NONE))),
        ("Made", report.made_at),
        ("Scored as of", formatting.day(summary["cutoff_day"])),
        ("Proved at", formatting.listing(cutoffs) or "no cutoff"),
        ("Customers", formatting.count(summary["customers"])),
        ("Churn", models["churn"]),
        ("Value", f"{models['value']}, in {study.currency}"),
        ("Seed", str(study.seed)),
        ("Time zone", study.time_zone),
        ("Study's SHA-256", study.fingerprint),
    ]


def row_counts(report: Report) -> str:
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
