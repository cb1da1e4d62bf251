"""Segments: where value meets risk, what each segment holds, and who moved."""

import polars as pl
import streamlit as st

from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
from holdfast.report import charts, formatting, run_tables
from holdfast.serving.breakdown import break_down, list_dimensions
from holdfast.study import SEGMENT_NAMES


def show() -> None:
    """Draw the page."""
    _, run = components.start("Segments")
    report, money = run.report, run.currency
    components.figure(
        run,
        "segments",
        lambda: charts.segment_analysis(report.segments, currency=money),
        lambda: run_tables.segments(report),
    )
    components.figure(
        run,
        "quadrant",
        lambda: charts.customer_quadrant(report.scores, report.segments, currency=money),
        lambda: run_tables.tiers(report),
    )
    _crowd(run)
    components.figure(
        run,
        "bands",
        lambda: charts.risk_bands(run.scores, currency=money),
        lambda: run_tables.bands(run.scores, currency=money),
    )
    _breakdown(run)
    st.subheader("Who moved")
    if run.moves is None:
        components.nothing(
            "There is no earlier run to compare with.",
            "Run the study again when new orders have come in.",
            "holdfast run",
        )
        return
    moves = run.moves
    assert run.before is not None
    st.caption(
        f"Since {formatting.day(run.before.summary['cutoff_day'])}, run {run.before.run_id}."
    )
    components.figure(
        run,
        "moves",
        lambda: charts.segment_moves(moves),
        lambda: run_tables.moves(moves, currency=money),
    )


def _breakdown(run: Opened) -> None:
    """The customers by what is known of them beside value and risk."""
    names = run.kept("dimensions", lambda: list_dimensions(run.run, run.scores))
    if not names:
        return
    st.subheader("Who they are")
    chosen = (
        st.selectbox("Broken down by", names, key="by", bind="query-params", format_func=_words)
        or names[0]
    )
    table = run.kept(
        ("breakdown", chosen),
        lambda: break_down(run.run, run.scores, chosen, threshold=run.study.churn.threshold),
    )
    with st.container(border=True):
        components.listing(run_tables.breakdown(table, by=_words(chosen), currency=run.currency))


def _words(name: str) -> str:
    return formatting.capital(formatting.feature(name))


def _crowd(run: Opened) -> None:
    """Every customer of the chosen segments, counted in cells."""
    chosen = st.multiselect(
        "Segments shown",
        list(SEGMENT_NAMES),
        key="segment",
        bind="query-params",
        placeholder="All six",
    )
    key = tuple(sorted(chosen))
    some = run.kept(
        ("some", key),
        lambda: run.scores.filter(pl.col("segment").is_in(key)) if key else run.scores,
    )
    threshold, money = run.study.churn.threshold, run.currency
    components.figure(
        run,
        f"crowd-{'-'.join(key)}",
        lambda: charts.value_against_risk(some, threshold=threshold, currency=money),
        lambda: run_tables.value_quartiles(some, currency=money),
    )
