"""`holdfast runs`: the runs of a study, and which of them is published."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import (
    Config,
    Json,
    console,
    print_json,
    print_rows,
    print_table,
    registry_in,
    registry_of,
    run_ids,
    study_from,
)
from holdfast.errors import RunError

if TYPE_CHECKING:
    from holdfast.storage.runs import Registry

app = typer.Typer(
    no_args_is_help=True,
    help="The runs so far, and which is published: list, show, compare, promote, rollback, prune.",
    epilog="Example: holdfast runs list",
)
_WIDE = 110
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN_ID",
        help="A run's id, `latest`, or `champion`: the published run.",
        autocompletion=run_ids,
    ),
]


@app.command(name="list", epilog="Example: holdfast runs list -c my-shop/holdfast.toml")
def list_runs(config: Config = "holdfast.toml", json: Json = False) -> None:
    """List the runs, newest first; the published one is marked."""
    from holdfast.report.table_columns import Col
    from holdfast.runs.run_history import SHOWN
    from holdfast.runs.run_history import list_runs as list_rows

    registry = registry_of(config)
    rows = list_rows(registry)
    marked = [dict.fromkeys(SHOWN) | row | {"run": row["run_id"], "": _mark(row)} for row in rows]
    columns = Col(""), "run study", Col("cutoff_date", "Cutoff"), "customers"
    none = "there is no run yet; make one with `holdfast run`"
    print_rows(rows if json else marked, *columns, json=json, none=none)
    if rows and not json:
        _warn(registry, rows)


@app.command(epilog="Example: holdfast runs show champion")
def show(run_id: RunId = "champion", config: Config = "holdfast.toml", json: Json = False) -> None:
    """Show one run's manifest and, with --json, all that it found, after every file of it was
    checked against its SHA-256.
    """
    run = registry_of(config).open(run_id)
    run.verify()
    if json:
        print_json({**run.manifest, "summary": run.summary})
        return
    out = console()
    for key, value in run.manifest.items():
        if key not in ("files", "seconds"):
            out.print(f"[bold]{key:<18}[/bold] {value}")
    out.print(f"[bold]{'files':<18}[/bold] {len(run.manifest['files'])}, all as they were written")
    out.print(f"[bold]{'report':<18}[/bold] {run.report}")


@app.command(epilog="Example: holdfast runs compare 20261123T021500Z-ab12cd34 champion")
def compare(
    before: RunId, after: RunId = "champion", config: Config = "holdfast.toml", json: Json = False
) -> None:
    """Put two runs side by side: customers, risk, value, drift, who moved, models, settings and how
    good they proved.
    """
    from holdfast.report import comparison_tables
    from holdfast.runs.run_comparison import compare_runs

    study = study_from(config, None)
    registry = registry_in(study)
    comparison = compare_runs(registry.open(before), registry.open(after))
    if json:
        print_json(comparison)
        return
    out = console()
    out.print(comparison_tables.lead(comparison), markup=False)
    for note in comparison["notes"]:
        out.print(f"Note: {note}.", markup=False)
    out.print()
    for table in comparison_tables.comparison(comparison, currency=study.currency):
        print_table(out, table, width=_WIDE)


@app.command(epilog="Example: holdfast runs promote 20261123T021500Z-ab12cd34")
def promote(run_id: RunId, config: Config = "holdfast.toml", json: Json = False) -> None:
    """Publish a run: predictions come from it then."""
    from holdfast.runs.run_history import change_champion

    registry = registry_of(config)
    was = registry.champion_id()
    _say(change_champion(registry, run_id).run_id, was=was, json=json)


@app.command(epilog="Example: holdfast runs rollback")
def rollback(config: Config = "holdfast.toml", json: Json = False) -> None:
    """Go back to the run that was published before."""
    from holdfast.runs.run_history import change_champion

    registry = registry_of(config)
    was = registry.champion_id()
    _say(change_champion(registry, None).run_id, was=was, json=json)


@app.command(epilog="Example: holdfast runs prune --keep 30 --dry-run")
def prune(
    config: Config = "holdfast.toml",
    keep: Annotated[int | None, typer.Option(min=1, help="The last so many runs stay.")] = None,
    older_than: Annotated[
        int | None, typer.Option(min=1, help="Runs made more than so many days ago go.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: Json = False,
) -> None:
    """Remove old runs for good, by --keep or --older-than or what [schedule] says; the published
    run stays, and so does a run that a server has loaded.
    """
    from holdfast.runs.prune import prune as prune_runs

    study = study_from(config, None)
    if keep is None and older_than is None:
        keep, older_than = study.schedule.keep, study.schedule.older_than_days
    pruned = prune_runs(registry_in(study), keep=keep, older_than_days=older_than, dry_run=dry_run)
    removed = [each for each in pruned if each.outcome == "removed"]
    freed = sum(each.bytes for each in removed)
    if json:
        runs = [asdict(each) for each in pruned]
        print_json({"dry_run": dry_run, "freed_bytes": freed, "runs": runs})
        return
    out = console()
    for each in pruned:
        stays = " stays: a server has it loaded"
        end = f" ({_size(each.bytes)})" if each.outcome == "removed" else stays
        out.print(f"{each.run_id}{end}")
    count = "1 run" if len(removed) == 1 else f"{len(removed)} runs"
    done = "would be removed, {} freed" if dry_run else "removed, {} freed"
    out.print(f"{count} {done.format(_size(freed))}")


def _mark(row: dict[str, Any]) -> str:
    if row["champion"]:
        return "published"
    return "worse: not published" if row.get("refused") else ""


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.1f} MB"


def _warn(registry: "Registry", rows: list[dict[str, Any]]) -> None:
    """Say which runs are damaged, and that none is published where none is."""
    from rich.text import Text

    lines = [row["damaged"] for row in rows if "damaged" in row]
    if not any(row["champion"] for row in rows):
        try:
            registry.open()
        except RunError as error:
            lines.append(str(error))
    for line in lines:
        console().print(Text.assemble(("Warning: ", "yellow"), line))


def _say(run_id: str, *, was: str | None, json: bool) -> None:
    if json:
        print_json({"champion": run_id})
    elif was == run_id:
        console().print(f"published run: {run_id}, as before")
    else:
        console().print(f"published run: {run_id}" + (f" (was {was})" if was else ""))
