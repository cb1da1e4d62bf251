"""`holdfast features`, `backtest` and `compare`: look before you trust."""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.output import Config, Json, Set, console, print_json, study_from

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from holdfast.evaluation.evidence import Evidence

_SHOWN = {
    "churn": ("roc_auc", "average_precision", "brier", "log_loss"),
    "value": (
        "wape",
        "spearman",
        "top_decile_capture",
        "total_ratio",
        "coverage_80",
        "coverage_95",
    ),
}


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


def backtest(
    config: Config = "holdfast.toml",
    cutoff: Annotated[
        list[str] | None,
        typer.Option(
            metavar="YYYY-MM-DD", help="A test cutoff; may be repeated. [default: the study's]"
        ),
    ] = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Prove the study cutoff by cutoff on time its models have not seen, beside the naive
    baselines.
    """
    from holdfast.cli.progress import progress
    from holdfast.training.backtest import backtest as verb
    from holdfast.windows import parse_day

    study = study_from(config, overrides)
    with progress(silent=json) as listener:
        found = verb(
            study, cutoffs=[parse_day(day) for day in cutoff or []] or None, listener=listener
        )
    _print_evidence(found, json=json)


def compare(
    config: Config = "holdfast.toml",
    task: Annotated[str | None, typer.Option(help="churn or value. [default: both]")] = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Benchmark six algorithms for each task on the same folds, with bootstrap intervals."""
    from holdfast.cli.progress import progress
    from holdfast.training.comparison import compare as verb

    study = study_from(config, overrides)
    with progress(silent=json) as listener:
        found = verb(study, task=task, listener=listener)
    _print_evidence(found, json=json)


def _print_evidence(found: "Evidence", *, json: bool) -> None:
    from holdfast.report.interval_coverage import by_horizon, tenths
    from holdfast.tables import json_rows
    from holdfast.windows import date_of

    evidence, findings = found.evidence, [finding.as_dict() for finding in found.findings]
    by_tenth, horizons = tenths(found.predictions), by_horizon(found.horizon_evidence)
    if json:
        tables = {"evidence": evidence, "tenths": by_tenth, "horizons": horizons}
        print_json(
            {**{name: json_rows(table) for name, table in tables.items()}, "findings": findings}
        )
        return
    from rich.table import Table

    out = console()
    for (task, day), rows in evidence.group_by("task", "cutoff_day", maintain_order=True):
        metrics = [name for name in _SHOWN[str(task)] if name in rows["metric"]]
        table = Table(f"{task}, {date_of(int(str(day)))}", *metrics, box=None, padding=(0, 2, 0, 0))
        for (model,), figures in rows.group_by("model", maintain_order=True):
            told = {row["metric"]: row for row in figures.to_dicts()}
            table.add_row(str(model), *(_figure(told.get(name)) for name in metrics))
        out.print(table)
        out.print()
    if by_tenth.height:
        out.print(_tenths(by_tenth))
        out.print()
    if horizons.height:
        out.print(_horizons(horizons))
        out.print()
    for finding in findings:
        out.print(f"[bold]{finding['severity']}[/bold]: {finding['evidence']}; {finding['fix']}")


def _tenths(by_tenth: "pl.DataFrame") -> "Table":
    """Each cutoff's tenths by expected revenue: what was expected, what came, how often the
    interval held.
    """
    from rich.table import Table

    from holdfast.windows import date_of

    table = Table("cutoff", "tenth", box=None, padding=(0, 2, 0, 0))
    for title in ("expected", "came", "naive", "brought nothing", "in the 80 % interval"):
        table.add_column(title, justify="right")
    for row in by_tenth.iter_rows(named=True):
        money = (f"{row[name]:,.2f}" for name in ("predicted", "actual", "baseline"))
        held = "-" if row["held_80"] is None else f"{row['held_80']:.0%}"
        day = str(date_of(row["cutoff_day"])) if row["tenth"] == 1 else ""
        table.add_row(day, str(row["tenth"]), *money, f"{row['idle']:.0%}", held)
    return table


def _horizons(by_horizon: "pl.DataFrame") -> "Table":
    """Every horizon, days, at every cutoff whose window has ended; in brackets, the naive
    baseline.
    """
    from rich.table import Table

    from holdfast.windows import date_of

    shown = {"brier": "brier", "wape": "wape", "total_ratio": "total"}
    table = Table(box=None, padding=(0, 1, 0, 0))
    for title in ("days", "cutoff", *shown.values(), "80 % held", "95 % held"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in by_horizon.iter_rows(named=True):
        told = {name: "-" if value is None else f"{value:.3f}" for name, value in row.items()}
        pairs = (
            "-" if row[name] is None else f"{told[name]} ({told[f'naive_{name}']})"
            for name in shown
        )
        held = (
            "-" if row[name] is None else f"{row[name]:.0%}"
            for name in ("coverage_80", "coverage_95")
        )
        table.add_row(str(row["horizon_days"]), str(date_of(row["cutoff_day"])), *pairs, *held)
    return table


def _figure(row: dict[str, float | None] | None) -> str:
    if row is None:
        return ""
    value, low, high = row["value"], row["low"], row["high"]
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ±{(high - low) / 2:.3f}"
