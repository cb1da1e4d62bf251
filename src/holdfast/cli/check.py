"""`holdfast check`: what may come in?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Set

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.quality.check import Check

TOPICS_WITH_ROWS = {"columns": None, "unusual-customers": 12}
"""Topics whose rows are printed, and how many of them; the page shows those of all."""
WIDE = 110
"""Characters that a table about columns or quarantined rows may take."""


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
    from holdfast.cli.progress_display import progress
    from holdfast.quality.check import check as check_study
    from holdfast.quality.check_files import write_contract, write_page

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        result = check_study(study, listener=listener)
    written = [
        *([write_contract(result.contract, contract)] if contract else []),
        *([write_page(result, html)] if html else []),
    ]
    if json:
        output.print_json(result.as_dict() | {"written": [str(path) for path in written]})
    else:
        print_check(output.console(), result)
        for path in written:
            output.console().print(f"Written: {path}")
    if not result.passed:
        raise typer.Exit(2)


def print_check(out: "Console", result: "Check") -> None:
    """Print the verdict, the rows, each topic, whether it is enough, what was quarantined and the
    findings.
    """
    from rich.text import Text

    from holdfast.report import data_tables
    from holdfast.report.table_format import make_table

    values = result.as_dict()
    fit = "fit to use" if result.passed else "not fit to use"
    out.print()
    counts = output.count_findings(values["findings"])
    out.print(Text.assemble((result.study, "bold"), f": {fit}; {counts}."))
    out.print()
    output.print_table(out, data_tables.input_rows(values["rows"]))
    for topic in result.topics:
        out.print(Text(topic.title, "bold"))
        for sentence in topic.sentences:
            out.print(Text(f"  {sentence}"))
        out.print()
        if topic.table is not None and topic.name in TOPICS_WITH_ROWS:
            rows = topic.table.head(TOPICS_WITH_ROWS[topic.name] or topic.table.height)
            output.print_table(out, make_table("", rows), width=WIDE)
    output.print_table(out, data_tables.gate(values["sufficiency"]["counts"]))
    output.print_table(out, data_tables.violations(values), width=WIDE)
    output.print_findings(out, values["findings"])
    for failure in result.failures:
        out.print(Text.assemble(("\nNot fit: ", "bold red"), failure))
