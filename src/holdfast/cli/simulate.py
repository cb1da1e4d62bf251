"""`holdfast simulate`: a shop to try everything on."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.output import Json, console, print_json


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
