"""Model performance: what was predicted before, and what happened."""

from functools import partial

import streamlit as st

from holdfast.dashboard import parts
from holdfast.dashboard.data import Opened
from holdfast.report import charts, details, listings, words
from holdfast.report.charts.ranking import standings
from holdfast.report.summary import how_proved

TABS = ("Churn", "Value", "Compared", "Reasons", "Findings")


def show() -> None:
    """Draw the page."""
    _, run = parts.start("Model performance")
    st.markdown(parts.plain(how_proved(run.report)))
    chosen = st.radio("Show", TABS, key="part", bind="query-params", horizontal=True)
    {"Churn": _churn, "Value": _value, "Compared": _compared, "Reasons": _reasons, "Findings": _findings}[
        chosen or TABS[0]
    ](run)


def _churn(run: Opened) -> None:
    report = run.report
    predictions = report.predictions
    with st.container(border=True):
        parts.listing(run.kept("churn metrics", lambda: listings.metrics(report, "churn")))
    parts.figure(run, "roc", lambda: charts.roc_pr(report.steps), lambda: listings.ranking(report))
    parts.figure(run, "calibration", lambda: charts.calibration(predictions), lambda: listings.calibration(report))
    left, right = st.columns(2)
    with left:
        parts.figure(run, "lift", lambda: charts.lift_curve(report.steps), lambda: listings.gains(report))
    with right:
        parts.figure(run, "deciles", lambda: charts.decile_chart(predictions), lambda: details.deciles(predictions))
    parts.figure(
        run, "cutoffs", lambda: charts.churn_at_cutoffs(predictions), lambda: details.churn_by_cutoff(predictions)
    )


def _value(run: Opened) -> None:
    report = run.report
    if not report.knows_value:
        parts.nothing("This run has no value model.", "Set snapshot.labels.value in the study and run again.")
        return
    metrics = run.kept("value metrics", lambda: listings.metrics(report, "value"))
    if not metrics.rows:
        parts.nothing(
            "Nothing proves the value predictions.",
            "No past cutoff has a complete window of outcomes after it: use a longer log or a shorter "
            "value.horizon_days.",
        )
        return
    with st.container(border=True):
        parts.listing(metrics)
    parts.figure(run, "gains", lambda: charts.gains(report.steps), lambda: listings.gains(report))
    parts.figure(
        run, "promises", lambda: charts.promises(report.predictions, currency=run.currency),
        lambda: listings.promises(report),
    )  # fmt: skip


def _compared(run: Opened) -> None:
    report, evidence = run.report, run.table("evidence")
    parts.figure(run, "backtest", lambda: charts.backtest(evidence))
    with st.container(border=True):
        parts.listing(run.kept("backtested", lambda: listings.backtested(report)))
    if report.horizon_evidence.height:
        with st.container(border=True):
            table, currency = report.horizon_evidence, run.currency
            parts.listing(run.kept("horizons proved", lambda: details.horizons_proved(table, currency=currency)))
    for task in ("churn", "value") if report.knows_value else ("churn",):
        with st.expander(f"Every metric of {task} at every cutoff", icon=":material/table_rows:"):
            parts.listing(run.kept(("every metric", task), partial(listings.all_metrics, report, task)))
    parts.figure(
        run, "candidates", lambda: charts.candidates(evidence),
        lambda: details.standings(standings(evidence), currency=run.currency),
    )  # fmt: skip
    if not (standings(evidence)["kind"] == "candidate").any():
        parts.nothing(
            "No other algorithm was tried in this run.",
            "Compare six on the same cutoffs, or name some in churn.candidates and value.candidates.",
            "holdfast compare",
        )  # fmt: skip
    if run.is_snapshot:
        with st.container(border=True):
            parts.listing(listings.cross_validated(report))


def _reasons(run: Opened) -> None:
    report = run.report
    parts.figure(run, "roles", lambda: charts.shap_cross_model(report.importance), lambda: listings.roles(report))
    for task in ("churn", "value") if report.knows_value else ("churn",):
        _moves(run, task)


def _moves(run: Opened, task: str) -> None:
    """Which features move one model, and how."""
    report = run.report
    st.subheader(f"What moves {task}")
    parts.figure(
        run, f"swarm-{task}", lambda: charts.shap_summary(report.contributions, report.importance, task=task),
        lambda: listings.importance(report, task),
    )  # fmt: skip
    parts.figure(
        run, f"dependence-{task}", lambda: charts.shap_dependence(report.contributions, report.importance, task=task),
        lambda: listings.dependence(report, task),
    )  # fmt: skip


def _findings(run: Opened) -> None:
    found = run.run.summary.get("findings", [])
    if not found:
        parts.nothing("No finding.", "Neither the data nor the models gave reason for doubt.")
    for finding in sorted(found, key=lambda each: ("fatal", "warning", "note").index(each["severity"])):
        with st.container(border=True):
            known = ", acknowledged in the study" if finding["name"] in run.study.acknowledge else ""
            st.markdown(f"**{finding['severity'].capitalize()}{known}: {finding['name'].replace('-', ' ')}**")
            for part in ("evidence", "meaning", "fix"):
                st.markdown(f"{part.capitalize()}: {parts.plain(words.sentence(finding[part]))}")
