"""`holdfast audit`: is this honest?"""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.output import (
    Config,
    Json,
    Set,
    console,
    count_findings,
    print_findings,
    print_json,
    print_table,
    study_from,
)

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.audits.audit import AuditReport


def audit(
    config: Config = "holdfast.toml",
    overrides: Set = None,
    earlier: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Where an earlier export of the log lies, as in transactions.path=old.csv.",
        ),
    ] = None,
    prove: Annotated[
        bool, typer.Option(help="Train the models too, and hold them against the naive baseline.")
    ] = True,
    json: Json = False,
) -> None:
    """Test the study, the data and the trained models for what makes figures worthless; exit 2 if
    one is fatal.
    """
    from holdfast.audits.audit import audit as audit_study
    from holdfast.cli.progress_display import progress

    study = study_from(config, overrides)
    before = study_from(config, [*(overrides or []), *earlier]) if earlier else None
    with progress(silent=json) as listener:
        report = audit_study(study, earlier=before, prove=prove, listener=listener)
    if json:
        print_json(report.as_dict())
    else:
        print_audit(console(), report)
    if not report.is_honest:
        raise typer.Exit(2)


def print_audit(out: "Console", report: "AuditReport") -> None:
    """Print the verdict, the findings and then every question that was asked."""
    from rich.text import Text

    from holdfast.report.table_format import make_table

    out.print()
    out.print(Text.assemble((report.study, "bold"), ": ", verdict(report)))
    out.print()
    print_findings(out, report.findings, report.acknowledged)
    rows = [
        {
            "question": answer.question,
            "answer": sorted({each.name for each in answer.findings}) or "nothing found",
            "seconds": answer.seconds,
        }
        for answer in report.answers
    ]
    print_table(out, make_table("What the audit asked", rows, "question answer seconds:score"))


def verdict(report: "AuditReport") -> str:
    """The audit in a sentence."""
    sentence = f"{len(report.answers)} questions asked: {count_findings(report.findings)}."
    fatal = [each.name for each in report.findings if each.severity == "fatal"]
    if not fatal:
        return sentence
    if report.is_honest:
        return (
            f"{sentence} What is fatal is acknowledged ({len(fatal)}), and the report says so on "
            "its first page."
        )
    return f"{sentence} A run is refused until it is put right or acknowledged by name."
