"""`holdfast churn-window`: what is churn in this log?"""

from typing import TYPE_CHECKING, Any

from holdfast.cli.output import Config, Json, Set, console, print_json, study_from

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.table import Table

    from holdfast.quality.churn_definition.window import ChurnWindow

_SHARES = (
    "certainty",
    "returns_later",
    "return_probability",
    "lost_share",
    "churned_share",
    "incidence",
    "low",
    "high",
    "still_there",
)


def churn_window(
    config: Config = "holdfast.toml", overrides: Set = None, json: Json = False
) -> None:
    """Find from the order log alone after which silence a customer is lost."""
    from holdfast.cli.progress import progress
    from holdfast.quality.churn_window import churn_window as ask

    study = study_from(config, overrides)
    with progress(silent=json) as listener:
        found = ask(study, listener=listener)
    if json:
        print_json(found.as_dict())
    else:
        print_churn_window(console(), found)


def print_churn_window(out: "Console", found: "ChurnWindow") -> None:
    """Print what the log says, the window first."""
    import polars as pl
    from rich.text import Text

    from holdfast.windows import date_of

    regime, days = found.regime, found.window.days
    period = f", usually every {regime.period_days} days" if regime.period_days else ""
    out.print(
        f"\n[bold]{regime.name}[/bold]: {regime.clock_share:.0%} of repeat customers buy by the "
        f"clock{period}"
    )
    if days is not None:
        out.print(
            f"Recommended churn window: [bold]{days} days[/bold] of silence; from then on at most "
            "one in five returns "
            f"within {found.horizon_days} days. Active up to {found.active_days}, lapsed up to "
            f"{days - 1}, then lost."
        )
    out.print(Text(_drawn(found)))
    dates = [date_of(day).isoformat() for day in found.labels["latest_cutoff_day"]]
    labels = found.labels.with_columns(pl.Series("latest_cutoff_day", dates))
    tables = {
        "Early or certain": found.tradeoff,
        "By rhythm": found.groups.drop("rule"),
        "Today": found.counts,
        "Labels, mature up to": labels,
        "Months": found.seasons,
        **(
            {"Left, by cause and days since the first purchase": found.causes}
            if found.causes.height
            else {}
        ),
    }
    for title, rows in tables.items():
        out.print(f"\n[bold]{title}[/bold]", _table(rows), sep="\n")
    for finding in found.findings:
        out.print(Text(f"\n{finding.severity}: {finding.evidence}"))
        out.print(Text(f"  {finding.fix}", style="dim"))


def _drawn(found: "ChurnWindow") -> str:
    """The chance of a return, a bar for every 30 silent days."""
    rows = found.curve.gather_every(30).head(20).iter_rows(named=True)
    bars = ((row["silence_days"], row["return_probability"]) for row in rows)
    lines = (f"{days:>4}  {'█' * round(40 * chance)} {chance:.0%}" for days, chance in bars)
    return (
        f"\nsilent days, and the chance of a return within {found.horizon_days} more\n"
        + "\n".join(lines)
    )


def _table(rows: "pl.DataFrame") -> "Table":
    from rich.table import Table

    table = Table(
        *(name.replace("_", " ") for name in rows.columns), box=None, padding=(0, 2, 0, 0)
    )
    for row in rows.iter_rows(named=True):
        table.add_row(*(_cell(name, value) for name, value in row.items()))
    return table


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0%}" if name in _SHARES else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
