"""`holdfast features`, `backtest` and `compare`: look before you trust."""

from typing import Annotated

import typer

from holdfast.cli.output import Config, Json, Set, console, print_json, study_from


def features(
    config: Config = "holdfast.toml",
    sql: Annotated[bool, typer.Option("--sql", help="Print the query, to run in a warehouse of your own.")] = False,
    cutoff: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The cutoff in the query.")] = "2026-01-01",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """List the features of the study: name, unit and what each one is."""
    from holdfast.pipeline.build import catalogue, features_sql
    from holdfast.windows import parse_day

    study = study_from(config, overrides)
    if sql:
        query = features_sql(study, parse_day(cutoff))
        print_json({"sql": query}) if json else console().out(query)
        return
    rows = catalogue(study).to_dicts()
    if json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("feature", "unit", "what it is", box=None, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(f"[bold]{row['name']}[/bold]", row["unit"], row["sentence"])
    console().print(table)
