"""`holdfast export` and `report`: what a run says, where others read it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, RunOption
from holdfast.io.dialect_names import Dialect

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.storage.runs import Run


def export(
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE.xlsx", help="Write the list of customers as a workbook."),
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="VARIABLE",
            help="Write scores, segments and plan into the PostgreSQL whose URL this variable of "
            "the environment holds.",
        ),
    ] = None,
    schema: Annotated[
        str, typer.Option(metavar="NAME", help="Of the tables; made where it is missing.")
    ] = "holdfast",
    sql: Annotated[
        Dialect | None,
        typer.Option(
            "--sql", help="Print the query that scores customers in a warehouse of this kind."
        ),
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="TABLE", help="Where the warehouse has FEATURES; of --sql.")
    ] = "features",
    run: RunOption = "champion",
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Write a run's customers to a workbook, its results to tables of a database, or its models as
    SQL.

    The tables customer_scores, segments and plan are brought to the run's rows in one transaction:
    customers whom it no longer scores are removed. An export is in the audit log.
    The query of --sql names no customer and is not.
    """
    from holdfast.errors import InputError
    from holdfast.runs.export import export_to_postgres, export_workbook

    if sql is not None:
        _print_sql(output.registry_of(config).open(run), sql, features, json=json)
        return
    if to is None and postgres is None:
        raise InputError(
            "nothing says where to",
            fix="give --to FILE.xlsx or --postgres VARIABLE, or --sql DIALECT",
        )
    if ":/" in f"{to} {postgres}":
        raise InputError(
            "a URL on the command line is seen by every user of this machine",
            fix="export SHOP_DSN=... and give --postgres SHOP_DSN",
        )
    study = output.study_from(config, None)
    published, project = output.registry_in(study).open(run), Path(study.project_dir)
    values: dict[str, Any] = {"run_id": published.run_id}
    if to is not None:
        n = export_workbook(published, to, project=project)
        values |= {"file": str(to), "customers": n}
    if postgres is not None:
        tables = export_to_postgres(published, postgres, schema, project=project)
        values |= {"schema": schema, "tables": tables}
    output.print_result(values, lambda out: _print_export(out, values), json=json)


def _print_sql(run: "Run", dialect: Dialect, features: str, *, json: bool) -> None:
    from holdfast.serving.scores_sql import scores_sql

    query = scores_sql(run, dialect, features=features)
    values = {"run_id": run.run_id, "sql": query}
    output.print_json(values) if json else output.console().out(query)


def _print_export(out: "Console", values: dict[str, Any]) -> None:
    if "file" in values:
        out.print(f"{values['file']}: {values['customers']:,} customers", markup=False)
    for name, each in values.get("tables", {}).items():
        gone = f", {each['removed']:,} removed" if each["removed"] else ""
        out.print(f"{values['schema']}.{name}: {each['rows']:,} rows{gone}", markup=False)
    out.print(f"of run {values['run_id']}")


def report(
    pdf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Print the report as a PDF, by Chromium.")
    ] = None,
    run: RunOption = "champion",
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Say where the report of a run lies, or print it as a PDF."""
    from holdfast.runs.export import export_pdf

    published = output.registry_of(config).open(run)
    page = published.file("report.html")
    if pdf is not None:
        export_pdf(published, pdf)
    values = {"run_id": published.run_id, "report": str(page.resolve())}
    values |= {"pdf": str(pdf)} if pdf is not None else {}
    output.print_result(values, lambda out: out.print(str(pdf or page), markup=False), json=json)
