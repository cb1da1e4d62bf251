"""`holdfast predict`: one customer, from the champion run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.output import Config, Json, RunOption, console, print_json, registry_of

if TYPE_CHECKING:
    from rich.console import Console


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
    from holdfast.errors import InputError
    from holdfast.serving import predict as serving

    n_named = (customer_id is not None) + random + (features is not None)
    if n_named != 1:
        raise InputError(
            "the customer is named in more than one way" if n_named else "no customer is named",
            fix="give one of --customer-id ID, --random and --features FILE",
        )
    published = registry_of(config).open(run)
    if features is not None:
        answer = serving.predict_features(published, serving.read_features(features))
    else:
        answer = serving.predict_customer(
            published, customer_id if customer_id is not None else serving.pick_customer(published)
        )
    if json:
        print_json(answer)
    else:
        print_prediction(console(), answer)


def print_prediction(out: "Console", answer: dict[str, Any]) -> None:
    """Print one customer's page."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    worth = (
        f"not estimated: {answer['ltv_not_estimated']}"
        if answer["predicted_ltv"] is None
        else f"{answer['predicted_ltv']:,.2f} {answer['currency']}   {answer['ltv_tier']} value"
    )
    risk = f"{answer['risk_score']:.3f}   higher than {answer['risk_rank']:.0%} of the tier"
    facts = {
        "Churn probability": f"{answer['churn_probability']:.1%}   {answer['churn_risk']}",
        "Expected revenue": worth,
        "Risk score": risk,
        "Segment": f"[bold]{answer['segment']}[/bold]",
    }
    table = Table.grid(padding=(0, 2))
    for name, text in facts.items():
        table.add_row(name, text)
    title = f"Customer {answer['customer_id']}"
    out.print(Panel(table, title=title, title_align="left", expand=False))
    reasons = [reason["sentence"] for reason in answer["reasons"]]
    sections = {
        "Check": answer.get("warnings"),
        "What to do": answer["actions"],
        "Why": reasons,
        "Evidence": [answer["evidence"]],
    }
    for heading, lines in sections.items():
        if lines:
            out.print(Text(heading, "bold"))
            out.print(Text("\n".join(f"  · {line}" for line in lines)))
    out.print(f"[dim]  run {answer['run_id']}, as of {answer['cutoff_date']}[/dim]")
