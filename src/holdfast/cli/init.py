"""`holdfast init`: a study from a look at the data."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.output import Json, console, print_json, print_table


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
