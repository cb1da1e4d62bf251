"""`holdfast init` and `holdfast simulate`: something to start from."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import Json, console, print_json

if TYPE_CHECKING:
    from holdfast.setup.propose import Guess


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
        _show_guesses(proposal.guesses)
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
    found = sorted(path for path in Path().iterdir() if path.name.lower().endswith(endings))
    if len(found) == 1:
        return found[0]
    said = f"{len(found)} files of data lie here" if found else "no file of data lies here"
    raise InputError(said, fix="name one with --data FILE")


def _show_guesses(guesses: "Sequence[Guess]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("key", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("because", overflow="fold")
    for guess in guesses:
        table.add_row(
            guess.key, Text(guess.value), Text(guess.because + ("" if guess.sure else " (?)"))
        )
    console().print(table)


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
    from holdfast.cli.progress import counting
    from holdfast.setup.simulate import Destination, simulate_to
    from holdfast.synthetic import Shop

    known = [field.name for field in fields(Shop) if field.type in (int, float)]
    shop = replace(
        Shop(n_customers=customers, n_days=days, seed=seed), **_numbers(overrides, known)
    )
    with counting("customers", total=customers, silent=json) as on_progress:
        target = Destination(postgres, schema) if postgres else None
        written = simulate_to(directory, shop, postgres=target, on_progress=on_progress)
    if json:
        print_json({"study": str(written.study), "rows": dict(written.rows)})
        return
    rows = ", ".join(f"{n:,} {name}" for name, n in written.rows.items() if name != "truth")
    console().print(f"{directory}: {rows}\nNext: holdfast run -c {written.study}")


def _numbers(overrides: list[str] | None, known: list[str]) -> dict[str, Any]:
    from holdfast.errors import InputError, nearest

    numbers = {}
    for item in overrides or []:
        key, _, value = item.partition("=")
        if key not in known:
            raise InputError(f"a shop has no '{key}'", fix=nearest(key, known))
        try:
            numbers[key] = int(value) if value.lstrip("-").isdigit() else float(value)
        except ValueError:
            raise InputError(f"{key} is {value!r}", fix="write a number") from None
    return numbers
