"""Data health: what was read, what was left out and why, whether it is enough, and what leaving
means here.
"""

from typing import Any

import polars as pl
import streamlit as st

from holdfast.dashboard.components import Page, box, bullets, explain, figure, plain, write_table
from holdfast.dashboard.run_view import RunView
from holdfast.report import charts, data_tables, formatting, run_tables
from holdfast.report.summary import churn, row_counts
from holdfast.report.table_format import make_table
from holdfast.tables import TRANSACTIONS

_HOLDS = {
    "occurred_at": "a date or a time",
    "order_id": "the business's own name of the order",
    "product_id": "the business's own name of the product",
    "unit_price": "currency, for one unit",
    "amount": "currency, for the line; negative for returns",
}
_OLD = "The run is older than this table: run the study again."


def _draw(run: RunView) -> None:
    st.markdown(plain(row_counts(run.report)))
    reasons, quarantined = _reasons(run), run.table("quarantine")
    figure(run, "left-out", lambda: charts.unused_rows(reasons))
    if quarantined.height:
        with st.expander(f"{formatting.plural(quarantined.height, 'quarantined row')}, as read"):
            write_table(run_tables.quarantine(quarantined))
    _contract(run)
    if run.is_snapshot:
        why = "A snapshot has no days: give an order log as [transactions] for these."
        explain("No gaps, sufficiency check or churn window.", why)
        return
    _gate(run)
    _gaps(run)
    _churn_window(run)


def _reasons(run: RunView) -> pl.DataFrame:
    schema = {"source": pl.String, "reason": pl.String, "rows": pl.Int64}
    return pl.DataFrame(run_tables.set_aside(run.report).rows, schema=schema)


def _contract(run: RunView) -> None:
    """Which column of the source became which, and what it must hold."""
    source: Any = run.study.transactions or run.study.snapshot
    holds = {column.name: column.unit for column in TRANSACTIONS.columns} | _HOLDS
    mapped = [
        {"role": role, "column": name, "what_it_must_hold": holds.get(role, "")}
        for role, name in source.columns.model_dump().items()
        if name
    ]
    box(make_table("The contract: columns of the source", mapped))


def _gate(run: RunView) -> None:
    st.header("Is it enough?")
    counts = run.summary.get("sufficiency")
    if not counts:
        explain("The counts behind this check are not kept in this run.", _OLD, "holdfast run")
        return
    n_low = sum(not count["holds"] for count in counts)
    low = f"{formatting.plural(n_low, 'count')} too low: the table names what cannot be answered."
    st.markdown(low if n_low else "Enough data for every answer.")
    box(data_tables.gate(counts))


def _gaps(run: RunView) -> None:
    days = run.table("days")
    if days.is_empty():
        explain("Gaps are not kept in this run.", _OLD, "holdfast run")
        return
    figure(run, "weeks", lambda: charts.purchases_by_week(days, currency=run.currency))
    quiet = run_tables.quiet(days)
    if quiet.rows:
        box(quiet)


def _churn_window(run: RunView) -> None:
    """What leaving means in this log, as the run found it."""
    st.header("When is a customer lost?")
    horizon = formatting.plural(run.study.churn.horizon_days, "day")
    st.caption(f"The study says: {horizon} without a purchase.")
    window = run.summary.get("churn_window")
    if window is None:
        why = "The run is older than this table: look at the log itself."
        explain("The churn window is not kept in this run.", why, "holdfast churn-window")
        return
    tables = data_tables.churn_window_tables(window)
    st.markdown(plain(churn(window)))
    figure(run, "silences", lambda: charts.reactivation(window))
    if tables["causes"].rows:
        figure(run, "causes", lambda: charts.causes(window))
    for name in ("groups", "counts", "labels"):
        if tables[name].rows:
            box(tables[name])
    bullets(
        [
            f"{formatting.sentence(each['evidence'])} {formatting.sentence(each['fix'])}"
            for each in window["findings"]
        ]
    )


PAGE = Page("Data health", "health_and_safety", "health", _draw)
