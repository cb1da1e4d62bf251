"""`holdfast datasets`: public data behind our figures, from the providers' own addresses."""

from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.output import Json, console, print_json

app = typer.Typer(
    no_args_is_help=True,
    help="Public data sets: list them, fetch one.",
    epilog="Example: holdfast datasets fetch telco --to data",
)


@app.command(name="list", epilog="Example: holdfast datasets list")
def list_datasets(json: Json = False) -> None:
    """List the data sets, their size, licence and source."""
    from holdfast.io.datasets import catalogue

    keys = "name title kind rows customers provider page licence citation by_hand".split()
    rows = [{key: getattr(dataset, key) for key in keys} for dataset in catalogue()]
    if json:
        print_json(rows)
        return
    out = console()
    for row in rows:
        out.print(
            f"[bold]{row['name']}[/bold]  {row['kind']}, {row['rows']:,} rows, "
            f"{row['customers']:,} customers"
        )
        out.print(
            f"  {row['title']}\n  [dim]{row['provider']}, {row['page']}; licence: "
            f"{row['licence']}[/dim]"
        )
        out.print(f"  [dim]cite: {row['citation']}[/dim]")
        if row["by_hand"]:
            out.print(f"  {row['by_hand']}")


@app.command(epilog="Example: holdfast datasets fetch cdnow_master --to data")
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `holdfast datasets list`.")],
    to: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where NAME.parquet is written.")
    ] = Path(),
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask a mirror instead of the provider.")
    ] = None,
    json: Json = False,
) -> None:
    """Download a data set and check it against known counts and totals."""
    from holdfast.cli.progress_display import bar
    from holdfast.io.datasets import fetch as fetch_dataset

    with bar(name, in_bytes=True, silent=json) as on_progress:
        data = fetch_dataset(name, to, base_url=mirror, on_progress=on_progress)
    facts = {
        "path": str(data.path),
        "rows": data.rows,
        "customers": data.customers,
        "total": str(data.total),
    }
    if json:
        print_json(facts | {"sha256": data.sha256})
    else:
        console().print(
            f"{data.path}: {data.rows:,} rows, {data.customers:,} customers, as expected"
        )
