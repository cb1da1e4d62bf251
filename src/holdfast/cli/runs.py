"""`holdfast runs`: the published runs and which of them counts."""

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.output import Config, Json, console, print_json, run_ids, study_from

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
    registry = _registry(config)
    champion = registry.champion_id()
    rows = [
        _row(registry.open(run_id).manifest, champion=champion) for run_id in registry.run_ids()
    ]
    if json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("", "run", "study", "cutoff", "customers", box=None, pad_edge=False)
    for row in rows:
        mark = "[green]champion[/green]" if row["champion"] else ""
        table.add_row(
            mark, row["run_id"], row["study"], row["cutoff_date"], f"{row['customers']:,}"
        )
    console().print(table if rows else "no run is published yet; make one with `holdfast run`")


@app.command(epilog="Example: holdfast runs show champion")
def show(run_id: RunId = "champion", config: Config = "holdfast.toml", json: Json = False) -> None:
    """Show one run's manifest, after every file of it was checked against its SHA-256."""
    run = _registry(config).open(run_id)
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
    registry = _registry(config)
    was = registry.champion_id()
    _say(registry.promote(run_id).run_id, was=was, json=json)


@app.command(epilog="Example: holdfast runs rollback")
def rollback(config: Config = "holdfast.toml", json: Json = False) -> None:
    """Go back to the champion before."""
    registry = _registry(config)
    was = registry.champion_id()
    _say(registry.rollback().run_id, was=was, json=json)


def _registry(config: str) -> Any:
    from holdfast.io.runs import Registry

    return Registry(Path(study_from(config, None).project_dir) / "runs")


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
