"""Cohorts and forecast: how long customers stay, what they bring over time, and the weeks ahead."""

from functools import partial

import polars as pl
import streamlit as st

from holdfast.dashboard.components import Page, box, explain, figure
from holdfast.dashboard.filters import link
from holdfast.dashboard.run_view import RunView
from holdfast.dashboard.views.segments import GROUPS
from holdfast.report import chart_data, charts, run_tables
from holdfast.serving.breakdown import COHORT
from holdfast.study import SEGMENT_NAMES


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
    money, to_list = {"currency": run.currency}, _to_groups(COHORT)
    figure(run, "retention", lambda: charts.retention(cohorts), wide=True, to_list=to_list)
    figure(run, "survival", lambda: charts.survival_curves(survival), to_list=to_list)
    figure(run, "cohort-value", lambda: charts.cohort_value(cohorts, **money), to_list=to_list)
    _channels(run)


def _to_groups(by: str) -> str:
    """Where the customers are broken down, each group with its list."""
    return f"{link('segments', by=by)}#{GROUPS}"


def _channels(run: RunView) -> None:
    """What winning a customer costs, and when it pays; nothing where the study names no channel."""
    channels, months = run.table("channels"), run.table("channel_months")
    if channels.is_empty():
        return
    st.header("What customers of each channel cost and bring")
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
        to_list=_list_of(group or "all"),
    )
    if group == "all" and (totals := run.summary.get("forecast")):
        evidence = run.table("horizon_evidence")
        box(run_tables.forecast_totals(totals, evidence, currency=run.currency))


def _list_of(group: str) -> str:
    """The customers of a segment or cohort, or all; those who are expected to bring most first."""
    chosen = {"segment": group} if group in SEGMENT_NAMES else {}
    return link("segments", order="expected revenue", **chosen)


PAGE = Page("Cohorts and forecast", "timeline", "cohorts", _draw)
