"""`holdfast forecast`: what today's customers will bring, week by week."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, RunOption

if TYPE_CHECKING:
    import polars as pl

    from holdfast.report.table_format import Table

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

    study, run = output.study_from(config, None), output.registry_of(config).open(run_id)
    table = run.table("forecast") if "tables/forecast.parquet" in run.manifest["files"] else None
    if table is None or table.is_empty():
        raise NotEnoughData(
            f"run {run.run_id} has no forecast", fix="a forecast needs an order log with amounts"
        )
    first = table["week_start_day"].unique().sort()[:weeks]
    chosen = table.filter(group_kind=by).join(first.to_frame(), on="week_start_day", how="semi")
    if png is not None:
        company = table.filter(group_kind="company")
        png.write_bytes(_draw(company, run.table("days"), study.currency))
    if json:
        output.print_json(
            {
                "run_id": run.run_id,
                "currency": study.currency,
                "totals": run.summary["forecast"],
                "forecast": chosen.to_dicts(),
            }
        )
        return
    out = output.console()
    if by == "company":
        output.print_table(out, _horizons(run.summary["forecast"], study.currency))
    for (name,), rows in chosen.group_by("group", maintain_order=True):
        whose = "All customers" if by == "company" else str(name)
        output.print_table(out, _weeks(whose, rows, study.currency))


def _draw(weeks: "pl.DataFrame", days: "pl.DataFrame", currency: str) -> bytes:
    from holdfast.report import chart_data
    from holdfast.report.charts import revenue_forecast
    from holdfast.report.render import drawing

    chart = revenue_forecast(weeks, chart_data.weeks(days), currency=currency)
    return drawing("forecast", chart).png()


def _horizons(totals: dict[str, Any], currency: str) -> "Table":
    from holdfast.report.table_format import make_table

    intervals = totals.get("interval_80", {})
    rows = [
        {"horizon_days": days, "expected_revenue": total}
        | dict(zip(("low_80", "high_80"), intervals.get(days, (None, None)), strict=True))
        for days, total in totals["expected_revenue"].items()
    ]
    names = "horizon_days expected_revenue interval_80"
    return make_table("Expected revenue of all customers", rows, names, currency=currency)


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
