"""`holdfast changes`: why scores are not what they were in an earlier run."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import (
    Config,
    Json,
    RunOption,
    print_result,
    print_table,
    registry_in,
    run_ids,
    study_from,
)

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 110


def changes(
    customer: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER", help="One customer; without, all of them.")
    ] = None,
    run: RunOption = "champion",
    since: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="An earlier run; by default the one published before.",
            autocompletion=run_ids,
        ),
    ] = None,
    segment: Annotated[
        str | None, typer.Option(metavar="NAME", help="The customers of one segment.")
    ] = None,
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Show why scores changed since an earlier run: time passing, new behaviour, new model, each
    by reason. The parts add up in log-odds of the churn probability, and in money.
    """
    from holdfast.cli.predict import find_name
    from holdfast.errors import InputError
    from holdfast.runs.changes_since import all_changes, customer_changes

    study = study_from(config, None)
    registry = registry_in(study)
    published = registry.open(run)
    if customer is None:
        summary = all_changes(registry, published, since=since, segment=segment)
    elif segment is not None:
        what = "a customer and a segment are asked for at once"
        raise InputError(what, fix="give CUSTOMER or --segment NAME")
    else:
        name = find_name(customer, study, published)
        summary = customer_changes(registry, published, name, since=since)
    print_result(summary, lambda out: print_changes(out, summary, study.currency), json=json)


def print_changes(out: "Console", changes: dict[str, Any], currency: str) -> None:
    """Print the sentences and, of one customer or segment, the parts and their reasons."""
    from holdfast.report.change_tables import change_parts, segment_changes, who_came_and_went

    since, segments = changes["since"], changes.get("segments", [])
    out.print(
        f"Run {changes['run_id']} ({changes['cutoff_date']}) since run {since['run_id']} "
        f"({since['cutoff_date']})"
    )
    is_one = len(segments) == 1 and "tasks" not in changes
    if text := who_came_and_went(changes, currency=currency) if not is_one else "":
        out.print(text, markup=False)
    for line in changes["not_told"]:
        out.print(f"Not told: {line}.", markup=False)
    tasks = segments[0]["tasks"] if is_one else changes["tasks"]
    for task in tasks:
        out.print()
        out.print(task["sentence"], markup=False)
        out.print()
        print_table(out, change_parts(task, currency=currency), width=_WIDE)
    if not is_one and segments:
        for name in (task["task"] for task in tasks):
            print_table(out, segment_changes(segments, name, currency=currency), width=_WIDE)
