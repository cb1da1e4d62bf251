"""Data health: what was read, what was left out and why, whether it is enough, and what leaving
means here.
"""

from typing import Any

import polars as pl
import streamlit as st

from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
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


def show() -> None:
    """Draw the page."""
    _, run = components.start("Data health")
    st.markdown(components.plain(row_counts(run.report)))
    left_out = _reasons(run)
    components.figure(
        run,
        "left-out",
        lambda: charts.quarantined(left_out),
        lambda: run_tables.set_aside(run.report),
    )
    quarantined = run.table("quarantine")
    if quarantined.height:
        with st.expander(f"{formatting.plural(quarantined.height, 'quarantined row')}, as read"):
            components.listing(run_tables.quarantine(quarantined))
    _contract(run)
    if run.is_snapshot:
        components.nothing(
            "No gaps, gate or churn window.",
            "A snapshot has no days: give an order log as [transactions] for these.",
        )
        return
    _gate(run)
    days = run.table("days")
    if days.is_empty():
        components.nothing(
            "Gaps are not kept in this run.",
            "It was made before they were: run the study again.",
            "holdfast run",
        )
    else:
        components.figure(
            run,
            "weeks",
            lambda: charts.purchases_by_week(days),
            lambda: run_tables.weeks(days, currency=run.currency),
        )
        quiet = run_tables.quiet(days)
        if quiet.rows:
            with st.container(border=True):
                components.listing(quiet)
    _churn_window(run)


def _reasons(run: Opened) -> pl.DataFrame:
    told = run.run.summary.get("reasons") or {}
    found = [
        (source, reason, n) for source, reasons in told.items() for reason, n in reasons.items()
    ]
    return pl.DataFrame(
        found, schema={"source": pl.String, "reason": pl.String, "rows": pl.Int64}, orient="row"
    )


def _contract(run: Opened) -> None:
    """Which column of the source became which, and what it must hold."""
    source: Any = run.study.transactions or run.study.snapshot
    mapped = {role: name for role, name in source.columns.model_dump().items() if name}
    units = {column.name: column.unit for column in TRANSACTIONS.columns} | _HOLDS
    held = [
        {"role": role, "column": name, "what_it_must_hold": units.get(role, "")}
        for role, name in mapped.items()
    ]
    with st.container(border=True):
        components.listing(make_table("The contract: columns of the source", held))


def _gate(run: Opened) -> None:
    counts = run.run.summary.get("sufficiency")
    st.subheader("Is it enough?")
    if not counts:
        components.nothing(
            "The gate's counts are not kept in this run.",
            "It was made before they were: run the study again.",
            "holdfast run",
        )
        return
    failed = [count for count in counts if not count["holds"]]
    st.markdown(
        "Enough for every answer."
        if not failed
        else f"{formatting.plural(len(failed), 'count')} too low: what they withhold is named "
        "below."
    )
    with st.container(border=True):
        components.listing(data_tables.gate(counts))


def _churn_window(run: Opened) -> None:
    """What leaving means in this log, as the run found it."""
    st.subheader("When is a silence a goodbye?")
    st.caption(
        f"The study says: {formatting.plural(run.study.churn.horizon_days, 'day')} without a "
        "purchase."
    )
    told = run.run.summary.get("churn_window")
    if told is None:
        components.nothing(
            "The churn window is not kept in this run.",
            "It is older: ask the log itself.",
            "holdfast churn-window",
        )
        return
    tables = data_tables.churn_window_tables(told)
    st.markdown(components.plain(churn(told)))
    components.figure(
        run, "silences", lambda: charts.reactivation(told), lambda: tables["tradeoff"]
    )
    if tables["causes"].rows:
        components.figure(run, "causes", lambda: charts.causes(told), lambda: tables["causes"])
    for table in (tables[name] for name in ("groups", "counts", "labels")):
        if table.rows:
            with st.container(border=True):
                components.listing(table)
    for finding in told["findings"]:
        said = f"{formatting.sentence(finding['evidence'])} {formatting.sentence(finding['fix'])}"
        st.markdown(f"- {components.plain(said)}")
