"""`holdfast experiment`: what a campaign did, and what the next one needs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Receiver, RunOption, Set

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.campaigns.experiments.past_campaigns import CampaignResult
    from holdfast.decisions.contacts import ContactList
    from holdfast.decisions.experiments import (
        ExperimentPlan,
        PastCampaigns,
    )
    from holdfast.study import Study

app = typer.Typer(
    no_args_is_help=True,
    help="Campaigns with a hold-out: read what they did, design the next.",
    epilog="Example: holdfast experiment read",
)
Days = Annotated[
    int, typer.Option(min=1, help="Length of the window that is watched, from the day of the draw.")
]
ReturnDays = Annotated[
    int, typer.Option(min=0, help="Days more in which goods of the window may come back.")
]

Effect = Annotated[
    float, typer.Option(help="The change to be found, as a share: 0.1 for a tenth more.")
]
Share = Annotated[float, typer.Option(min=0.01, max=0.99, help="Of the customers, held out.")]
Size = Annotated[
    int | None,
    typer.Option(min=4, help="Customers, both groups together. [default: all who are eligible]"),
]
Changed = Annotated[Literal["revenue", "purchase"], typer.Option(help="What changes.")]
ContactFile = Annotated[
    Path | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Draw the groups among the run's customers: CSV of those to contact, and the held out "
        "in FILE-holdout.",
    ),
]
Segments = Annotated[
    list[str] | None, typer.Option(help="Of the list; may be repeated. [default: all]")
]
Name = Annotated[
    str | None,
    typer.Option(help="Of the campaign: the same name draws the same groups. [default: FILE]"),
]


@app.command(epilog="Example: holdfast experiment read spring-mailing --days 60")
def read(
    campaign: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A campaign; without it, every one.", show_default=False
        ),
    ] = None,
    days: Days = 30,
    return_days: ReturnDays = 0,
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Read what the campaigns did, those of [treatments] and recorded exports, by intention to
    treat: purchases, revenue and margin per head against those held out, with 95 % intervals, cost
    and net.

    The window is 30 days unless told otherwise: most of what an offer does falls into them, and
    nothing is claimed beyond. What customers spent in as many days before makes the intervals
    narrower.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.decisions.experiments import read_campaigns

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        past = read_campaigns(
            study, campaign, days=days, return_days=return_days, listener=listener
        )
    show = print_campaign if campaign is not None else print_campaigns
    output.print_result(past.as_dict(), lambda out: show(out, past, study), json=json)
    if past.refused and not past.results:
        raise typer.Exit(2)


def print_campaigns(out: "Console", past: "PastCampaigns", study: "Study") -> None:
    """Print a row per campaign and offer, and why the others cannot be read."""
    from rich.text import Text

    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    rows = [row for result in past.results for row in result.rows]
    has_amounts = any("margin" in row for row in rows)
    columns = [Col("campaign"), "date offer contacted:count held_out:count", _share("bought")]
    if has_amounts:
        columns += [
            Col("revenue", "Revenue a head", "money"),
            Col(
                "margin", "Margin a head [95 %]", "money", "{margin} [{margin_low}, {margin_high}]"
            ),
            Col("cost", "Cost", "money"),
            Col("net", "Net [95 %]", "money", "{net} [{net_low}, {net_high}]"),
            Col("pays", "Paid?"),
        ]
    output.print_verdict(out, study.name, _headline(past))
    output.print_table(out, make_table("", rows, *columns, currency=study.currency), width=150)
    for name, error in past.refused.items():
        fix = error.fix[:1].upper() + error.fix[1:]
        out.print(Text.assemble((name, "bold"), f" is not read out: {error.problem}. {fix}."))
    for result in past.results:
        output.print_findings(out, [finding.as_dict() for finding in result.findings])


def _share(name: str) -> Any:
    from holdfast.report.table_columns import Col

    pattern = f"{{{name}}} [{{{name}_low}}, {{{name}_high}}]"
    return Col(name, "More buyers [95 %]", "percent", pattern)


def _headline(past: "PastCampaigns") -> str:
    n = len(past.results) + len(past.refused)
    several = "campaign" if n == 1 else "campaigns"
    return (
        f"{len(past.results)} of {n} {several} read out, {past.days} days from the draw; "
        "differences per head assigned, against those held out, by experiment."
    )


def print_campaign(out: "Console", past: "PastCampaigns", study: "Study") -> None:
    """Print one campaign: each offer's figures, then what they came to."""
    from rich.text import Text

    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    (result,) = past.results
    output.print_verdict(out, study.name, _headline(past))
    for kinds, kind in ((["bought"], "percent"), (["revenue", "margin"], "money")):
        rows = [row for row in result.as_dict()["effects"] if row["outcome"] in kinds]
        columns = (
            Col("offer"),
            Col("outcome"),
            "assigned:count held_out:count",
            Col("mean_held_out", "Mean held out", kind),
            Col("effect", "Difference [95 %]", kind, "{effect} [{low}, {high}]"),
            Col("p_adjusted", "p", "ratio"),
            Col("capped_effect", "Largest capped", kind),
        )
        table = make_table("", rows, *columns, currency=study.currency)
        output.print_table(out, table, width=120)
    for row in result.rows:
        out.print(Text(_in_words(row, study)))
    out.print(Text(_describe_sizes(result)))
    output.print_findings(out, result.as_dict()["findings"])


def _in_words(row: dict[str, Any], study: "Study") -> str:
    from holdfast.report.formatting import money

    def amount(name: str) -> str:
        ends = (money(row[f"{name}{end}"], study.currency) for end in ("", "_low", "_high"))
        return "{} [{}, {}]".format(*ends)

    name = f"{row['campaign']}, {row['offer']}"
    if "margin" not in row:
        return f"{name}: the log has no amounts, so nothing is said of money."
    if row["cost"] is None:
        return f"{name}: without a cost of each contact, nothing is said of a net."
    paid = {"yes": "It paid", "no": "It did not pay"}.get(row["pays"], "Whether it paid is open")
    one = f"a margin of {study.value.margin_rate:.0%}"
    return (
        f"{name}: at {'the margin of each line' if study.has_line_margins else one} the "
        f"{row['contacted']:,} contacted brought {amount('net')}, net of their cost of "
        f"{money(row['cost'], study.currency)}. {paid}."
    )


def _describe_sizes(result: "CampaignResult") -> str:
    if not result.checks:
        return "Sizes of the groups: not checked, since no propensity is recorded."
    return f"Sizes of the groups: as planned (p {result.checks['assigned']:.3f}; alarm below .001)."


@app.command(epilog="Example: holdfast experiment design --effect 0.1 --list mailing.csv")
def design(
    effect: Effect,
    share: Share = 0.5,
    size: Size = None,
    days: Days = 30,
    outcome: Changed = "revenue",
    contact_list: ContactFile = None,
    segment: Segments = None,
    name: Name = None,
    offer: Annotated[
        str | None,
        typer.Option(help="Of the study, that those contacted get: its cost is counted."),
    ] = None,
    receiver: Receiver = None,
    run: RunOption = "champion",
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Find out how many customers an experiment needs, by drawing it again and again from the
    shop's own last window; and draw its arms.
    """
    from holdfast.campaigns.experiments.contact_list import Draw
    from holdfast.cli.progress_display import progress
    from holdfast.decisions.experiments import Question, plan_experiment, write_contact_list

    study = output.study_from(config, overrides)
    question = Question(effect=effect, holdout_share=share, size=size, days=days, outcome=outcome)
    draw = Draw(
        campaign=name or (contact_list.stem if contact_list else ""),
        holdout_share=share,
        segments=tuple(segment or ()),
        size=size,
        offer=offer,
    )
    with progress(silent=json) as listener:
        plan = plan_experiment(study, question, listener=listener)
    written = None
    if contact_list:
        published = output.registry_in(study).open(run)
        written = write_contact_list(published, contact_list, draw, study=study, receiver=receiver)
    values = plan.as_dict() | ({"list": written.as_dict()} if written else {})
    output.print_result(values, lambda out: print_plan(out, plan, written, study), json=json)


def print_plan(
    out: "Console", plan: "ExperimentPlan", written: "ContactList | None", study: "Study"
) -> None:
    """Print what is needed, power by size, the readouts that were tried, and the files."""
    from rich.text import Text

    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    output.print_verdict(out, study.name, _need(plan, study))
    columns = (
        Col("size", "Customers", "count"),
        Col("power", "Power [9 in 10 logs]", "whole_percent", "{power} [{low}, {high}]"),
    )
    output.print_table(out, make_table("", plan.curve.curve, *columns))
    rows = [
        row | {"pick": "*" * (row["method"] == plan.curve.method)}
        for row in plan.as_dict()["methods"]
    ]
    kind = "money" if plan.question.outcome == "revenue" else "percent"
    tried = (
        Col("method", "Readout"), Col("pick", ""), "coverage:percent overclaims:percent",
        Col("power", "Power", "percent"), Col("width", "Width of the interval", kind),
    )  # fmt: skip
    caption = f"Readouts with {plan.design.size:,} customers; * is the best that keeps its word"
    output.print_table(out, make_table(caption, rows, *tried, currency=study.currency))
    if written is not None:
        for line in output.describe_list(written.as_dict()):
            out.print(Text(line))


def _need(plan: "ExperimentPlan", study: "Study") -> str:
    from holdfast.report.formatting import money

    mean = (
        money(plan.mean, study.currency)
        if plan.question.outcome == "revenue"
        else f"{plan.mean:.1%}"
    )
    what = "spent" if plan.question.outcome == "revenue" else "bought:"
    return (
        f"to find a change of {plan.design.effect:+.0%} in 4 cases of 5, with "
        f"{plan.design.holdout_share:.0%} held out, takes {_describe_need(plan)}. In the last "
        f"{plan.question.days} days {plan.customers:,} customers {what} {mean} on average; with "
        f"{plan.design.size:,} of them it is found in {plan.chosen['power']:.0%} of cases."
    )


def _describe_need(plan: "ExperimentPlan") -> str:
    most = f"more than the {max(plan.curve.curve['size'].to_list()):,} customers that were tried"
    if plan.curve.needed is None:
        return most
    low, high = (f"{n:,}" if n else most for n in plan.curve.needed_range)
    return f"{plan.curve.needed:,} customers (9 in 10 logs like this one would say {low} to {high})"


@app.command(epilog="Example: holdfast experiment withdraw spring")
def withdraw(
    campaign: Annotated[
        str, typer.Argument(metavar="NAME", help="Of a recorded campaign, or of one export.")
    ],
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Say that an export never went out: it stays on record as withdrawn, and nothing reads it."""
    from datetime import UTC, datetime

    from holdfast.campaigns.export_journal import withdraw_exports

    project = Path(output.study_from(config, overrides).project_dir)
    ids = withdraw_exports(project, campaign, at=datetime.now(UTC))
    values = {"campaign": campaign, "withdrawn": ids}
    several = "export" if len(ids) == 1 else "exports"
    text = f"{campaign}: {len(ids)} {several} withdrawn."
    output.print_result(values, lambda out: out.print(text, markup=False), json=json)
