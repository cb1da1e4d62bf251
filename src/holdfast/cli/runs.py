"""`holdfast runs`: the published runs and which of them counts."""

from typing import Annotated, Any

import typer

from holdfast.cli.output import Config, Json, console, print_json, print_rows, registry_of, run_ids

app = typer.Typer(
    no_args_is_help=True,
    help="The published runs: list, show, promote, rollback.",
    epilog="Example: holdfast runs list",
)
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN_ID", help="A run's id, `champion` or `latest`.", autocompletion=run_ids
    ),
]


@app.command(name="list", epilog="Example: holdfast runs list -c my-shop/holdfast.toml")
def list_runs(config: Config = "holdfast.toml", json: Json = False) -> None:
    """List the published runs, newest first; the champion is marked."""
    from holdfast.report.table_columns import Col

    registry = registry_of(config)
    champion = registry.champion_id()
    rows = [
        _row(registry.open(run_id).manifest, champion=champion) for run_id in registry.run_ids()
    ]
    marked = [row | {"run": row["run_id"], "": "champion" * row["champion"]} for row in rows]
    columns = Col(""), "run study", Col("cutoff_date", "Cutoff"), "customers"
    none = "no run is published yet; make one with `holdfast run`"
    print_rows(rows if json else marked, *columns, json=json, none=none)


@app.command(epilog="Example: holdfast runs show champion")
def show(run_id: RunId = "champion", config: Config = "holdfast.toml", json: Json = False) -> None:
    """Show one run's manifest, after every file of it was checked against its SHA-256."""
    run = registry_of(config).open(run_id)
    run.verify()
    if json:
        print_json(dict(run.manifest))
        return
    out = console()
    for key, value in run.manifest.items():
        if key not in ("files", "seconds"):
            out.print(f"[bold]{key:<18}[/bold] {value}")
    out.print(f"[bold]{'files':<18}[/bold] {len(run.manifest['files'])}, all as published")
    out.print(f"[bold]{'report':<18}[/bold] {run.report}")


@app.command(epilog="Example: holdfast runs promote 20261123T021500Z-ab12cd34")
def promote(run_id: RunId, config: Config = "holdfast.toml", json: Json = False) -> None:
    """Make a run the champion: the one that predictions come from."""
    registry = registry_of(config)
    was = registry.champion_id()
    _say(registry.promote(run_id).run_id, was=was, json=json)


@app.command(epilog="Example: holdfast runs rollback")
def rollback(config: Config = "holdfast.toml", json: Json = False) -> None:
    """Go back to the champion before."""
    registry = registry_of(config)
    was = registry.champion_id()
    _say(registry.rollback().run_id, was=was, json=json)


def _row(manifest: Any, *, champion: str | None) -> dict[str, Any]:
    keys = ("run_id", "created_at", "study", "cutoff_date", "customers")
    return {key: manifest[key] for key in keys} | {"champion": manifest["run_id"] == champion}


def _say(run_id: str, *, was: str | None, json: bool) -> None:
    if json:
        print_json({"champion": run_id})
    elif was == run_id:
        console().print(f"champion: {run_id}, as before")
    else:
        console().print(f"champion: {run_id}" + (f" (was {was})" if was else ""))
