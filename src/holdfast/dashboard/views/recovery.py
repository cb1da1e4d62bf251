"""Revenue recovery: what campaigns would cost and bring, with the assumptions in the
reader's hand.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from holdfast.campaigns.economics import one_rate
from holdfast.campaigns.recovery import (
    Campaign,
    add_up,
    campaigns_of,
    explain_range,
    simulate_recovery,
)
from holdfast.dashboard.components import Page, card, cards, explain, figure, plain
from holdfast.dashboard.filters import link
from holdfast.dashboard.run_view import RunView
from holdfast.report import charts, formatting


def _draw(run: RunView) -> None:
    assumed, money = campaigns_of(run.study), run.currency
    if not run.report.knows_value:
        why = "This run has no value model: set snapshot.labels.value in the study and run again."
        explain("Nothing can be recovered.", why)
        return
    if not assumed:
        why = "Write a cost and a rate for At-Risk VIP, say, into the study, then run again."
        explain("The study assumes no campaign ([recovery] is empty).", why)
        return
    st.markdown(
        "Rates are **assumed** until an experiment measures them: change them and see from which "
        "rate on a campaign pays. "
        "Hold customers out in the action centre, and the next runs can measure the rate."
    )
    places = zip(st.columns(len(assumed)), assumed.items(), strict=True)
    campaigns = {name: _sliders(place, name, campaign, money) for place, (name, campaign) in places}
    segments, evidence = run.table("segments"), run.table("evidence")
    margin = one_rate(segments, run.study)
    plan = simulate_recovery(segments, campaigns, evidence, margin_rate=margin)
    _totals(plan, evidence, money)
    for name, make in (("net", charts.net_by_rate), ("amounts", charts.revenue_recovery)):
        chart = partial(make, plan, currency=money)
        figure(run, name, chart, keep=False, to_list=link("segments", segment=list(assumed)))


def _sliders(place: DeltaGenerator, name: str, campaign: Campaign, money: str) -> Campaign:
    """One segment's campaign as the sliders have it."""
    key, most = name.lower().replace(" ", "_"), max(10.0, 4 * campaign.cost)
    bind: Any = {"bind": "query-params"}
    whom = "everyone" if campaign.of == "everyone" else "those who would be lost"
    with place.container(border=True):
        st.markdown(f"**{name}**")
        cost = st.slider(
            f"Cost per customer, {money}", 0.0, most, campaign.cost, 0.5, key=f"cost_{key}", **bind
        )
        rate = st.slider(
            f"Kept of {whom}, %", 0, 100, round(100 * campaign.rate), key=f"rate_{key}", **bind
        )
        reach = st.slider("Reach, % of the segment", 0, 100, 100, key=f"reach_{key}", **bind)
    return replace(campaign, cost=cost, rate=rate / 100, reach=reach / 100)


def _totals(plan: pl.DataFrame, evidence: pl.DataFrame, money: str) -> None:
    """The sum of the campaigns, stamped with where the rates come from."""
    total = add_up(plan)
    source = formatting.listing(sorted(plan["uplift_source"].unique()))
    invested, recovered, net, low, high = (
        formatting.money(total[name], money)
        for name in ("invested", "recovered", "net", "net_low", "net_high")
    )
    roi = formatting.percent(
        None if total["roi_percent"] is None else total["roi_percent"] / 100, 0
    )
    figures = {"Invested": invested, "Recovered": recovered, "Net": net, "ROI": roi}
    cards(*(card(f"{name} ({source})", value) for name, value in figures.items()))
    st.caption(plain(f"Net between {low} and {high}: {explain_range(evidence)}."))


PAGE = Page("Revenue recovery", "savings", "recovery", _draw)
