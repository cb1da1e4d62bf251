"""`holdfast uplift`: whether offers work, and whether it matters whom they go to."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from holdfast.cli import output
from holdfast.cli.experiments import Days, ReturnDays
from holdfast.cli.output import Config, Json, Set

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.campaigns.uplift.verdict import OfferVerdict
    from holdfast.decisions.experiments import OfferVerdicts
    from holdfast.study import Study


def uplift(
    days: Days = 30,
    return_days: ReturnDays = 0,
    outcome: Annotated[
        Literal["purchase", "revenue", "margin"] | None,
        typer.Option(help="[default: margin, or purchase where the log has no amounts]"),
    ] = None,
    config: Config = "holdfast.toml",
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Say from the past campaigns of each offer whether it works, and whether there
    is evidence for choosing among customers.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.decisions.experiments import judge_past_offers

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        judged = judge_past_offers(
            study, days=days, return_days=return_days, outcome=outcome, listener=listener
        )
    output.print_result(judged.as_dict(), lambda out: print_uplift(out, judged, study), json=json)


def print_uplift(out: "Console", judged: "OfferVerdicts", study: "Study") -> None:
    """Print each offer: in a sentence, its tests, the rankings that were compared and the fifths of
    the best.
    """
    from rich.text import Text

    unit = "a chance of buying" if judged.watch.outcome == "purchase" else study.currency
    output.print_verdict(
        out,
        study.name,
        f"{judged.rows:,} customers and campaigns, {judged.watch.outcome} in {judged.watch.days} "
        f"days from the draw, effects in {unit}, by experiment.",
    )
    for verdict in judged.verdicts:
        out.print(Text(judged.describe(verdict)))
        out.print()
        _print_verdict(out, verdict)
    output.print_findings(out, [finding.as_dict() for finding in judged.findings])


def _print_verdict(out: "Console", verdict: "OfferVerdict") -> None:
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    tests = [
        {"test": "it changes something", "p": verdict.p_effect},
        {"test": "customers differ in it", "p": verdict.p_choice},
    ]
    output.print_table(out, make_table("", tests, Col("test"), Col("p", "p (Holm)", "ratio")))
    _print_rankings(out, verdict)
    _print_groups(out, verdict)


def _print_rankings(out: "Console", verdict: "OfferVerdict") -> None:
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    ranked = [*verdict.rankings, *([verdict.blend] if verdict.blend else [])]
    rows = [
        {
            "ranking": each.name, "kind": "rule" if each.is_rule else "learnt",
            "q": each.qini.value, "low": each.qini.low, "high": each.qini.high,
            "slope": each.slope.value if each.slope else None, "p": each.p,
            "word": "proven" if each.is_proven else "harmful" * each.is_harmful,
        }
        for each in ranked
    ]  # fmt: skip
    columns = (
        Col("ranking"), Col("kind", ""), Col("q", "Q [95 %]", "effect", "{q} [{low}, {high}]"),
        Col("slope", "Slope", "score"), Col("p", "p (of a rule)", "ratio"), Col("word", ""),
    )  # fmt: skip
    n_rows = verdict.contacted + verdict.held_out
    drawn = f", drawn from {n_rows:,}" if verdict.compared_on < n_rows else ""
    caption = f"Rankings, on customers not learnt from, {verdict.compared_on:,} rows{drawn}"
    output.print_table(out, make_table(caption, rows, *columns))


def _print_groups(out: "Console", verdict: "OfferVerdict") -> None:
    from holdfast.report.table_columns import Col
    from holdfast.report.table_format import make_table

    groups = [
        {"share": group.share, "effect": group.effect.value, "low": group.effect.low,
         "high": group.effect.high}
        for group in reversed(verdict.groups)
    ]  # fmt: skip
    fifths = (
        Col("share", "Share of customers", "percent"),
        Col("effect", "Effect [95 %]", "effect", "{effect} [{low}, {high}]"),
    )
    output.print_table(
        out, make_table("By all rankings together, the first first", groups, *fifths)
    )
