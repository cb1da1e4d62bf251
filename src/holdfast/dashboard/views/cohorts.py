"""Cohorts and forecast: how long customers stay, what they bring over time, and what is to come."""

import polars as pl
import streamlit as st

from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
from holdfast.report import chart_data, charts, formatting, run_tables


def show() -> None:
    """Draw the page."""
    _, run = components.start("Cohorts and forecast")
    money, cohorts, survival = run.currency, run.table("cohorts"), run.table("survival")
    _forecast(run)
    if cohorts.is_empty():
        why = (
            "A snapshot has one row per customer and no purchases: give an order log as "
            "[transactions]."
            if run.is_snapshot
            else "This run was made before cohorts were kept: run the study again."
        )
        components.nothing(
            "There are no cohorts to show.", why, "" if run.is_snapshot else "holdfast run"
        )
        return
    components.figure(
        run, "retention", lambda: charts.retention(cohorts), lambda: run_tables.retention(cohorts)
    )
    components.figure(
        run,
        "survival",
        lambda: charts.survival_curves(survival),
        lambda: run_tables.survival(survival),
    )
    components.figure(
        run,
        "cohort-value",
        lambda: charts.cohort_value(cohorts, currency=money),
        lambda: run_tables.cohort_value(cohorts, currency=money),
    )


def _forecast(run: Opened) -> None:
    """The coming weeks of everyone, or of one cohort or segment."""
    forecast, money = run.table("forecast"), run.currency
    if forecast.is_empty():
        why = (
            "A snapshot says nothing of when customers buy."
            if run.is_snapshot
            else "This run was made before forecasts were kept: run the study again."
        )
        components.nothing("There is no forecast to show.", why)
        return
    groups = forecast.select("group_kind", "group").unique(maintain_order=True)
    names = ["all", *(name for kind, name in groups.iter_rows() if kind != "company")]
    chosen = (
        st.selectbox(
            "Forecast of",
            names,
            key="group",
            bind="query-params",
            format_func=lambda name: "All customers" if name == "all" else name,
        )
        or "all"
    )
    mine = forecast.filter(pl.col("group") == chosen)
    weeks = (
        chart_data.weeks(run.table("days"))
        if chosen == "all"
        else chart_data.weeks(run.table("days").clear())
    )
    components.figure(
        run,
        f"forecast-{chosen}",
        lambda: charts.revenue_forecast(mine, weeks, currency=money),
        lambda: run_tables.forecast(mine, currency=money),
    )
    totals = run.run.summary.get("forecast") or {}
    if isinstance(totals.get("expected_revenue"), float) and chosen == "all":
        st.caption(
            f"In all {formatting.money(totals['expected_revenue'], money)}.".replace("$", r"\$")
        )
