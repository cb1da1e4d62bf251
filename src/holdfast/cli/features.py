"""`holdfast features`: what the models see of a customer."""

from typing import Annotated

import typer

from holdfast.cli.output import Config, Json, Set, console, print_json, print_table, study_from


def features(
    config: Config = "holdfast.toml",
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the query, to run in a warehouse of your own.")
    ] = False,
    cutoff: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The cutoff in the query.")
    ] = "2026-01-01",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """List the features of the study: name, unit and what each one is."""
    from holdfast.features.feature_tables import catalogue, features_sql
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table
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
    columns = Col("name", "Feature"), "unit", Col("sentence", "What it is")
    print_table(console(), make_table("", rows, *columns))
