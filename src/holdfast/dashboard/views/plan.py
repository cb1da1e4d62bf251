"""Plan: who gets which offer within a budget, what it costs and may bring, and what more budget
would bring.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import streamlit as st

from holdfast.campaigns.planning.budget_curve import budget_curve
from holdfast.campaigns.planning.make_plan import CampaignPlan, Planning, make_plan
from holdfast.campaigns.planning.plan_values import plan_values
from holdfast.campaigns.treatments import CONTACT
from holdfast.dashboard.access import describe_viewer
from holdfast.dashboard.components import (
    Page,
    box,
    bullets,
    card,
    cards,
    choose_order,
    customer_box,
    explain,
    fail,
    figure,
    plain,
)
from holdfast.dashboard.exporting import choose_receiver, is_allowed
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.decisions.contacts import name_by_day
from holdfast.decisions.plans import GivenLists, change_terms, give_lists, recall_past
from holdfast.errors import HoldfastError, InputError
from holdfast.report import charts, formatting, plan_tables
from holdfast.report.exports.customer_rows import first_customers

_SHOWN, _LIST = 25, "who-gets-an-offer"
_OFFER = '[offers.voucher]\ncost = 0.50\ncampaigns = ["spring"]   # or: rate = 0.1, assumed'


def _draw(run: RunView) -> None:
    if not run.study.offers:
        why = "Write what can be offered, and what it costs, into holdfast.toml; then run again."
        explain("The study has no offers.", why)
        st.code(_OFFER, language="toml")
        return
    terms = _terms(run)
    recalled = run.keep(
        "past campaigns", lambda: recall_past(run.study, run.run, scores=run.scores)
    )
    if recalled is None:
        why = "This run was made before campaigns were kept: run the study again."
        explain("There is nothing to plan with.", why, "holdfast run")
        return
    study, key = change_terms(run.study, plan=terms), tuple(terms.values())
    try:
        planning = Planning.prepare(study, recalled.tables, recalled.past)
        made = run.keep(("plan", key), lambda: make_plan(planning))
    except InputError as error:
        problem = formatting.sentence(formatting.capital(error.problem))
        explain(problem, formatting.sentence(formatting.capital(error.fix)))
        return
    _show(run, made, planning, terms)


def _terms(run: RunView) -> dict[str, Any]:
    """The limits as the fields have them."""
    limits = run.study.plan
    bound: Any = {"bind": "query-params"}
    budget, contacts, holdout = st.columns(3)
    with budget:
        most = st.number_input(
            f"Budget, {run.currency} (0: no limit)", 0.0, value=limits.budget or 0.0, key="budget",
            **bound,
        )  # fmt: skip
    with contacts:
        n = st.number_input(
            "Contact at most (0: no limit)", 0, value=limits.contacts or 0, key="contacts", **bound
        )
    with holdout:
        share = st.slider(
            "Hold out, so that the plan can be measured, %", 0, 50,
            round(100 * limits.holdout_share), key="holdout", **bound,
        )  # fmt: skip
    return {"budget": most or None, "contacts": int(n) or None, "holdout_share": share / 100}


def _show(run: RunView, made: CampaignPlan, planning: Planning, terms: Mapping[str, Any]) -> None:
    values, money = plan_values(made, planning.study), run.currency
    _figures(values, money)
    limits = (terms["contacts"], terms["holdout_share"])
    curve = run.keep(("budget curve", limits), lambda: budget_curve(planning))
    chosen = values["total"]["cost"]
    for place, (name, make) in zip(
        st.columns(2),
        (("profit", charts.profit_curve), ("return", charts.budget_against_return)),
        strict=True,
    ):
        with place:
            chart = partial(make, curve, chosen=chosen, currency=money)
            figure(run, name, chart, keep=False, to_list=f"#{_LIST}")
    for table in plan_tables.plan(values):
        box(table)
    _contacts(run, made)
    _export(run, made, terms)
    if values["notes"]:
        bullets([formatting.sentence(note) for note in values["notes"]], "What to know")


def _contacts(run: RunView, made: CampaignPlan) -> None:
    """The first of those who get an offer."""
    st.header("Who gets an offer", anchor=_LIST)
    planned = made.customers.filter(arm=CONTACT).select("customer_id", "offer")
    by = choose_order(run)
    first = first_customers(planned.join(run.scores, on="customer_id"), _SHOWN, by=by)
    caption = f"The first {first.height} of {formatting.count(planned.height)}, by {by}"
    customer_box(run, first, caption)


def _export(run: RunView, made: CampaignPlan, terms: Mapping[str, Any]) -> None:
    """Record the plan as a campaign, then offer its two files."""
    st.header("Export")
    if not is_allowed():
        return
    st.caption(
        "The contacts and those left alone are two files. Both are recorded under the campaign's "
        "name before they leave, so that the next runs can say what the plan did."
    )
    # As it stands today, for its record, with the hold-out that the slider has.
    study = change_terms(read_study(), plan=terms)
    name = st.text_input(
        "Name of the campaign", value=name_by_day("plan", study), max_chars=60, key="campaign"
    )
    receiver = choose_receiver(run, key="plan")
    if st.button(
        f"Export {formatting.plural(made.customers.filter(arm=CONTACT).height, 'contact')}",
        icon=":material/ios_share:",
        type="primary",
        key="export",
        disabled=not (name or "").strip(),
    ):
        give = partial(give_lists, made, (name or "").strip(), study=study, receiver=receiver)
        st.session_state["exported"] = _record(run, give, (name or "").strip())
    for file_name, content in st.session_state.get("exported", {}).items():
        st.download_button(
            f"Download {file_name}",
            data=content,
            file_name=file_name,
            icon=":material/download:",
            on_click="ignore",
            key=f"file-{file_name}",
        )


def _record(run: RunView, give: Callable[..., GivenLists], name: str) -> Mapping[str, bytes]:
    """The two files by their names, after both groups were recorded; none where they could not
    be.
    """
    try:
        files, notes = give(run=run.run, who=describe_viewer())
    except HoldfastError as error:
        fail(error)
        return {}
    st.success(f"Recorded as the campaign {plain(name)}.", icon=":material/check:")
    bullets([formatting.sentence(note) for note in notes])
    return files


def _figures(values: dict[str, Any], money: str) -> None:
    total = values["total"]
    low, high = (formatting.money(total[end], money) for end in ("net_low", "net_high"))
    alone = "Drawn at random: they would have got an offer; against them the plan is measured"
    more = "Net return of it; 0 where everybody who is worth a contact already gets one"
    cards(
        card("Contacted", formatting.count(values["contacted"])),
        card("Held out", formatting.count(values["held_out"]), alone),
        card("Cost", formatting.money(total["cost"], money)),
        card("Net return", formatting.money(total["net"], money)),
        card("Chance that it pays", formatting.chance(total["p_net_above_0"])),
        card(
            f"One more {money} of budget", formatting.money(values["budget_price"], money), more
        ),
    )  # fmt: skip
    sources = _sources(values)
    st.caption(plain(f"Net return {low} to {high} in nine cases of ten, by {sources}."))


def _sources(values: dict[str, Any]) -> str:
    sources = {
        word
        for offer in values["offers"]
        for word in (offer["uplift_source"] or "").split(" and ")
        if word
    }
    names = {"experiment": "past experiments", "assumed": "rates that are assumed"}
    return formatting.listing([names[word] for word in sorted(sources, reverse=True)])


PAGE = Page("Plan", "checklist", "plan", _draw)
