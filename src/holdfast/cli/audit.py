"""`holdfast audit`: is this honest?"""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Set

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

    study = output.study_from(config, overrides)
    before = output.study_from(config, [*(overrides or []), *earlier]) if earlier else None
    with progress(silent=json) as listener:
        report = audit_study(study, earlier=before, prove=prove, listener=listener)
    if json:
        output.print_json(report.as_dict())
    else:
        print_audit(output.console(), report)
    if not report.is_honest:
        raise typer.Exit(2)


def print_audit(out: "Console", report: "AuditReport") -> None:
    """Print the verdict, the findings and then every question that was asked."""
    from rich.text import Text

    from holdfast.report.evidence_tables import audit_answers

    values = report.as_dict()
    out.print()
    out.print(Text.assemble((report.study, "bold"), ": ", verdict(report)))
    out.print()
    output.print_findings(out, values["findings"])
    output.print_table(out, audit_answers(values["suspicions"]))


def verdict(report: "AuditReport") -> str:
    """The audit in a sentence."""
    n_fatal = sum(each.severity == "fatal" for each in report.findings)
    if not n_fatal:
        end = ""
    elif report.is_honest:
        end = f" What is fatal is acknowledged ({n_fatal}): the report says so on its first page."
    else:
        end = " A run is refused until it is put right or acknowledged by name."
    counts = output.count_findings(report.as_dict()["findings"])
    return f"{len(report.answers)} questions asked: {counts}.{end}"
