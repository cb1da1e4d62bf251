"""Campaign results: each campaign from plan to result, what all of them did, what is believed of
each offer since, and whether it matters whom an offer goes to.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from holdfast.campaigns.export_journal import withdraw_exports
from holdfast.dashboard.access import describe_viewer, may_export
from holdfast.dashboard.components import (
    Page,
    box,
    bullets,
    card,
    cards,
    explain,
    fail,
    figure,
    plain,
)
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.decisions.campaign_story import CampaignStory, tell_campaigns
from holdfast.errors import HoldfastError
from holdfast.report import charts, formatting, plan_tables
from holdfast.report.table_format import make_table


def _draw(run: RunView) -> None:
    kept, campaigns = run.summary.get("campaigns"), run.table("campaigns")
    stories = tell_campaigns(read_study(), run.run, campaigns)
    if kept is None and not stories:
        why = (
            "Name the table of past campaigns, with those held out, in [treatments]; or export an "
            "audience with a hold-out, and run again when its window is over."
        )
        explain("No past campaign is known.", why)
        return
    if campaigns.height:
        _figures(campaigns, run.currency)
        figure(run, "forest", lambda: charts.readout_forest(campaigns, currency=run.currency))
        box(plan_tables.results(campaigns, currency=run.currency))
    if stories:
        _story(run, stories)
    _list_refused(kept or {"refused": []})
    if history := run.summary.get("history"):
        _history(run, history)
    _verdicts(run, kept or {"verdicts": []})


def _figures(campaigns: pl.DataFrame, money: str) -> None:
    measured = campaigns.drop_nulls("net")
    paid = measured.filter(pays="yes")["campaign"].n_unique()
    net = (
        formatting.money(float(measured["net"].sum()), money)
        if measured.height
        else formatting.NONE
    )
    cards(
        card("Campaigns read out", formatting.count(campaigns["campaign"].n_unique())),
        card(
            "Certainly paid", formatting.count(paid), "The 95% interval of their net lies above 0"
        ),
        card("Customers contacted", formatting.count(int(campaigns["contacted"].sum()))),
        card("Net of all", net, "Margin added less cost, each by its own estimate"),
    )


def _story(run: RunView, stories: Sequence[CampaignStory]) -> None:
    """One campaign, from plan to result."""
    st.header("From plan to result")
    by_name = {story.campaign: story for story in stories}
    chosen = st.selectbox("Campaign", list(by_name), key="campaign", bind="query-params")
    story = by_name.get(chosen or "", stories[0])
    rows = [
        {"step": step, "what is known": text}
        for step, text in (
            ("Exported", _describe_export(story)),
            ("Groups", _describe_groups(story)),
            ("Window", _describe_window(story)),
            ("Expected", _describe_expected(story, run.currency)),
            ("Result", _describe_result(story, run.currency)),
            ("Belief in the offer", _describe_beliefs(story, run.currency)),
        )
        if text
    ]
    box(make_table(story.campaign, rows))
    if story.export is not None and may_export():
        _offer_to_withdraw(story.campaign)


def _offer_to_withdraw(campaign: str) -> None:
    """Ask once more, then withdraw every export of the campaign."""
    with st.popover("This list never went out", icon=":material/undo:"):
        st.markdown(
            plain(
                f"{campaign} stays on record as withdrawn. No run reads it any more: its customers "
                "count as never contacted, and it has no result. This cannot be taken back."
            )
        )
        if not st.button("Withdraw it", type="primary", key="withdraw"):
            return
    project = Path(read_study().project_dir)
    try:
        withdraw_exports(project, campaign, at=datetime.now(UTC), who=describe_viewer())
    except HoldfastError as error:
        fail(error)
    else:
        st.rerun()


def _describe_export(story: CampaignStory) -> str:
    if story.export is None:
        return "Not by Holdfast: the table of [treatments] has it."
    export = story.export
    who = f", by {export['who']}" if export["who"] else ""
    rule = export.get("rule")
    how = f"{export['how']} of {', '.join(rule['segments'])}" if rule else export["how"]
    made = {"plan": "the plan", "assign": "a list of an experiment"}.get(
        export.get("made_by", ""), "an audience"
    )
    at = export["at"].replace("T", " ").rstrip("Z")
    return f"{at} UTC{who}: {made} ({how}), run {export['run_id']}."


def _describe_groups(story: CampaignStory) -> str:
    if story.results.height:
        contacted, held_out = (int(story.results[n].sum()) for n in ("contacted", "held_out"))
    elif story.export is not None:
        contacted, held_out = (story.export["figures"][n] for n in ("contacted", "held_out"))
    else:
        return "Not known."
    return f"{formatting.count(contacted)} contacted, {formatting.count(held_out)} held out."


def _describe_window(story: CampaignStory) -> str:
    if story.first_day is None or story.over_day is None:
        return "Not known."
    begun, over = formatting.day(story.first_day), formatting.day(story.over_day)
    if story.is_over:
        return f"From {begun}, over on {over}."
    seen = formatting.day(story.data_end_day)
    return f"From {begun}, not over until {over}: this run has seen the days before {seen}."


def _describe_expected(story: CampaignStory, money: str) -> str:
    of = story.expected
    if "net" not in of:
        return "Nobody wrote down what was expected."
    cost = f" for {formatting.money(of['cost'], money)}" if "cost" in of else ""
    ends = ""
    if "net_low" in of and "net_high" in of:
        low, high = (formatting.money(of[name], money) for name in ("net_low", "net_high"))
        ends = f" ({low} to {high} in nine cases of ten)"
    return f"Net {formatting.money(of['net'], money)}{ends}{cost}, by the rates of that day."


def _describe_result(story: CampaignStory, money: str) -> str:
    if story.refused:
        return f"Cannot be read out: {story.refused}."
    if story.results.is_empty():
        wait = "run again when its window is over" if not story.is_over else "run again"
        return f"Not read out yet: {wait}."
    return "\n".join(_describe_readout(row, money) for row in story.results.to_dicts())


def _describe_readout(row: dict[str, Any], money: str) -> str:
    words = {"yes": "It certainly paid", "no": "It certainly lost", "not certain": "Not certain"}
    if row["net"] is None:
        low, high = (formatting.percent(row[f"bought_{end}"]) for end in ("low", "high"))
        return f"{row['offer']}: {formatting.percent(row['bought'])} more buyers ({low} to {high})."
    net, low, high = (formatting.money(row[n], money) for n in ("net", "net_low", "net_high"))
    return f"{row['offer']}: net {net} ({low} to {high}, 95%). {words.get(row['pays'], '')}."


def _describe_beliefs(story: CampaignStory, money: str) -> str:
    """How what is believed of its offers has moved in each segment, by all campaigns."""
    lines = list(plan_tables.belief_lines(story.beliefs.to_dicts(), money))
    head = "What a contact adds, as assumed before any data, and now after all campaigns:"
    return "\n".join([head, *lines]) if lines else ""


def _list_refused(kept: dict[str, Any]) -> None:
    lines = [f"{each['campaign']}: {each['problem']}; {each['fix']}." for each in kept["refused"]]
    if lines:
        bullets(lines, "Not read out")


def _history(run: RunView, history: dict[str, Any]) -> None:
    st.header("What is believed of each offer")
    cells = pl.DataFrame(history["cells"], infer_schema_length=None)
    make = partial(charts.believed_before_and_after, cells, currency=run.currency)
    figure(run, "believed", make)
    for line in plan_tables.history_sentences(history):
        st.caption(plain(line))


def _verdicts(run: RunView, kept: dict[str, Any]) -> None:
    if not kept["verdicts"]:
        return
    st.header("Does it matter whom an offer goes to?")
    unit = plan_tables.effect_unit(kept["outcome"], run.currency)
    for verdict in kept["verdicts"]:
        sentence = plan_tables.verdict_sentence(verdict, unit=unit)
        st.markdown(plain(formatting.capital(sentence)))
        if verdict["curve"]:
            rule, curve = verdict["best_rule"], pl.DataFrame(verdict["curve"])
            make = partial(charts.qini, curve, unit=unit, rule=rule)
            figure(run, f"qini-{verdict['offer']}", make)


PAGE = Page("Campaign results", "science", "campaigns", _draw)
