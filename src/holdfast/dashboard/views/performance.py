"""Model performance: what was predicted before, and what happened."""

from functools import partial

import streamlit as st

from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
from holdfast.report import charts, formatting, run_tables
from holdfast.report.charts.ranking import standings
from holdfast.report.summary import how_proved

TABS = ("Churn", "Value", "Compared", "Reasons", "Findings")


def show() -> None:
    """Draw the page."""
    _, run = components.start("Model performance")
    st.markdown(components.plain(how_proved(run.report)))
    chosen = st.radio("Show", TABS, key="part", bind="query-params", horizontal=True)
    {
        "Churn": _churn,
        "Value": _value,
        "Compared": _compared,
        "Reasons": _reasons,
        "Findings": _findings,
    }[chosen or TABS[0]](run)


def _churn(run: Opened) -> None:
    report = run.report
    predictions = report.predictions
    with st.container(border=True):
        components.listing(run.kept("churn metrics", lambda: run_tables.metrics(report, "churn")))
    components.figure(
        run, "roc", lambda: charts.roc_pr(report.steps), lambda: run_tables.ranking(report)
    )
    components.figure(
        run,
        "calibration",
        lambda: charts.calibration(predictions),
        lambda: run_tables.calibration(report),
    )
    left, right = st.columns(2)
    with left:
        components.figure(
            run, "lift", lambda: charts.lift_curve(report.steps), lambda: run_tables.gains(report)
        )
    with right:
        components.figure(
            run,
            "deciles",
            lambda: charts.decile_chart(predictions),
            lambda: run_tables.deciles(predictions),
        )
    components.figure(
        run,
        "cutoffs",
        lambda: charts.churn_at_cutoffs(predictions),
        lambda: run_tables.churn_by_cutoff(predictions),
    )


def _value(run: Opened) -> None:
    report = run.report
    if not report.knows_value:
        components.nothing(
            "This run has no value model.", "Set snapshot.labels.value in the study and run again."
        )
        return
    metrics = run.kept("value metrics", lambda: run_tables.metrics(report, "value"))
    if not metrics.rows:
        components.nothing(
            "Nothing proves the value predictions.",
            "No past cutoff has a complete window of outcomes after it: use a longer log or a "
            "shorter "
            "value.horizon_days.",
        )
        return
    with st.container(border=True):
        components.listing(metrics)
    components.figure(
        run, "gains", lambda: charts.gains(report.steps), lambda: run_tables.gains(report)
    )
    components.figure(
        run,
        "promises",
        lambda: charts.promises(report.predictions, currency=run.currency),
        lambda: run_tables.promises(report.predictions, currency=run.currency),
    )


def _compared(run: Opened) -> None:
    report, evidence = run.report, run.table("evidence")
    components.figure(run, "backtest", lambda: charts.backtest(evidence))
    with st.container(border=True):
        components.listing(run.kept("backtested", lambda: run_tables.backtested(report)))
    if report.horizon_evidence.height:
        with st.container(border=True):
            table, currency = report.horizon_evidence, run.currency
            components.listing(
                run.kept(
                    "horizons proved", lambda: run_tables.horizons_proved(table, currency=currency)
                )
            )
    for task in ("churn", "value") if report.knows_value else ("churn",):
        with st.expander(f"Every metric of {task} at every cutoff", icon=":material/table_rows:"):
            components.listing(
                run.kept(("every metric", task), partial(run_tables.all_metrics, report, task))
            )
    components.figure(
        run,
        "candidates",
        lambda: charts.candidates(evidence),
        lambda: run_tables.standings(standings(evidence), currency=run.currency),
    )
    if not (standings(evidence)["kind"] == "candidate").any():
        components.nothing(
            "No other algorithm was tried in this run.",
            "Compare six on the same cutoffs, or name some in churn.candidates and "
            "value.candidates.",
            "holdfast compare",
        )
    if run.is_snapshot:
        with st.container(border=True):
            components.listing(run_tables.cross_validated(report))


def _reasons(run: Opened) -> None:
    report = run.report
    components.figure(
        run,
        "roles",
        lambda: charts.shap_cross_model(report.importance),
        lambda: run_tables.roles(report),
    )
    for task in ("churn", "value") if report.knows_value else ("churn",):
        _moves(run, task)


def _moves(run: Opened, task: str) -> None:
    """Which features move one model, and how."""
    report = run.report
    st.subheader(f"What moves {task}")
    components.figure(
        run,
        f"swarm-{task}",
        lambda: charts.shap_summary(report.contributions, report.importance, task=task),
        lambda: run_tables.importance(report, task),
    )
    components.figure(
        run,
        f"dependence-{task}",
        lambda: charts.shap_dependence(report.contributions, report.importance, task=task),
        lambda: run_tables.dependence(report, task),
    )


def _findings(run: Opened) -> None:
    found = run.run.summary.get("findings", [])
    if not found:
        components.nothing("No finding.", "Neither the data nor the models gave reason for doubt.")
    for finding in found:
        with st.container(border=True):
            known = (
                ", acknowledged in the study" if finding["name"] in run.study.acknowledge else ""
            )
            st.markdown(
                f"**{finding['severity'].capitalize()}{known}: "
                f"{finding['name'].replace('-', ' ')}**"
            )
            for part in ("evidence", "meaning", "fix"):
                st.markdown(
                    f"{part.capitalize()}: {components.plain(formatting.sentence(finding[part]))}"
                )
