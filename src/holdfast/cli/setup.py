"""`holdfast init`, `simulate` and `datasets`: a study from a look at the data, a shop to try
everything on, and the public data behind our figures, from the providers' own addresses.
"""

import sys
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import Json, console, print_json, print_table

if TYPE_CHECKING:
    from holdfast.setup.propose import Proposal
    from holdfast.setup.simulate import SimulatedFiles

_DAYS = 730

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
            help="Orders or a snapshot: CSV, JSON, Excel or Parquet, also zipped, or a glob. "
            "[default: the only one here]",
        ),
    ] = None,
    customers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Beside orders: a row for each customer, with attributes or consent.",
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="What you know better than a guess; - for nothing."
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Write without asking: take every guess.")
    ] = False,
    json: Json = False,
) -> None:
    """Look at a file, or at a query given by --set transactions.database.query, and write a
    commented holdfast.toml: columns mapped, encoding, delimiter and dates recognised, refunds and
    cancelled orders found. What is doubtful is marked (?), and asked on a terminal.
    """
    from holdfast.errors import InputError

    target = Path("holdfast.toml")
    if target.exists():
        raise InputError(
            "there is a holdfast.toml here already", fix="go to another folder, or remove it"
        )
    given = {key: value for key, _, value in (item.partition("=") for item in overrides or [])}
    if customers is not None:
        given["customers.path"] = str(customers)
    is_asked = not (yes or json) and sys.stdin.isatty()
    proposal = _propose(data, {"study.name": name, **given}, is_asked=is_asked, silent=json)
    if json:
        guesses = [asdict(guess) for guess in proposal.guesses]
        print_json({"study": str(target), "kind": proposal.kind, "guesses": guesses})
    elif is_asked and not typer.confirm("Write holdfast.toml?", default=True):
        raise typer.Exit(1)
    target.write_text(proposal.toml, encoding="utf-8")
    if not json:
        console().print("holdfast.toml is written. Next: holdfast run")


def _propose(
    file: Path | None, given: dict[str, str], *, is_asked: bool, silent: bool
) -> "Proposal":
    """Propose a study, and again with every answer until nothing is doubtful."""
    from holdfast.errors import NotEnoughData
    from holdfast.setup.propose import propose

    is_query = any(key.endswith((".database.query", ".postgres.query")) for key in given)
    file, answers = file or (None if is_query else _only_file()), given
    while answers:
        given = given | answers
        proposal = propose(file, project_dir=Path(), given=given)
        if not silent:
            _print_proposal(proposal)
        answers = _ask(proposal) if is_asked else {}
    if proposal.lacks:
        raise NotEnoughData(
            f"holdfast.toml is not written, for a run would refuse it: {'; '.join(proposal.lacks)}",
            fix="export a longer log, or one of more customers",
        )
    return proposal


def _print_proposal(proposal: "Proposal") -> None:
    """Print which column is what, with what it holds, and then all other guesses."""
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    rows = [
        asdict(guess)
        | {
            "because": guess.because + ("" if guess.sure else " (?)"),
            "examples": ", ".join(guess.examples),
        }
        for guess in proposal.guesses
    ]
    columns = [
        row | {"key": row["key"].rpartition(".")[2]} for row in rows if row["readable"] is not None
    ]
    others = [row for row in rows if row["readable"] is None]
    readable, next_best = Col("readable", kind="whole_percent"), Col("runner_up", "Next best")
    shown = (Col("value", "Column", "text"), "examples", readable, next_best, "because")
    print_table(console(), make_table("", columns, "key", *shown))
    print_table(console(), make_table("", others, "key", "value:text", "because"))


def _ask(proposal: "Proposal") -> dict[str, str]:
    """Ask for each guess that is doubtful; return the answers."""
    from holdfast.setup.study_writer import NOTHING

    answers, out = {}, console()
    doubtful = [guess for guess in proposal.guesses if not guess.sure]
    if doubtful:
        out.print(f"Enter keeps what stands in brackets; {NOTHING} leaves it out.", markup=False)
    for guess in doubtful:
        out.print(f"{guess.key}: {guess.because}", markup=False)
        if guess.readable is not None:
            out.print(f"  the file has {', '.join(proposal.columns)}", markup=False)
        kept = guess.value or NOTHING
        answer = str(typer.prompt("  value", default=kept)).strip()
        while guess.readable is not None and answer not in (*proposal.columns, NOTHING):
            answer = str(typer.prompt(f"  no column is '{answer}'; value", default=kept)).strip()
        answers[guess.key] = answer
    return answers


def _only_file() -> Path:
    from holdfast.errors import InputError

    endings = (
        ".csv", ".csv.gz", ".tsv", ".txt", ".zip", ".json", ".json.gz", ".jsonl", ".ndjson",
        ".ndjson.gz", ".xls", ".xlsb", ".xlsm", ".xlsx", ".ods", ".parquet",
    )  # fmt: skip
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
    days: Annotated[int, typer.Option(min=30, max=3650, help="Length of the log.")] = _DAYS,
    ends: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="Last day of the log. The season follows the calendar: another last day is "
            "another shop. [default: yesterday]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed and last day, same shop.")] = 42,
    offers: Annotated[
        int,
        typer.Option(
            min=1, max=3, help="What its campaigns offer: a reminder; and a voucher; and a call."
        ),
    ] = 1,
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
    stream: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Let the study follow events, too: file, outbox, kafka, jetstream or redis.",
        ),
    ] = None,
    business: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Instead of a shop, a business in which the order of orders decides, 660 days of "
            "it: downgrade (a small order after a large one is a farewell), refill (gaps are "
            "short, short, long) or long-memory. Only --customers, --ends and --seed go with it.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a simulated shop: orders, events, customers, randomised campaigns, the truth, and a
    study over them.
    """
    from holdfast.cli.progress_display import bar
    from holdfast.errors import InputError
    from holdfast.setup.simulate import STREAMS, Destination, simulate_business_to, simulate_to
    from holdfast.study.sections import require_known
    from holdfast.synthetic import OFFERS, Business, Shop
    from holdfast.synthetic.businesses import N_DAYS

    if business is not None:
        if days != _DAYS or offers > 1 or overrides or postgres or stream:
            raise InputError(
                "--business takes neither days, offers, numbers, a database nor a stream",
                fix="leave --days, --offers, --set, --postgres and --stream out",
            )
        start = _first_day(ends, N_DAYS)
        drawn = Business(name=business, n_customers=customers, seed=seed, start=start)
        _tell(directory, simulate_business_to(directory, drawn), json=json)
        return
    if stream is not None:
        require_known(stream, STREAMS, f"--stream {stream!r} is no source of events")

    names = [field.name for field in fields(Shop) if field.type in (int, float)]
    shop = replace(
        Shop(
            n_customers=customers,
            start=_first_day(ends, days),
            n_days=days,
            seed=seed,
            offers=OFFERS[:offers],
        ),
        **_numbers(overrides, names),
    )
    with bar("customers", total=customers, silent=json) as on_progress:
        target = Destination(postgres, schema) if postgres else None
        written = simulate_to(
            directory, shop, postgres=target, stream=stream, on_progress=on_progress
        )
    _tell(directory, written, json=json)


def _tell(directory: Path, written: "SimulatedFiles", *, json: bool) -> None:
    if json:
        print_json({"study": str(written.study), "rows": dict(written.rows)})
        return
    rows = ", ".join(f"{n:,} {name}" for name, n in written.rows.items() if name != "truth")
    console().print(f"{directory}: {rows}\nNext: holdfast run -c {written.study}")


def _first_day(ends: str | None, days: int) -> date:
    """The first of `days` days until `ends`, or until yesterday."""
    from holdfast.windows import date_of, day_of, parse_day

    last = day_of(datetime.now(UTC).date()) - 1 if ends is None else parse_day(ends, name="--ends")
    return date_of(last - days + 1)


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
