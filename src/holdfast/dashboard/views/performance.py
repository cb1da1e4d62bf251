"""Model performance: what was predicted before, and what happened."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from holdfast.dashboard.components import (
    Page,
    box,
    explain,
    figure,
    plain,
    show_order,
    write_table,
)  # fmt: skip
from holdfast.dashboard.filters import link
from holdfast.dashboard.run_view import RunView
from holdfast.report import charts, evidence_tables, monitor_tables, ranking_curves
from holdfast.report.summary import findings, proof_sentence


def _draw(run: RunView) -> None:
    st.markdown(plain(proof_sentence(run.report)))
    chosen = st.radio("Show", list(_PARTS), key="part", bind="query-params", horizontal=True)
    _PARTS[chosen or "Churn"](run)


def _tasks(run: RunView) -> tuple[str, ...]:
    return ("churn", "value") if run.report.knows_value else ("churn",)


def _churn(run: RunView) -> None:
    report, predictions, by_risk = (
        run.report,
        run.report.predictions,
        link("segments", order="risk"),
    )
    box(run.keep("churn metrics", lambda: evidence_tables.metrics(report, "churn")))
    figure(run, "roc", lambda: charts.roc_pr(report.steps))
    figure(run, "calibration", lambda: charts.calibration(predictions))
    left, right = st.columns(2)
    with left:
        figure(run, "lift", lambda: charts.lift_curve(report.steps), to_list=by_risk)
    with right:
        figure(run, "deciles", lambda: charts.decile_chart(predictions), to_list=by_risk)
    figure(run, "cutoffs", lambda: charts.churn_at_cutoffs(predictions), to_list=by_risk)


def _value(run: RunView) -> None:
    report = run.report
    if not report.knows_value:
        explain(
            "This run has no value model.", "Set snapshot.labels.value in the study and run again."
        )
        return
    metrics = run.keep("value metrics", lambda: evidence_tables.metrics(report, "value"))
    if not metrics.rows:
        why = (
            "No past cutoff has a complete window of outcomes after it: use a longer log or a "
            "shorter value.horizon_days."
        )
        explain("The value predictions could not be tested.", why)
        return
    box(metrics)
    by_value = link("segments", order="expected revenue")
    figure(run, "gains", lambda: charts.gains(report.steps), to_list=by_value)
    figure(run, "promises", lambda: charts.promises(report.predictions, currency=run.currency))


def _compare(run: RunView) -> None:
    report, evidence, horizons = run.report, run.table("evidence"), run.report.horizon_evidence
    figure(run, "backtest", lambda: charts.backtest(evidence))
    box(run.keep("backtested", lambda: evidence_tables.every_cutoff(report)))
    if horizons.height:
        table = partial(evidence_tables.horizon_proof, horizons, currency=run.currency)
        box(run.keep("horizons proved", table))
    for task in _tasks(run):
        with st.expander(f"Every metric of {task} at every cutoff", icon=":material/table_rows:"):
            write_table(
                run.keep(("every metric", task), partial(evidence_tables.all_metrics, report, task))
            )
    figure(run, "candidates", lambda: charts.candidates(evidence, currency=run.currency))
    compared = ranking_curves.standings(evidence)
    if "candidate" not in compared["kind"]:
        why = (
            "Compare six on the same cutoffs, "
            "or name some in churn.candidates and value.candidates."
        )
        explain("No other algorithm was tried in this run.", why, "holdfast compare")
    if run.is_snapshot:
        box(evidence_tables.cross_validation(report))


def _monitoring(run: RunView) -> None:
    realised, drift, expected = (run.table(name) for name in ("realised", "drift", "expected"))
    if expected.is_empty():
        why = "A snapshot has no later days, and a run of an older Holdfast kept nothing of them."
        explain("This run was not monitored.", why)
        return
    st.markdown(plain(monitor_tables.describe_monitoring(drift, realised)))
    figure(run, "realised", lambda: charts.realised_churn(realised))
    for table in (
        monitor_tables.realised_performance(realised),
        monitor_tables.expected_performance(expected),
        monitor_tables.drift(drift),
        monitor_tables.contests(run.summary),
    ):
        if table.rows:
            box(table)
    for sentence in monitor_tables.explain_no_contest(run.summary):
        st.caption(plain(sentence))


def _reasons(run: RunView) -> None:
    contributions, importance = run.table("contributions"), run.table("importance")
    with show_order(run):
        figure(run, "roles", lambda: charts.shap_cross_model(importance))
        for task in _tasks(run):
            st.header(f"What moves {_MOVED[task]}")
            swarm = partial(charts.shap_summary, contributions, importance, task=task)
            figure(run, f"swarm-{task}", swarm, wide=True)
            effects = partial(charts.shap_dependence, contributions, importance, task=task)
            figure(run, f"dependence-{task}", effects)


def _findings(run: RunView) -> None:
    cards = findings(run.report)
    if not cards:
        explain("No finding.", "No check of the data or the models found anything to doubt.")
    for finding in cards:
        with st.container(border=True):
            st.markdown(f"**{finding['badge']}: {finding['title']}**")
            for part in ("evidence", "meaning", "fix"):
                st.markdown(f"{part.capitalize()}: {plain(finding[part])}")


_MOVED = {"churn": "the risk", "value": "the expected revenue"}
_PARTS: dict[str, Callable[[RunView], None]] = {
    "Churn": _churn,
    "Value": _value,
    "Compared": _compare,
    "Does it still hold?": _monitoring,
    "Reasons": _reasons,
    "Findings": _findings,
}
PAGE = Page("Model performance", "monitoring", "performance", _draw)
