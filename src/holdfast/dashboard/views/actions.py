"""Action centre: build an audience or open a saved one, see its expected result, compare two, save
it or export it, and keep a record of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from holdfast.campaigns import export_journal as journal
from holdfast.campaigns.audience import Audience, Rule
from holdfast.campaigns.audience_comparison import compare_audiences
from holdfast.campaigns.recovery import Campaign, campaigns_of
from holdfast.dashboard.access import describe_viewer
from holdfast.dashboard.components import (
    Page,
    box,
    card,
    cards,
    choose_order,
    customer_box,
    explain,
    fail,
    open_chosen,
    plain,
)
from holdfast.dashboard.exporting import is_allowed, make_audience, offer_files
from holdfast.dashboard.filters import as_address, from_address, read_filters
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.errors import HoldfastError
from holdfast.report import formatting
from holdfast.report.exports.customer_rows import first_customers
from holdfast.report.table_columns import Col
from holdfast.report.table_format import make_table
from holdfast.storage.export_records import WITHDRAWN, campaign_of, read_exports
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES, Study

_SHOWN = 25
_BOUND: dict[str, Any] = {"bind": "query-params"}
_slider = partial(st.slider, min_value=0, **_BOUND)
_amount = partial(st.number_input, min_value=0.0, **_BOUND)
_number = partial(st.number_input, min_value=0, **_BOUND)


def _draw(run: RunView) -> None:
    study = read_study()
    project = Path(study.project_dir)
    _offer_to_open(project)
    audience = make_audience(run, _rule(run), study)
    st.header("Expected result")
    if audience.customers.height:
        _figures(audience, run.currency)
        _list(run, audience)
        _export(run, study, audience)
    else:
        _nobody(audience)
    _compare(study, run.currency)
    _exports(project)


def _offer_to_open(folder: Path) -> None:
    rules = journal.saved_rules(folder)
    if rules:
        st.selectbox(
            "Open a saved audience",
            list(rules),
            index=None,
            placeholder="Choose one by its name",
            key="saved",
            on_change=_open,
            args=(rules,),
        )


def _open(rules: Mapping[str, Rule]) -> None:
    """Fill the fields in from the saved audience that was chosen."""
    rule = rules.get(st.session_state["saved"])
    if rule is None:
        return
    st.session_state.update(
        name=rule.name,
        segments=list(rule.segments),
        risk=round(100 * rule.least_churn_probability),
        revenue=rule.least_revenue,
        out="\n".join(rule.excluded),
        cost=rule.cost,
        rate=round(100 * rule.rate),
        everyone=rule.of == "everyone",
        pays=rule.only_paying,
        budget=rule.budget or 0.0,
        size=rule.at_most or 0,
        holdout=round(100 * rule.holdout_share),
        rest=rule.rest_days,
        **_saved_filters(rule),
    )


def _saved_filters(rule: Rule) -> dict[str, Any]:
    """The sidebar's fields of a saved audience; a filter of now that it did not have is cleared."""
    of_now: dict[str, Any] = {
        str(key): [] for key in st.session_state if str(key).startswith("in_")
    }
    fields: dict[str, Any] = {"segment": [], "from": None, "to": None, **of_now}
    for name, values in rule.where:
        fields[name] = float(values[0]) if name in ("from", "to") else list(values)
    return fields


def _rule(run: RunView) -> Rule:
    """The rule as the fields have it."""
    fields: dict[str, Any] = {}
    for place, draw in zip(st.columns(3), (_who, _terms, _limits), strict=True):
        with place.container(border=True, height="stretch"):
            fields |= draw(run)
    return Rule(**fields, where=as_address(read_filters(run)))


def _who(run: RunView) -> dict[str, Any]:
    st.markdown("**Who**")
    names, at_risk = list(SEGMENT_NAMES), list(AT_RISK_SEGMENTS)
    name = st.text_input("Name of the campaign (optional)", max_chars=60, key="name", **_BOUND)
    segments = st.multiselect("Segments", names, default=at_risk, key="segments", **_BOUND)
    risk = _slider("Churn probability from, %", max_value=100, value=0, key="risk")
    revenue = _amount(f"Expected revenue from, {run.currency}", value=0.0, key="revenue")
    out = st.text_area("Leave out these customers, one a line", key="out", height=100)
    return {
        "name": (name or "").strip(),
        "segments": tuple(segments),
        "least_churn_probability": risk / 100,
        "least_revenue": revenue,
        "excluded": tuple(sorted({line.strip() for line in (out or "").splitlines()} - {""})),
    }


def _terms(run: RunView) -> dict[str, Any]:
    terms = campaigns_of(run.study).get(AT_RISK_SEGMENTS[0], Campaign(cost=0.0, rate=0.0))
    st.markdown("**Terms (assumed)**")
    cost = _amount(f"Cost per customer, {run.currency}", value=terms.cost, key="cost")
    rate = _slider(
        "Kept of those who would be lost, %",
        max_value=100,
        value=round(100 * terms.rate),
        key="rate",
    )
    everyone = st.toggle(
        "Count everyone as lost", value=terms.of == "everyone", key="everyone", **_BOUND
    )
    pays = st.toggle("Only where it is expected to pay", value=terms.rate > 0, key="pays", **_BOUND)
    of = "everyone" if everyone else "lost"
    return {"cost": cost, "rate": rate / 100, "of": of, "only_paying": pays}


def _limits(run: RunView) -> dict[str, Any]:
    st.markdown("**Limits**")
    budget = _amount(f"Budget, {run.currency} (0: none)", value=0.0, key="budget")
    at_most = _number("Contact at most (0: no limit)", value=0, key="size")
    holdout = _slider("Hold out, %", max_value=50, value=10, key="holdout")
    rest_days = _number("Days between contacts (0: any)", max_value=3650, value=0, key="rest")
    return {
        "budget": budget or None,
        "at_most": int(at_most) or None,
        "holdout_share": holdout / 100,
        "rest_days": int(rest_days),
    }


def _nobody(audience: Audience) -> None:
    n = formatting.plural(audience.figures["candidates"], "customer")
    more = ", or leave those in who are not expected to pay" if audience.rule.only_paying else ""
    why = (
        f"{n} match before the limits. "
        f"Choose more segments, a lower threshold or cost, or a larger budget{more}."
    )
    explain("Nobody is in this audience.", why)
    st.caption(_describe_left_out(audience))


def _figures(audience: Audience, money: str) -> None:
    figures, source = audience.figures, audience.figures["uplift_source"]
    drawn = "Drawn at random, not contacted: the comparison"
    everyone = audience.rule.of == "everyone"
    saved = (
        "Those contacted x rate"
        if everyone
        else ("Churn probability x rate, summed over those contacted")
    )
    match = f"{formatting.count(figures['candidates'])} match before the limits"
    amounts = {"Cost": "invested", "Return": "recovered", "Net": "net"}
    cards(
        card("Contacted", formatting.count(figures["contacted"]), match),
        card("Held out", formatting.count(figures["held_out"]), drawn),
        card(f"Customers kept ({source})", formatting.decimal(figures["saves"], 1), saved),
        *(
            card(f"{label} ({source})", formatting.money(figures[name], money))
            for label, name in amounts.items()
        ),
    )
    st.caption(_describe_left_out(audience))
    if not figures["held_out"]:
        st.warning(
            "Nobody is held out: this campaign can never be measured.", icon=":material/science:"
        )


def _list(run: RunView, audience: Audience) -> None:
    """The first of the audience, both groups."""
    by = choose_order(run)
    customers = audience.customers.join(
        run.scores.select("customer_id", "risk_score"), on="customer_id", maintain_order="left"
    )
    first = first_customers(customers, _SHOWN, by=by)
    caption = f"The first {first.height} of {formatting.count(customers.height)}, by {by}"
    customer_box(run, first, caption)


def _describe_left_out(audience: Audience) -> str:
    """Who is left out although the rule has them, and why."""
    left_out, held = audience.figures["left_out"], audience.figures["held_out_of_all"]
    if left_out is None:
        permission = (
            "This run does not know who may be contacted, so nobody is left out for it. Name the "
            "column consent or do_not_contact under [customers.columns], and run again."
        )
    elif left_out:
        reasons = ", ".join(f"{formatting.count(n)} {why}" for why, n in left_out.items())
        n = formatting.plural(sum(left_out.values()), "customer")
        permission = f"{n} may not be contacted and are left out: {reasons}."
    else:
        permission = "All of them may be contacted."
    everywhere = f" {formatting.count(held)} are held out of every campaign." if held else ""
    return plain(permission + everywhere)


def _export(run: RunView, study: Study, audience: Audience) -> None:
    st.header("Export")
    if not is_allowed():
        return
    st.caption(
        "The contacts and those held out are two files. Every export is recorded with its rule and "
        "run before it leaves; both groups are kept, so that the effect can be measured."
    )
    offer_files(run, Path(study.project_dir), audience)
    _offer_to_save(Path(study.project_dir), audience)
    if study.webhook is None:
        st.caption("No webhook: the study names none under [webhook].")
    elif st.button("Push to the webhook", icon=":material/send:", key="push"):
        _push(study, audience)


def _offer_to_save(folder: Path, audience: Audience) -> None:
    named = bool(audience.rule.name)
    label = f"Save as {audience.rule.name}" if named else "Save (give the campaign a name first)"
    if st.button(plain(label), icon=":material/save:", disabled=not named, key="save"):
        try:
            journal.save_audience(audience, folder, at=datetime.now(UTC))
        except HoldfastError as error:
            fail(error)
        else:
            st.rerun()


def _push(study: Study, audience: Audience) -> None:
    folder, who = Path(study.project_dir), describe_viewer()
    try:
        n = journal.push_audience(audience, study.webhook, folder, at=datetime.now(UTC), who=who)
    except HoldfastError as error:
        fail(error)
        return
    customers = formatting.plural(audience.figures["contacted"], "customer")
    st.success(f"Pushed {customers} in {formatting.plural(n, 'request')}.")


def _compare(study: Study, money: str) -> None:
    """Two saved audiences beside each other, among the customers of the run."""
    rules, run = journal.saved_rules(Path(study.project_dir)), open_chosen()
    if len(rules) < 2 or run is None:
        return
    st.header("Compare two saved audiences")
    names = list(rules)
    places = st.columns(2)
    first = places[0].selectbox("The first", names, index=0, key="first", bind="query-params")
    other = places[1].selectbox("The second", names, index=1, key="second", bind="query-params")
    if not first or not other or first == other:
        explain("Choose two different audiences.", "Each was saved or exported under its name.")
        return
    one, two = (
        make_audience(run.narrow(from_address(rules[name].where)), rules[name], study)
        for name in (first, other)
    )
    compared = compare_audiences(one, two)
    count = formatting.count
    cards(
        card("Contacted in both", count(compared.in_both)),
        card(f"Only in {plain(first)}", count(compared.only_first)),
        card(f"Only in {plain(other)}", count(compared.only_second)),
    )
    columns = (
        Col("audience"), Col("contacted", kind="count"), Col("held_out", kind="count"),
        Col("invested", "Cost", "money"), Col("saves", "Customers kept", "number"),
        Col("recovered", "Return", "money"), Col("net", "Net", "money"),
    )  # fmt: skip
    box(make_table("Expected results", compared.rows, *columns, currency=money))


def _exports(folder: Path) -> None:
    st.header("Exports so far")
    entries = read_exports(folder)
    if not entries:
        later = "An export appears here, with its rule and run, when the page is drawn again."
        explain("Nothing has been exported yet.", later)
        return
    rows = [
        {name: entry[name] for name in ("at", "run_id")}
        | {"how": _describe_way(entry), "rule": _describe_rule(entry)}
        | {name: entry["figures"][name] for name in ("contacted", "held_out")}
        for entry in entries[:20]
    ]
    caption = f"The latest {len(rows)} of {len(entries)}, from exports.jsonl"
    columns = Col("at", "When"), "how rule", Col("run_id", "Run"), "contacted held_out"
    box(make_table(caption, rows, *columns))


def _describe_way(entry: dict[str, Any]) -> str:
    withdrawn = "withdrawn" if WITHDRAWN in entry else None
    return ", ".join(filter(None, (entry["how"], entry.get("batches"), withdrawn)))


def _describe_rule(entry: dict[str, Any]) -> str:
    if "rule" not in entry:
        where = "API" if entry["how"] == "api" else "command line"
        return f"{campaign_of(entry)}: a list of the {where}"
    rule = entry["rule"]
    terms = f"cost {rule['cost']:g}, rate {rule['rate']:.0%}, held out {rule['holdout_share']:.0%}"
    name = f"{rule['name']}: " if rule.get("name") else ""
    return f"{name}{', '.join(rule['segments'])}; {terms}"


PAGE = Page("Action centre", "campaign", "actions", _draw, filtered=True)
