"""`holdfast erase`, `customer` and `audit-log`: what is held of a person, how it goes, and who did
what.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import (
    Config,
    Json,
    console,
    print_json,
    print_rows,
    registry_in,
    study_from,
)
from holdfast.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.privacy.erase import Erased, Place

customer = typer.Typer(no_args_is_help=True, help="One customer: export all that is held.")
audit_log = typer.Typer(
    no_args_is_help=True,
    help="Who promoted, exported, erased, signed in, and when: show, verify.",
)
_SOURCE = (
    "The source data is your own: take them out there too. Until then a run sets their rows aside."
)


def erase(
    customers: Annotated[
        list[str] | None, typer.Argument(metavar="CUSTOMER...", help="Ids, as in the source.")
    ] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A file of ids, one a line.")
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Only look where they still are; exit 1 if anywhere.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Take customers out of every run, export, journal and copy, and out of the stream, for good,
    and keep them out of what is to come. Counts, totals and evidence of the runs stay as they were.
    """
    from holdfast.privacy.erase import erase as erase_customers
    from holdfast.privacy.erase import find_places

    study, ids = study_from(config, None), _read_ids(customers or [], from_file)
    registry = registry_in(study)
    if prove:
        places = find_places(study, ids, project=registry.folder.parent)
        _show_places(places, json=json)
        raise typer.Exit(1 if places else 0)
    count = "1 customer" if len(ids) == 1 else f"{len(ids):,} customers"
    if not yes:
        _confirm(f"Erase {count} from {registry.folder.parent.resolve()} for good?")
    done = erase_customers(study, ids, registry=registry)
    if json:
        print_json({"customers": len(ids), **vars(done)})
    else:
        _print_outcome(console(), count, done)
    if done.damaged:
        raise typer.Exit(1)


@customer.command(name="export", epilog="Example: holdfast customer export CUST00001 > held.json")
def export_customer(
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The id, as in the source.")],
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="Only what this run holds.")
    ] = None,
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Print everything that is held about one customer as one JSON document."""
    from holdfast.privacy.access import collect
    from holdfast.storage import audit_log as log
    from holdfast.storage.pseudonyms import Pseudonyms

    study = study_from(config, None)
    registry = registry_in(study)
    held = collect(study, customer_id, registry=registry, run_ids=[run] if run else [])
    digest = Pseudonyms.of(study, make_key=True).digest(customer_id)
    log.record(registry.folder.parent, "customer export", customers=[digest[:16]])
    print_json(held)


@audit_log.command(epilog="Example: holdfast audit-log show")
def show(config: Config = "holdfast.toml", json: Json = False) -> None:
    """Print every line, oldest first."""
    from holdfast.report.table_columns import Col
    from holdfast.storage.audit_log import entries

    lines = entries(Path(config).parent)
    named = ("n", "at", "who", "what", "before")
    rows = [
        line | {"": ", ".join(f"{name} {line[name]}" for name in line if name not in named)}
        for line in lines
    ]
    columns, none = ("at who what", Col("", " ", "text")), "nothing is in the audit log yet"
    print_rows(lines if json else rows, *columns, json=json, none=none)


@audit_log.command(epilog="Example: holdfast audit-log verify")
def verify(config: Config = "holdfast.toml", json: Json = False) -> None:
    """Follow the chain of hashes from the first line to the last; exit 2 at the first that is
    broken.
    """
    from holdfast.storage.audit_log import verify as verify_log

    count = verify_log(Path(config).parent)
    if json:
        print_json({"lines": count})
    else:
        console().print(f"{count:,} lines, each as it was written")


def _read_ids(customers: list[str], file: Path | None) -> list[str]:
    if file is not None:
        try:
            customers = [*customers, *file.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as error:
            raise InputError(f"{file} cannot be read: {error}", fix="name a text file") from None
    ids = list(dict.fromkeys(each.strip() for each in customers if each.strip()))
    if not ids:
        raise InputError("no customer is named", fix="give ids, or --from FILE with one a line")
    return ids


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise InputError("nobody is there to ask", fix="give --yes")
    if not typer.confirm(question):
        raise InputError("nothing was erased", fix="answer y, or give --yes")


def _show_places(places: "list[Place]", *, json: bool) -> None:
    rows: list[dict[str, Any]] = [{"file": str(p.path), "count": p.count} for p in places]
    if json:
        print_json({"places": sum(p.count for p in places), "files": rows})
        return
    out = console()
    out.print(f"{sum(p.count for p in places):,}")
    for place in places:
        what = f"{place.count:,}" if place.count else "cannot be read: look by hand"
        out.print(f"  {place.path}: {what}", markup=False)


def _print_outcome(out: "Console", count: str, done: "Erased") -> None:
    for old, new in done.runs.items():
        out.print(f"{old} is now {new}")
    for run_id, why in done.damaged.items():
        out.print(f"{run_id} was left as it is: {why}", markup=False)
    runs = "1 run" if len(done.runs) == 1 else f"{len(done.runs)} runs"
    stream = f", {done.stream:,} rows of the stream" if done.stream else ""
    out.print(
        f"{count} erased: {runs}, {done.exports} exports, {done.copies} servers' copies{stream}"
    )
    if done.unknown:
        shown = ", ".join(done.unknown[:5]) + (", ..." if len(done.unknown) > 5 else "")
        out.print(f"They were in no file, and stay out from now on: {shown}", markup=False)
    out.print("Counts, totals and evidence of the runs stay what they were.")
    out.print(_SOURCE)
