"""`holdfast check`: what may come in?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from holdfast.quality.check import Check

_SHOWN_ROWS = 12
_TABLE_WIDTH = 110


def check(
    config: Config = "holdfast.toml",
    contract: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the data contract there: ODCS 3.1 as YAML.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the data report as a page.")
    ] = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Look at the inputs before anything is learnt: contract, data report, and whether it is
    enough; exit 2 if not fit.

    Not fit are inputs that exceed a limit of the study (check.violations_at_most) or of the
    contract it names.
    """
    from holdfast.cli.progress import progress
    from holdfast.quality.check import check as ask
    from holdfast.quality.check_files import write_contract, write_page

    study = study_from(config, overrides)
    with progress(silent=json) as listener:
        found = ask(study, listener=listener)
    written = [
        *([write_contract(found.contract, contract)] if contract else []),
        *([write_page(found, html)] if html else []),
    ]
    if json:
        print_json(found.as_dict() | {"written": [str(path) for path in written]})
    else:
        print_check(console(), found)
        for path in written:
            console().print(f"Written: {path}")
    if not found.passed:
        raise typer.Exit(2)


def print_check(out: "Console", found: "Check") -> None:
    """Print the verdict, the rows, each topic, the gate, what was quarantined and the findings."""
    from rich.text import Text

    out.print()
    out.print(Text.assemble((found.study, "bold"), ": ", _verdict(found)))
    out.print(_rows(found))
    for topic in found.topics:
        out.print(f"\n[bold]{topic.title}[/bold]")
        for sentence in topic.sentences:
            out.print(Text(f"  {sentence}"))
        if topic.table is not None and topic.name in ("columns", "unusual-customers"):
            rows = topic.table if topic.name == "columns" else topic.table.head(_SHOWN_ROWS)
            out.print(_table(rows), width=max(out.width, _TABLE_WIDTH))
    out.print("\n[bold]Is it enough?[/bold]")
    for count in found.sufficiency.counts:
        mark, style = ("yes", "green") if count.holds else ("no", "yellow")
        limit = "at most" if count.name == "stale-log" else "at least"
        unit = count.unit.replace("days", "day", 1) if count.found == 1 else count.unit
        said = f"{count.found:,} {unit}, {limit} {count.needed:,} needed"
        out.print(Text.assemble((f"  {mark:<4}", style), said))
    if found.violations:
        out.print("\n[bold]Quarantined[/bold]")
        for each in found.violations:
            out.print(
                Text(f"  {each.rows:,} rows of {each.input} ({each.share:.2%}): {each.reason}")
            )
            for example in each.examples[:1]:
                out.print(
                    Text(
                        f"    {Path(example['source']).name}, row {example['row']}: "
                        f"{example['raw'][:140]}",
                        "dim",
                    )
                )
    if found.findings:
        out.print("\n[bold]Findings[/bold]")
    for finding in found.findings:
        severity = (f"  {finding.severity:<8}", SEVERITY_STYLES[finding.severity])
        out.print(Text.assemble(severity, (finding.name, "bold"), f": {finding.evidence}"))
        out.print(Text(f"          {finding.meaning} {_sentence(finding.fix)}", style="dim"))
    for failure in found.failures:
        out.print(Text.assemble(("\nNot fit: ", "bold red"), failure))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _verdict(found: "Check") -> str:
    counts = {s: sum(finding.severity == s for finding in found.findings) for s in SEVERITIES}
    told = ", ".join(
        f"{n} {severity}{'s' if n > 1 and severity != 'fatal' else ''}"
        for severity, n in counts.items()
        if n
    )
    fit = "fit to come in" if found.passed else "not fit to come in"
    return f"{fit}; {told or 'nothing found'}."


def _rows(found: "Check") -> "Table":
    from rich.table import Table

    table = Table("input", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("read", "accepted", "set aside", "quarantined"):
        table.add_column(title, justify="right")
    for name, rows in found.rows.items():
        table.add_row(
            name, *(f"{n:,}" for n in (rows.read, rows.accepted, rows.set_aside, rows.quarantined))
        )
    return table


def _table(rows: "pl.DataFrame") -> "Table":
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for name, dtype in rows.schema.items():
        table.add_column(name.replace("_", " "), justify="right" if dtype.is_numeric() else "left")
    for row in rows.iter_rows():
        table.add_row(*map(_cell, row))
    return table


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:,.3g}"
    return (
        f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else escape(str(value))
    )
