"""Segments: where value meets risk, what each segment holds, and who moved."""

import polars as pl
import streamlit as st

from holdfast.dashboard.components import Page, box, explain, figure, show_order
from holdfast.dashboard.run_view import RunView
from holdfast.dashboard.score_changes import whole_section
from holdfast.report import charts, formatting, run_tables
from holdfast.serving.breakdown import break_down, list_dimensions
from holdfast.study import SEGMENT_NAMES


def _draw(run: RunView) -> None:
    scores, segments, money = run.scores, run.table("segments"), {"currency": run.currency}
    with show_order(run):
        figure(run, "segments", lambda: charts.segment_analysis(segments, **money))
        figure(run, "quadrant", lambda: charts.customer_quadrant(scores, segments, **money))
        _crowd(run)
        figure(run, "bands", lambda: charts.risk_bands(scores, **money))
        _breakdown(run)
        _moves(run)
        whole_section(run)


def _crowd(run: RunView) -> None:
    """Every customer of the chosen segments, counted in cells."""
    names, all_six = list(SEGMENT_NAMES), "All six"
    chosen = st.multiselect(
        "Segments shown", names, key="segment", bind="query-params", placeholder=all_six
    )
    segments = sorted(chosen) or names
    scores = run.keep(
        ("of segments", *segments), lambda: run.scores.filter(pl.col("segment").is_in(segments))
    )
    threshold, money = run.study.churn.threshold, run.currency
    figure(
        run,
        f"crowd-{'-'.join(sorted(chosen))}",
        lambda: charts.value_against_risk(scores, threshold=threshold, currency=money),
    )


def _breakdown(run: RunView) -> None:
    """The customers by what is known of them beside value and risk."""
    names = run.keep("dimensions", lambda: list_dimensions(run.run, run.scores))
    if not names:
        return
    st.subheader("Who they are")
    chosen = st.selectbox(
        "Broken down by", names, key="by", bind="query-params", format_func=formatting.feature_title
    )
    by, threshold = chosen or names[0], run.study.churn.threshold
    groups = run.keep(
        ("breakdown", by), lambda: break_down(run.run, run.scores, by, threshold=threshold)
    )
    box(run_tables.breakdown(groups, by=formatting.feature_title(by), currency=run.currency))


def _moves(run: RunView) -> None:
    st.subheader("Who moved")
    flows = run.moves
    if flows is None or run.before is None:
        why = "Run the study again when new orders have come in."
        explain("There is no earlier run to compare with.", why, "holdfast run")
        return
    st.caption(
        f"Since {formatting.day(run.before.summary['cutoff_day'])}, run {run.before.run_id}."
    )
    figure(run, "moves", lambda: charts.segment_moves(flows, currency=run.currency))


PAGE = Page("Segments", "grid_view", "segments", _draw)
