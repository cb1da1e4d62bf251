"""The model card: what the models are, what they stand on, how good they proved and where they must
not be used.
"""

from holdfast.report import evidence_tables, run_tables
from holdfast.report.ranking_curves import reliability
from holdfast.report.report_data import Report
from holdfast.report.summary import facts, findings, proof_sentence, row_counts, when
from holdfast.report.table_format import make_table, plain, to_markdown


def model_card(report: Report) -> str:
    """Write the card in Markdown."""
    rows = [{"about": name, "the run": text} for name, text in facts(report)]
    identity = make_table("", rows)
    parts = (
        f"# Model card: {plain(report.study.name)}",
        to_markdown(identity),
        "## Intended use",
        _intended_use(report),
        "## Data",
        plain(row_counts(report)),
        to_markdown(run_tables.set_aside(report)),
        "## How it was proved",
        plain(proof_sentence(report)),
        *(to_markdown(evidence_tables.metrics(report, task)) for task in ("churn", "value")),
        *(to_markdown(evidence_tables.all_metrics(report, task)) for task in ("churn", "value")),
        to_markdown(
            evidence_tables.horizon_proof(report.horizon_evidence, currency=report.currency)
        ),
        to_markdown(evidence_tables.cross_validation(report)),
        to_markdown(evidence_tables.candidates(report)),
        "## Calibration",
        to_markdown(evidence_tables.calibration(reliability(report.predictions)))
        or "No probability has met its outcome yet.",
        "## What moves the predictions",
        *(
            to_markdown(run_tables.importance(report.importance, report.contributions, task))
            for task in ("churn", "value")
        ),
        "## Limits",
        _limits(report),
        "## Findings",
        _findings(report),
        "## Made with",
        to_markdown(run_tables.versions(report)),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _intended_use(report: Report) -> str:
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
    if report.is_assumed:
        limits.append(
            "Costs and recovery rates of the recovery simulation are assumed, not measured."
        )
    return "\n".join(f"- {limit}" for limit in limits)


def _findings(report: Report) -> str:
    lines = (
        f"- **{card['badge']}: {plain(card['title'])}.** "
        + plain(f"{card['evidence']} {card['meaning']} {card['fix']}")
        for card in findings(report)
    )
    return "\n".join(lines) or "The checks found nothing to object to."
