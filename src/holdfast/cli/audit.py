"""`holdfast audit`: is this honest?"""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.output import (
    SEVERITY_STYLES,
    Config,
    Json,
    Set,
    console,
    print_json,
    study_from,
)
from holdfast.findings import SEVERITIES

if TYPE_CHECKING:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table

    from holdfast.audits.audit import AuditReport
    from holdfast.findings import Finding


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
    from holdfast.audits.audit import audit as ask
    from holdfast.cli.progress import progress

    study = study_from(config, overrides)
    then = study_from(config, [*(overrides or []), *earlier]) if earlier else None
    with progress(silent=json) as listener:
        found = ask(study, earlier=then, prove=prove, listener=listener)
    if json:
        print_json(found.as_dict())
    else:
        print_audit(console(), found)
    if not found.is_honest:
        raise typer.Exit(2)


def print_audit(out: "Console", found: "AuditReport") -> None:
    """Print the verdict, the findings and then every question that was asked."""
    from rich.text import Text

    out.print()
    out.print(Text.assemble((found.study, "bold"), ": ", verdict(found)))
    for finding in found.findings:
        out.print(_panel(finding, acknowledged=finding.name in found.acknowledged))
    out.print(_questions(found))


def verdict(found: "AuditReport") -> str:
    """The audit in a sentence."""
    counts = {s: sum(finding.severity == s for finding in found.findings) for s in SEVERITIES}
    known = sum(f.severity == "fatal" and f.name in found.acknowledged for f in found.findings)
    asked = f"{len(found.answers)} questions asked"
    if not found.findings:
        return f"{asked}, nothing found."
    told = ", ".join(f"{n} {severity}" for severity, n in counts.items() if n)
    if not counts["fatal"]:
        return f"{asked}: {told}."
    if found.is_honest:
        return (
            f"{asked}: {told}. What is fatal is acknowledged ({known}), and the report says so on "
            "its first page."
        )
    return f"{asked}: {told}. A run is refused until it is put right or acknowledged by name."


def _panel(finding: "Finding", *, acknowledged: bool) -> "Panel":
    from rich import box
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    parts = Table.grid(padding=(0, 1))
    parts.add_column(style="dim", no_wrap=True)
    parts.add_column(overflow="fold")
    for name, text in (("Seen", finding.evidence), ("Means", finding.meaning), ("Do", finding.fix)):
        parts.add_row(name, Text(text))
    known = ", acknowledged" if acknowledged else ""
    title = Text.assemble(
        (f"{finding.severity}{known}", SEVERITY_STYLES[finding.severity]), f" {finding.name}"
    )
    return Panel(
        parts,
        title=title,
        title_align="left",
        box=box.ROUNDED,
        border_style=SEVERITY_STYLES[finding.severity],
        width=100,
    )


def _questions(found: "AuditReport") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table("asked", "answer", box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("seconds", justify="right", style="dim")
    for answer in found.answers:
        worst = min(
            (finding.severity for finding in answer.findings),
            key=SEVERITIES.index,
            default=None,
        )
        names = ", ".join(dict.fromkeys(finding.name for finding in answer.findings))
        told = (
            Text(names, style=SEVERITY_STYLES[worst])
            if worst
            else Text("nothing found", style="green")
        )
        table.add_row(answer.question, told, f"{answer.seconds:.2f}")
    return table
