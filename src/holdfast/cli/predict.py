"""`holdfast predict`: one customer, from the champion run."""

from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.output import Config, Json, RunOption, console, print_json, study_from


def predict(
    customer_id: Annotated[str | None, typer.Option(help="A customer of the run.")] = None,
    random: Annotated[bool, typer.Option("--random", help="Any customer of the run.")] = False,
    features: Annotated[
        Path | None,
        typer.Option(help="A JSON file with one customer's features, or snapshot columns."),
    ] = None,
    run: RunOption = "champion",
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Show what the run says of one customer: risk, value, segment, reasons and what to do."""
    from holdfast.cli.summary import print_prediction
    from holdfast.errors import InputError
    from holdfast.io.runs import Registry
    from holdfast.serving import predict as verb

    named = (customer_id is not None) + random + (features is not None)
    if named != 1:
        raise InputError(
            "the customer is named in more than one way" if named else "no customer is named",
            fix="give one of --customer-id ID, --random and --features FILE",
        )
    published = Registry(Path(study_from(config, None).project_dir) / "runs").open(run)
    if features is not None:
        answer = verb.predict_features(published, verb.read_features(features))
    else:
        answer = verb.predict_customer(
            published, customer_id if customer_id is not None else verb.pick_customer(published)
        )
    _show(answer, json=json, show=print_prediction)


def _show(answer: dict[str, Any], *, json: bool, show: Any) -> None:
    if json:
        print_json(answer)
    else:
        show(console(), answer)
