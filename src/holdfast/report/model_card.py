"""The model card: what the models are, what they stand on, how good they proved and where they must
not be used.
"""

from holdfast.report import formatting, run_tables
from holdfast.report.report_data import Report
from holdfast.report.summary import how_proved, rows, when
from holdfast.report.table_columns import Col
from holdfast.report.table_format import Table, make_table, plain, to_markdown


def model_card(report: Report) -> str:
    """Write the card in Markdown."""
    parts = (
        f"# Model card: {plain(report.study.name)}",
        to_markdown(_identity(report)),
        "## Intended use",
        _intended(report),
        "## Data",
        plain(rows(report)),
        to_markdown(run_tables.set_aside(report)),
        "## How it was proved",
        plain(how_proved(report)),
        *(to_markdown(run_tables.metrics(report, task)) for task in ("churn", "value")),
        *(to_markdown(run_tables.all_metrics(report, task)) for task in ("churn", "value")),
        to_markdown(run_tables.horizons_proved(report.horizon_evidence, currency=report.currency)),
        to_markdown(run_tables.cross_validated(report)),
        to_markdown(run_tables.candidates(report)),
        "## Calibration",
        to_markdown(run_tables.calibration(report)) or "No probability has met its outcome yet.",
        "## What moves the predictions",
        *(to_markdown(run_tables.importance(report, task)) for task in ("churn", "value")),
        "## Limits",
        _limits(report),
        "## Findings",
        _findings(report),
        "## Made with",
        to_markdown(run_tables.versions(report)),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _identity(report: Report) -> Table:
    summary, study = report.summary, report.study
    models = {task: (summary.get(task) or {}).get("algorithm") for task in ("churn", "value")}
    facts = [
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
    rows = [{"name": name, "value": value} for name, value in facts]
    return make_table("", rows, Col("name", " "), Col("value", " "))


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
        f"- **{formatting.capital(finding['severity'])}, {plain(finding['name'])}"
        f"{' (acknowledged in the study)' if finding['name'] in known else ''}.** "
        + plain(
            " ".join(formatting.sentence(finding[part]) for part in ("evidence", "meaning", "fix"))
        )
        for finding in found
    )
    return "\n".join(lines) or "The checks found nothing to object to."
