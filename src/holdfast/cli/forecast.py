"""`holdfast forecast`: what today's customers will bring, week by week."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli.output import Config, Json, RunOption, console, print_json, study_from

if TYPE_CHECKING:
    import polars as pl

_BAR = 24


def forecast(
    config: Config = "holdfast.toml",
    run_id: RunOption = "champion",
    by: Annotated[
        Literal["company", "segment", "cohort"], typer.Option(help="Whose weeks.")
    ] = "company",
    weeks: Annotated[int, typer.Option(min=1, max=521, help="How many weeks to print.")] = 13,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the company's weeks, too.")
    ] = None,
    json: Json = False,
) -> None:
    """Print the revenue forecast of a published run, with its 80 % interval. New customers are not
    in it.
    """
    from holdfast.errors import NotEnoughData
    from holdfast.io.runs import Registry

    study = study_from(config, None)
    run = Registry(Path(study.project_dir) / "runs").open(run_id)
    table = run.table("forecast") if "tables/forecast.parquet" in run.manifest["files"] else None
    if table is None or table.is_empty():
        raise NotEnoughData(
            f"run {run.run_id} has no forecast", fix="a forecast needs an order log with amounts"
        )
    first = table["week_start_day"].unique().sort()[:weeks]
    chosen = table.filter(group_kind=by).join(first.to_frame(), on="week_start_day", how="semi")
    if png is not None:
        from holdfast.report.chart_data import weeks as past_weeks
        from holdfast.report.charts import revenue_forecast
        from holdfast.report.render import drawing

        company, past = table.filter(group_kind="company"), past_weeks(run.table("days"))
        png.write_bytes(
            drawing("forecast", revenue_forecast(company, past, currency=study.currency)).png()
        )
    if json:
        print_json(
            {
                "run_id": run.run_id,
                "currency": study.currency,
                "totals": run.summary["forecast"],
                "forecast": chosen.to_dicts(),
            }
        )
        return
    if by == "company":
        _print_horizons(run.summary["forecast"], study.currency)
    for (name,), rows in chosen.group_by("group", maintain_order=True):
        _print_group(f"{name}, {study.currency}" if by != "company" else study.currency, rows)


def _print_horizons(told: dict[str, Any], currency: str) -> None:
    from rich.table import Table

    table = Table("all customers, the next", box=None, padding=(0, 2, 0, 0))
    for heading in (currency, "80 % interval"):
        table.add_column(heading, justify="right")
    for days, total in told["expected_revenue"].items():
        low, high = told.get("interval_80", {}).get(days, (None, None))
        table.add_row(
            f"{days} days", f"{total:,.0f}", "" if low is None else f"{low:,.0f} to {high:,.0f}"
        )
    console().print(table)
    console().print()


def _print_group(name: str, rows: "pl.DataFrame") -> None:
    from rich.table import Table

    from holdfast.windows import date_of

    table = Table("week from", box=None, padding=(0, 2, 0, 0))
    for heading in (name, "80 % interval"):
        table.add_column(heading, justify="right")
    table.add_column("")
    most = max(rows["expected_revenue"].to_list())
    for row in rows.to_dicts():
        interval = f"{row['low_80']:,.0f} to {row['high_80']:,.0f}"
        bar = "▇" * round(_BAR * row["expected_revenue"] / most) if most > 0 else ""
        table.add_row(
            str(date_of(row["week_start_day"])), f"{row['expected_revenue']:,.0f}", interval, bar
        )
    table.add_row("all", f"{rows['expected_revenue'].sum():,.0f}", "", "")
    console().print(table)
    console().print()
