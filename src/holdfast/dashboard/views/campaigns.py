"""Campaign results: what each past campaign did, what is believed of each offer since, and whether
it matters whom an offer goes to.
"""

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from holdfast.dashboard.components import (
    Page,
    box,
    bullets,
    card,
    cards,
    explain,
    figure,
    plain,
)
from holdfast.dashboard.run_view import RunView
from holdfast.report import charts, formatting, plan_tables


def _draw(run: RunView) -> None:
    kept = run.summary.get("campaigns")
    if kept is None:
        why = (
            "Name the table of past campaigns, with those held out, in [treatments]; or export an "
            "audience with a hold-out, and run again when its window is over."
        )
        explain("No past campaign is known.", why)
        return
    campaigns = run.table("campaigns")
    _figures(campaigns, run.currency)
    if campaigns.height:
        figure(run, "forest", lambda: charts.readout_forest(campaigns, currency=run.currency))
        box(plan_tables.results(campaigns, currency=run.currency))
    _refused(kept)
    history = run.summary.get("history")
    if history:
        _history(run, history)
    _verdicts(run, kept)


def _figures(campaigns: pl.DataFrame, money: str) -> None:
    known = campaigns.drop_nulls("net")
    paid = known.filter(pays="yes")["campaign"].n_unique()
    net = formatting.money(float(known["net"].sum()), money) if known.height else formatting.NONE
    cards(
        card("Campaigns read out", formatting.count(campaigns["campaign"].n_unique())),
        card("Certainly paid", formatting.count(paid), "Their 95 % interval of net lies above 0"),
        card("Customers contacted", formatting.count(int(campaigns["contacted"].sum()))),
        card("Net of all", net, "Margin added less cost, each by its own estimate"),
    )


def _refused(kept: dict[str, Any]) -> None:
    lines = [f"{each['campaign']}: {each['problem']}; {each['fix']}." for each in kept["refused"]]
    if lines:
        bullets(lines, "Not read out")


def _history(run: RunView, history: dict[str, Any]) -> None:
    st.subheader("What is believed of each offer")
    cells = pl.DataFrame(history["cells"], infer_schema_length=None)
    make = partial(charts.believed_before_and_after, cells, currency=run.currency)
    figure(run, "believed", make)
    for line in plan_tables.history_sentences(history):
        st.caption(plain(line))


def _verdicts(run: RunView, kept: dict[str, Any]) -> None:
    if not kept["verdicts"]:
        return
    st.subheader("Does it matter whom an offer goes to?")
    for verdict in kept["verdicts"]:
        st.markdown(plain(formatting.capital(verdict["sentence"])))
        if verdict["curve"]:
            rule, curve = verdict["best_rule"], pl.DataFrame(verdict["curve"])
            unit = run.currency if kept["outcome"] == "margin" else ""
            make = partial(charts.qini, curve, unit=unit, rule=rule)
            figure(run, f"qini-{verdict['offer']}", make)


PAGE = Page("Campaign results", "science", "campaigns", _draw)
