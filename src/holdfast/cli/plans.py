"""`holdfast history` and `plan`: what past campaigns say of each offer, and who gets what."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Receiver, RunOption, Set

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 120


def history(
    config: Config = "holdfast.toml",
    run: RunOption = "champion",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Show what past campaigns say of each offer in each segment: measured, pooled, observed or
    merely assumed.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.decisions import plans

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        past = plans.read_past(study, output.registry_in(study).open(run), listener=listener)
        values = plans.summarise_history(past)
    output.print_result(values, lambda out: print_history(out, values), json=json)


def print_history(out: "Console", values: dict[str, Any]) -> None:
    """Print the cells, what was observed without a hold-out, and the notes."""
    from holdfast.report import plan_tables

    for table in plan_tables.history(values):
        output.print_table(out, table, width=_WIDE)
    for line in plan_tables.history_sentences(values):
        out.print(line, markup=False)
    output.print_findings(out, values["findings"])


def plan(
    config: Config = "holdfast.toml",
    run: RunOption = "champion",
    budget: Annotated[
        float | None, typer.Option(help="What all contacts may cost, in place of [plan] budget.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="Write whom to contact (.csv or .parquet), and beside it whom to leave alone.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Of the campaign that the list is recorded as. [default: plan and the day]",
            show_default=False,
        ),
    ] = None,
    receiver: Receiver = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Plan who gets which offer within the budget: cost, return with its range, and what one more
    unit of budget would bring.

    A list is recorded as a campaign: `holdfast experiment read` says what it did once its window is
    over, and later plans use it.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.decisions import plans

    study = output.study_from(config, overrides)
    published = output.registry_in(study).open(run)
    with progress(silent=json) as listener:
        made = plans.plan(study, published, budget=budget, listener=listener)
    values = plans.summarise_plan(made, study, published)
    values["list"] = None
    if to:
        written = plans.write_lists(
            made, to, study=study, run=published, name=name, receiver=receiver
        )
        values["list"] = written.as_dict()
    output.print_result(values, lambda out: print_plan(out, values), json=json)


def print_plan(out: "Console", values: dict[str, Any]) -> None:
    """Print the plan in sentences, its offers and its segments."""
    from holdfast.report import plan_tables

    for line in plan_tables.plan_sentences(values):
        out.print(line, markup=False)
    out.print()
    for table in plan_tables.plan(values):
        output.print_table(out, table, width=_WIDE)
    for line in (*values["notes"], *output.describe_list(values["list"])):
        out.print(line, markup=False)
