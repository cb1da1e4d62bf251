"""`holdfast backtest` and `compare`: how good would the predictions have been, and by which
algorithm?
"""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Set

if TYPE_CHECKING:
    from holdfast.evaluation.evidence import Evidence


def backtest(
    config: Config = "holdfast.toml",
    cutoff: Annotated[
        list[str] | None,
        typer.Option(
            metavar="YYYY-MM-DD", help="A test cutoff; may be repeated. [default: the study's]"
        ),
    ] = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Prove the study cutoff by cutoff on time its models have not seen, beside the naive
    baselines.
    """
    from holdfast.cli.progress_display import progress
    from holdfast.training.backtest import backtest as backtest_study
    from holdfast.windows import parse_day

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        cutoffs = [parse_day(day) for day in cutoff or []] or None
        evidence = backtest_study(study, cutoffs=cutoffs, listener=listener)
    print_evidence(evidence, study.currency, json=json)


def compare(
    config: Config = "holdfast.toml",
    task: Annotated[str | None, typer.Option(help="churn or value. [default: both]")] = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Benchmark every algorithm for each task on the same folds, with bootstrap intervals."""
    from holdfast.cli.progress_display import progress
    from holdfast.training.comparison import compare as compare_algorithms

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        evidence = compare_algorithms(study, task=task, listener=listener)
    print_evidence(evidence, study.currency, json=json)


def print_evidence(evidence: "Evidence", currency: str, *, json: bool) -> None:
    """Print each cutoff's metrics, how revenue came by tenths, every horizon, and the findings."""
    from holdfast.report import evidence_tables
    from holdfast.report.ranking_curves import by_horizon, tenths
    from holdfast.tables import json_rows

    findings = [finding.as_dict() for finding in evidence.findings]
    if json:
        tables = {
            "evidence": evidence.evidence,
            "tenths": tenths(evidence.predictions),
            "horizons": by_horizon(evidence.horizon_evidence),
        }
        values = {name: json_rows(table) for name, table in tables.items()}
        output.print_json(values | {"findings": findings})
        return
    out = output.console()
    for table in evidence_tables.model_comparisons(evidence.evidence, currency=currency):
        output.print_table(out, table)
    for _, rows in evidence.predictions.group_by("cutoff_day", maintain_order=True):
        output.print_table(out, evidence_tables.revenue_by_tenth(rows, currency=currency))
    # Without ROC-AUC a row fits eighty characters.
    horizons = evidence_tables.horizon_proof(
        evidence.horizon_evidence, currency=currency, metrics="brier wape total_ratio"
    )
    output.print_table(out, horizons)
    output.print_findings(out, findings)
