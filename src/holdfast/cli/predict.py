"""`holdfast predict` and `forecast`: one customer, or what all of them will bring week by week,
from a published run.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli.output import (
    Config,
    Json,
    RunOption,
    print_result,
    print_table,
    registry_in,
    registry_of,
    study_from,
)

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from holdfast.report.table_format import Table
    from holdfast.storage.runs import Run
    from holdfast.study import Study

_BAR = 24


def predict(
    customer_id: Annotated[
        str | None, typer.Argument(metavar="CUSTOMER_ID", help="As the data has it.")
    ] = None,
    random: Annotated[bool, typer.Option("--random", help="Any customer of the run.")] = False,
    features: Annotated[
        Path | None,
        typer.Option(help="A JSON file with one customer's features, or snapshot columns."),
    ] = None,
    run: RunOption = "champion",
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Show what the run says of one customer: risk, value, segment, reasons and what to do."""
    from holdfast.errors import InputError
    from holdfast.serving import predict as serving

    if (n_named := (customer_id is not None) + random + (features is not None)) != 1:
        what = "the customer is named in more than one way" if n_named else "no customer is named"
        raise InputError(what, fix="give one of CUSTOMER_ID, --random and --features FILE")
    study = study_from(config, None)
    published = registry_in(study).open(run)
    if features is not None:
        answer = serving.predict_features(published, serving.read_features(features))
    else:
        chosen = serving.pick_customer(published) if customer_id is None else customer_id
        chosen = find_name(chosen, study, published)
        answer = serving.predict_customer(published, chosen)
    print_result(answer, lambda out: print_prediction(out, answer), json=json)


def find_name(customer_id: str, study: "Study", run: "Run") -> str:
    """What the run knows a customer by: where the study has pseudonyms its own, or the id in a run
    from before there were any.
    """
    if study.privacy is None or not study.privacy.pseudonymise:
        return customer_id
    from holdfast.storage.pseudonyms import Pseudonyms

    in_run = set(run.scores["customer_id"])
    names = Pseudonyms.of(study).names(customer_id)
    return next((name for name in reversed(names) if name in in_run), customer_id)


def print_prediction(out: "Console", answer: dict[str, Any]) -> None:
    """Print one customer's page."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, text in _facts(answer).items():
        table.add_row(name, text)
    title = f"Customer {answer['customer_id']}"
    out.print(Panel(table, title=title, title_align="left", expand=False))
    reasons = [reason["sentence"] for reason in answer["reasons"]]
    sections = {
        "Check": answer.get("warnings"),
        "What to do": answer["actions"],
        "Why": reasons,
        "Evidence": [answer["evidence"]],
    }
    for heading, lines in sections.items():
        if lines:
            out.print(Text(heading, "bold"))
            out.print(Text("\n".join(f"  · {line}" for line in lines)))
    out.print(f"[dim]  run {answer['run_id']}, as of {answer['cutoff_date']}[/dim]")


def _facts(answer: dict[str, Any]) -> dict[str, str]:
    """The figures of one customer, by what they are called."""
    from holdfast.study.currencies import write_amount

    worth = f"not estimated: {answer.get('ltv_not_estimated')}"
    if answer["predicted_ltv"] is not None:
        amount = write_amount(answer["predicted_ltv"], answer["currency"])
        worth = f"{amount}   {answer['ltv_tier']} value"
    return {
        "Churn probability": f"{answer['churn_probability']:.1%}   {answer['churn_risk']}",
        "Expected revenue": worth,
        "Risk score": f"{answer['risk_score']:.3f}   higher than {answer['risk_rank']:.0%} of the "
        "tier",
        "Segment": f"[bold]{answer['segment']}[/bold]",
    }


def forecast(
    config: Config = "holdfast.toml",
    run_id: RunOption = "champion",
    by: Annotated[
        Literal["company", "segment", "cohort"], typer.Option(help="Whose weeks.")
    ] = "company",
    weeks: Annotated[int, typer.Option(min=1, max=521, help="How many weeks to print.")] = 13,
    json: Json = False,
) -> None:
    """Print the revenue forecast of a published run, with its 80 % interval. New customers are not
    in it.
    """
    from holdfast.errors import NotEnoughData
    from holdfast.serving.load import read_table

    study, run = study_from(config, None), registry_of(config).open(run_id)
    table = read_table(run, "forecast")
    if table.is_empty():
        raise NotEnoughData(
            f"run {run.run_id} has no forecast", fix="a forecast needs an order log with amounts"
        )
    first = table["week_start_day"].unique().sort()[:weeks]
    chosen = table.filter(group_kind=by).join(first.to_frame(), on="week_start_day", how="semi")
    values = {
        "run_id": run.run_id,
        "currency": study.currency,
        "totals": run.summary["forecast"],
        "forecast": chosen.to_dicts(),
    }
    print_result(values, lambda out: _print_forecast(out, run, chosen, study.currency), json=json)


def _print_forecast(out: "Console", run: "Run", weeks: "pl.DataFrame", currency: str) -> None:
    """Print the totals, if the company is asked for, and each group's weeks."""
    from holdfast.report import run_tables
    from holdfast.serving.load import read_table

    is_whole = weeks["group_kind"][0] == "company"
    if is_whole:
        evidence = read_table(run, "horizon_evidence")
        totals = run_tables.forecast_totals(run.summary["forecast"], evidence, currency=currency)
        print_table(out, totals)
    for (name,), rows in weeks.group_by("group", maintain_order=True):
        print_table(out, _weeks("All customers" if is_whole else str(name), rows, currency))


def _weeks(name: str, rows: "pl.DataFrame", currency: str) -> "Table":
    """The weeks of a group, with a bar for each."""
    import polars as pl

    from holdfast.report.formatting import money, plural
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    revenue = pl.col("expected_revenue")
    bar = pl.lit("▇").repeat_by((_BAR * revenue / revenue.max()).round().fill_nan(0).cast(pl.Int32))
    total = money(float(rows["expected_revenue"].sum()), currency)
    caption = f"{name}: {total} in {plural(rows.height, 'week')}"
    names = "week_start_day expected_revenue interval_80"
    drawn = rows.with_columns(bar=bar.list.join(""))
    return make_table(caption, drawn, names, Col("bar", " "), currency=currency)
