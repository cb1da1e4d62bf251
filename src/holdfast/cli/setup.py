"""`holdfast init`, `simulate` and `datasets`: a study from a look at the data, a shop to try
everything on, and the public data behind our figures, from the providers' own addresses.
"""

import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.output import Json, console, print_json, print_table

datasets = typer.Typer(
    no_args_is_help=True,
    help="Public data sets: list them, fetch one.",
    epilog="Example: holdfast datasets fetch telco --to data",
)


def init(
    name: Annotated[str, typer.Argument(help="Name of the study.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Orders or a snapshot, CSV or Parquet. [default: the only one here]",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What you know better than a guess."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    json: Json = False,
) -> None:
    """Look at a file and write a commented holdfast.toml: columns mapped, encoding, delimiter and
    dates recognised.
    """
    from holdfast.errors import InputError
    from holdfast.report.table_format import make_table
    from holdfast.setup.propose import propose

    target = Path("holdfast.toml")
    if target.exists():
        raise InputError(
            "there is a holdfast.toml here already", fix="go to another folder, or remove it"
        )
    given = {key: value for key, _, value in (item.partition("=") for item in overrides or [])}
    proposal = propose(
        data or _only_file(), project_dir=Path(), given={"study.name": name, **given}
    )
    if json:
        guesses = [asdict(guess) for guess in proposal.guesses]
        print_json({"study": str(target), "kind": proposal.kind, "guesses": guesses})
    else:
        rows = [
            asdict(guess) | {"because": guess.because + ("" if guess.sure else " (?)")}
            for guess in proposal.guesses
        ]
        print_table(console(), make_table("", rows, "key value:text because"))
    if (
        not (yes or json)
        and sys.stdin.isatty()
        and not typer.confirm("Write holdfast.toml?", default=True)
    ):
        raise typer.Exit(1)
    target.write_text(proposal.toml, encoding="utf-8")
    if not json:
        console().print("holdfast.toml is written. Next: holdfast run")


def _only_file() -> Path:
    from holdfast.errors import InputError

    endings = (".csv", ".csv.gz", ".tsv", ".txt", ".parquet")
    files = sorted(path for path in Path().iterdir() if path.name.lower().endswith(endings))
    if len(files) == 1:
        return files[0]
    problem = f"{len(files)} files of data lie here" if files else "no file of data lies here"
    raise InputError(problem, fix="name one with --data FILE")


def simulate(
    directory: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    customers: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="How many customers.")
    ] = 5000,
    days: Annotated[int, typer.Option(min=30, max=3650, help="Length of the log.")] = 730,
    seed: Annotated[int, typer.Option(help="Same seed, same shop.")] = 42,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Any other number of the shop, e.g. rhythm=4."
        ),
    ] = None,
    postgres: Annotated[
        str | None,
        typer.Option(
            metavar="DSN_ENV", help="Load it into the PostgreSQL that this variable names, too."
        ),
    ] = None,
    schema: Annotated[
        str, typer.Option(help="With --postgres: the schema to create.")
    ] = "simulated",
    json: Json = False,
) -> None:
    """Write a simulated shop: orders, events, customers, randomised campaigns, the truth, and a
    study over them.
    """
    from holdfast.cli.progress_display import bar
    from holdfast.setup.simulate import Destination, simulate_to
    from holdfast.synthetic import Shop

    names = [field.name for field in fields(Shop) if field.type in (int, float)]
    shop = replace(
        Shop(n_customers=customers, n_days=days, seed=seed), **_numbers(overrides, names)
    )
    with bar("customers", total=customers, silent=json) as on_progress:
        target = Destination(postgres, schema) if postgres else None
        written = simulate_to(directory, shop, postgres=target, on_progress=on_progress)
    if json:
        print_json({"study": str(written.study), "rows": dict(written.rows)})
        return
    rows = ", ".join(f"{n:,} {name}" for name, n in written.rows.items() if name != "truth")
    console().print(f"{directory}: {rows}\nNext: holdfast run -c {written.study}")


def _numbers(overrides: list[str] | None, names: list[str]) -> dict[str, Any]:
    from holdfast.errors import InputError, nearest

    numbers = {}
    for item in overrides or []:
        key, _, value = item.partition("=")
        if key not in names:
            raise InputError(f"a shop has no '{key}'", fix=nearest(key, names))
        try:
            numbers[key] = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            raise InputError(f"{key} is {value!r}", fix="write a number") from None
    return numbers


@datasets.command(name="list", epilog="Example: holdfast datasets list")
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


@datasets.command(epilog="Example: holdfast datasets fetch cdnow_master --to data")
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
