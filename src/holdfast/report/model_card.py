"""The model card: what the models are, what they stand on, how good they proved and where they must
not be used.
"""

import re
from collections.abc import Iterable

from holdfast.report import details, formatting, listings
from holdfast.report.listings import Listing
from holdfast.report.report_data import Report
from holdfast.report.summary import how_proved, rows, when

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")


def model_card(report: Report) -> str:
    """Write the card in Markdown."""
    parts = (
        f"# Model card: {_plain(report.study.name)}",
        _table_of(("", ""), _identity(report)),
        "## Intended use",
        _intended(report),
        "## Data",
        _plain(rows(report)),
        _table(listings.set_aside(report)),
        "## How it was proved",
        _plain(how_proved(report)),
        *(_table(listings.metrics(report, task)) for task in ("churn", "value")),
        *(_table(listings.all_metrics(report, task)) for task in ("churn", "value")),
        _table(details.horizons_proved(report.horizon_evidence, currency=report.currency)),
        _table(listings.cross_validated(report)),
        _table(listings.candidates(report)),
        "## Calibration",
        _table(listings.calibration(report)) or "No probability has met its outcome yet.",
        "## What moves the predictions",
        *(_table(listings.importance(report, task)) for task in ("churn", "value")),
        "## Limits",
        _limits(report),
        "## Findings",
        _findings(report),
        "## Made with",
        _table(listings.versions(report)),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    """Keep text from being read as Markdown or HTML, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _table_of(head: Iterable[str], body: Iterable[Iterable[str]], *, n_words: int = 2) -> str:
    head = [_plain(name) for name in head]
    rule = ["---" if place < n_words else "---:" for place in range(len(head))]
    lines = [head, rule, *([_plain(cell) for cell in row] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _table(listing: Listing) -> str:
    if not listing.rows:
        return ""
    table = _table_of(listing.columns, listing.rows, n_words=listing.n_words)
    return f"**{_plain(listing.caption)}**\n\n{table}"


def _identity(report: Report) -> list[tuple[str, str]]:
    summary, study = report.summary, report.study
    models = {task: (summary.get(task) or {}).get("algorithm") for task in ("churn", "value")}
    return [
        ("Run", str(summary.get("run_id", formatting.NONE))),
        ("Made", str(summary.get("created_at", formatting.NONE))),
        ("Scored as of", formatting.day(summary["cutoff_day"])),
        ("Customers", formatting.count(summary["customers"])),
        ("Churn", f"{formatting.algorithm(models['churn'])}, {when(report, 'churn')}"),
        (
            "Value",
            f"{formatting.algorithm(models['value'])}, {when(report, 'value')}, in "
            f"{study.currency}",
        ),
        ("Seed", str(study.seed)),
        ("Study's SHA-256", study.fingerprint),
    ]


def _intended(report: Report) -> str:
    churned = (
        "that the snapshot's churn label is true"
        if report.is_snapshot
        else f"that a customer places no order {when(report, 'churn')}"
        if report.study.churn.kind == "non-contractual"
        else f"that a contract ends {when(report, 'churn')}"
    )
    worth = "the value" if report.is_snapshot else "the mean net revenue"
    return (
        "To rank a business's own customers for retention work. The churn model gives the "
        f"probability {churned}; the "
        f"value model gives {worth} {when(report, 'value')}, to be added up over groups. Not for "
        "prices, "
        "credit, employment or any decision with legal effect on one person, and not for customers "
        "of another business."
    )


def _limits(report: Report) -> str:
    limits = [
        "Importance and reasons are associations that the models use, not causes.",
        "Who is likely to leave is not who can be kept: only an experiment with a held-out group "
        "shows that.",
        "Expected revenue is a mean; one customer's revenue scatters widely around it.",
        "After a change of prices, range or marketing the past says less about the future: prove "
        "the models again.",
    ]
    if report.is_snapshot:
        limits.insert(
            0, "A snapshot has no later time: nothing here is proof of a prediction of the future."
        )
    if "assumed" in report.recovery["uplift_source"].to_list():
        limits.append(
            "Costs and recovery rates of the recovery simulation are assumed, not measured."
        )
    return "\n".join(f"- {limit}" for limit in limits)


def _findings(report: Report) -> str:
    found = report.summary.get("findings", [])
    known = report.study.acknowledge
    lines = (
        f"- **{formatting.capital(finding['severity'])}, {_plain(finding['name'])}"
        f"{' (acknowledged in the study)' if finding['name'] in known else ''}.** "
        + _plain(
            " ".join(formatting.sentence(finding[part]) for part in ("evidence", "meaning", "fix"))
        )
        for finding in found
    )
    return "\n".join(lines) or "The checks found nothing to object to."
