"""Cohorts and forecast: how long customers stay, what they bring over time, and the weeks ahead."""

from functools import partial

import polars as pl
import streamlit as st

from holdfast.dashboard.components import Page, box, explain, figure
from holdfast.dashboard.run_view import RunView
from holdfast.report import chart_data, charts, run_tables


def _draw(run: RunView) -> None:
    cohorts, survival = run.table("cohorts"), run.table("survival")
    _forecast(run)
    if cohorts.is_empty() and run.is_snapshot:
        why = (
            "A snapshot has one row per customer and no purchases: "
            "give an order log as [transactions]."
        )
        explain("There are no cohorts to show.", why)
        return
    if cohorts.is_empty():
        why = "This run was made before cohorts were kept: run the study again."
        explain("There are no cohorts to show.", why, "holdfast run")
        return
    figure(run, "retention", lambda: charts.retention(cohorts), wide=True)
    figure(run, "survival", lambda: charts.survival_curves(survival))
    figure(run, "cohort-value", lambda: charts.cohort_value(cohorts, currency=run.currency))
    _channels(run)


def _channels(run: RunView) -> None:
    """What winning a customer costs, and when it pays; nothing where the study names no channel."""
    channels, months = run.table("channels"), run.table("channel_months")
    if channels.is_empty():
        return
    st.subheader("What customers of each channel cost and bring")
    chart = partial(charts.channel_payback, channels, months, currency=run.currency)
    figure(run, "channels", chart)


def _forecast(run: RunView) -> None:
    """The coming weeks of everyone, or of one cohort or segment."""
    forecast = run.table("forecast")
    if forecast.is_empty():
        old = "This run was made before forecasts were kept: run the study again."
        why = "A snapshot does not say when customers buy." if run.is_snapshot else old
        explain("There is no forecast to show.", why)
        return
    others = forecast.filter(pl.col("group_kind") != "company")["group"]
    names = {"all": "All customers"} | {name: name for name in others.unique(maintain_order=True)}
    group = st.selectbox(
        "Forecast of", list(names), key="group", bind="query-params", format_func=names.__getitem__
    )
    shown, days = forecast.filter(group=group or "all"), run.table("days")
    weeks = chart_data.weeks(days if group == "all" else days.clear())
    figure(
        run,
        f"forecast-{group}",
        lambda: charts.revenue_forecast(
            shown,
            weeks,
            run.table("horizon_evidence"),
            currency=run.currency,
            promotions=run.report.promotions,
        ),
    )
    if group == "all" and (totals := run.summary.get("forecast")):
        evidence = run.table("horizon_evidence")
        box(run_tables.forecast_totals(totals, evidence, currency=run.currency))


PAGE = Page("Cohorts and forecast", "timeline", "cohorts", _draw)
