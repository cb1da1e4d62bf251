"""`holdfast check`, `churn-window`, `audit` and `features`: what comes in, what leaving means in
it, does anything leak the outcome, and what do the models see?
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Set
from holdfast.findings import count_findings
from holdfast.io.dialect_names import Dialect

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.audits.audit import AuditReport
    from holdfast.quality.check import Check
    from holdfast.quality.churn_definition.window import ChurnWindow

TOPICS_WITH_ROWS = {"columns": None, "unusual-customers": 12}
"""Topics whose rows are printed, and how many of them; the page shows those of all."""
WIDE = 110
"""Characters that a table about columns or quarantined rows may take."""
_BAR = 40


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
    from holdfast.quality.check import write_page
    from holdfast.quality.check_files import write_contract

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        result = check_study(study, listener=listener)
    written = [write_contract(result.contract, contract)] if contract else []
    written += [write_page(result, html)] if html else []
    paths = [str(path) for path in written]
    values = result.as_dict() | {"written": paths}
    output.print_result(values, lambda out: print_check(out, result, paths), json=json)
    if not result.passed:
        raise typer.Exit(2)


def print_check(out: "Console", result: "Check", written: list[str]) -> None:
    """Print the verdict, the rows, each topic, whether it is enough, what was quarantined, the
    findings and the files that were written.
    """
    from rich.text import Text

    from holdfast.report import data_tables
    from holdfast.report.table_format import make_table

    values = result.as_dict()
    fit = "fit to use" if result.passed else "not fit to use"
    output.print_verdict(out, result.study, f"{fit}; {count_findings(values['findings'])}.")
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
    for path in written:
        out.print(f"Written: {path}")


def churn_window(
    config: Config = "holdfast.toml", overrides: Set = None, json: Json = False
) -> None:
    """Find from the order log alone after which silence a customer is lost."""
    from holdfast.cli.progress_display import progress
    from holdfast.quality.churn_window import churn_window as find_window

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        window = find_window(study, listener=listener)
    output.print_result(window.as_dict(), lambda out: print_churn_window(out, window), json=json)


def print_churn_window(out: "Console", window: "ChurnWindow") -> None:
    """Print what the log says, the window first; a bar for every 30 silent days."""
    from holdfast.report.data_tables import churn_window_tables
    from holdfast.report.summary import churn

    values = window.as_dict()
    out.print(f"\n{churn(values)}\n")
    out.print(f"Silent days, and the chance of a return within {window.horizon_days} more")
    rows = window.curve.gather_every(30).head(20)
    for days, chance in rows.select("silence_days", "return_probability").iter_rows():
        out.print(f"{days:>4}  {'█' * round(_BAR * chance)} {chance:.0%}")
    out.print()
    for table in churn_window_tables(values).values():
        output.print_table(out, table)
    output.print_findings(out, values["findings"])


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
    output.print_result(report.as_dict(), lambda out: print_audit(out, report), json=json)
    if not report.is_honest:
        raise typer.Exit(2)


def print_audit(out: "Console", report: "AuditReport") -> None:
    """Print the verdict, the findings and then every question that was asked."""
    from holdfast.report.evidence_tables import audit_answers

    values = report.as_dict()
    output.print_verdict(out, report.study, verdict(report))
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
    counts = count_findings(report.as_dict()["findings"])
    return f"{len(report.answers)} questions asked: {counts}.{end}"


def features(
    config: Config = "holdfast.toml",
    sql: Annotated[
        Dialect | None,
        typer.Option(
            "--sql", help="Print the query that computes them, for a warehouse of this kind."
        ),
    ] = None,
    cutoff: Annotated[
        str, typer.Option(metavar="YYYY-MM-DD", help="The cutoff in the query.")
    ] = "2026-01-01",
    activity: Annotated[
        str, typer.Option(metavar="TABLE", help="Where the warehouse has ACTIVITY.")
    ] = "activity",
    customers: Annotated[
        str,
        typer.Option(
            metavar="TABLE", help="Where it has CUSTOMERS, read if the study has attributes."
        ),
    ] = "customers",
    roll_up: Annotated[
        bool,
        typer.Option(
            "--roll-up",
            help="Print the query that makes ACTIVITY of transactions, events and treatments.",
        ),
    ] = False,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """List the features of the study: name, unit and what each one is; of a snapshot, the columns
    of its published run.

    With --sql, print a query for a warehouse that has the rows.
    """
    from holdfast.features.feature_tables import catalogue
    from holdfast.features.warehouse_sql import activity_sql, features_sql
    from holdfast.report.table_columns import Col
    from holdfast.windows import parse_day

    study, out = output.study_from(config, overrides), output.console()
    if sql is not None:
        day = parse_day(cutoff)
        query = (
            activity_sql(study, sql)
            if roll_up
            else features_sql(study, day, sql, activity=activity, customers=customers)
        )
        output.print_json({"sql": query}) if json else out.out(query)
        return
    rows = catalogue(study).to_dicts() if study.snapshot is None else _own_columns(config)
    columns = Col("name", "Feature"), "unit", Col("sentence", "What it is")
    output.print_rows(rows, *columns, json=json)


def _own_columns(config: str) -> list[dict[str, Any]]:
    from holdfast.serving.feature_list import list_features
    from holdfast.serving.scorer import Scorer

    return list_features(Scorer(output.registry_of(config).open()))
