"""Action centre: build an audience or open a saved one, see what it would come to, save it or give
it away, and keep a record of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import polars as pl
import streamlit as st

from holdfast.campaigns import export_journal as journal
from holdfast.campaigns.audience import Audience, Rule, build_audience
from holdfast.campaigns.recovery import Campaign, campaigns_of
from holdfast.dashboard.access import describe_viewer, may_export
from holdfast.dashboard.components import Page, box, card, cards, explain, fail, plain
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.errors import HoldfastError
from holdfast.report import formatting, run_tables
from holdfast.report.exports import write_audience
from holdfast.report.table_columns import Col
from holdfast.report.table_format import make_table
from holdfast.storage.export_records import WITHDRAWN, campaign_of, read_exports
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES, Study
from holdfast.windows import day_of

Form = Literal["csv", "parquet"]
_BOUND: dict[str, Any] = {"bind": "query-params"}
_slider = partial(st.slider, min_value=0, **_BOUND)
_amount = partial(st.number_input, min_value=0.0, **_BOUND)
_number = partial(st.number_input, min_value=0, **_BOUND)


def _draw(run: RunView) -> None:
    study = read_study()
    folder, today = Path(study.project_dir), day_of(datetime.now(UTC).date())
    _offer_to_open(folder)
    rule = _rule(run)
    resting = journal.find_resting(folder, day=today, rest_days=rule.rest_days)
    # The global hold-out is the study's as it stands today: no run has a copy of it.
    audience = build_audience(
        run.scores,
        rule,
        run_id=run.run.run_id,
        study=run.study.model_copy(update={"campaigns": study.campaigns}),
        permissions=run.table("permissions"),
        resting=resting,
    )
    st.subheader("What it would come to")
    if audience.customers.height:
        _figures(run, audience)
        _give_away(study, audience)
    else:
        _nobody(audience)
    _exports(folder)


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
    )


def _rule(run: RunView) -> Rule:
    """The rule as the fields have it."""
    fields: dict[str, Any] = {}
    for place, draw in zip(st.columns(3), (_who, _terms, _limits), strict=True):
        with place.container(border=True, height="stretch"):
            fields |= draw(run)
    return Rule(**fields)


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
    rest_days = _number("Not again within days (0: off)", max_value=3650, value=0, key="rest")
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


def _figures(run: RunView, audience: Audience) -> None:
    figures, money, source = audience.figures, run.currency, audience.figures["uplift_source"]
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
        card(f"Expected saves ({source})", formatting.decimal(figures["saves"], 1), saved),
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
    box(run_tables.audience(audience.customers, currency=money))


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


def _give_away(study: Study, audience: Audience) -> None:
    st.subheader("Give it away")
    if not may_export():
        why = "A reader looks; who gives customers away signs in with a key of the role operator."
        explain("You may not export.", why, "holdfast keys create --role operator")
        return
    st.caption(
        "The contacts and those held out are two files. Every export is recorded with its rule and "
        "run before it leaves; both arms are kept, so that the effect can be measured."
    )
    _offer_files(Path(study.project_dir), audience)
    _offer_to_save(Path(study.project_dir), audience)
    if study.webhook is None:
        st.caption("No webhook: the study names none under [webhook].")
    elif st.button("Push to the webhook", icon=":material/send:", key="push"):
        _push(study, audience)


def _offer_files(folder: Path, audience: Audience) -> None:
    rule_id, who = audience.rule.fingerprint, describe_viewer()
    # A rerun would take the file away from a second click that comes before it has ended.
    download = partial(st.download_button, icon=":material/download:", on_click="ignore")
    contacts, parquet, held_out = st.columns(3)
    forms: dict[Form, Any] = {"csv": contacts, "parquet": parquet}
    for form, place in forms.items():
        with place:
            download(
                f"Download the contacts ({'CSV' if form == 'csv' else 'Parquet'})",
                data=partial(_give_contacts, folder, audience, form, who),
                file_name=f"contacts-{rule_id}.{form}",
                key=f"download-{form}",
            )
    with held_out:
        download(
            "Download the hold-out list (CSV)",
            data=partial(_give_held_out, folder, audience, who),
            file_name=f"hold-out-{rule_id}.csv",
            disabled=audience.held_out.is_empty(),
            key="download-hold-out",
        )


def _give_contacts(folder: Path, audience: Audience, form: Form, who: str) -> bytes:
    """The file of the contacts, after it was recorded; what cannot be recorded is no file."""
    content = _file(audience, audience.contacts, form)
    journal.record_export(audience, folder, at=datetime.now(UTC), how=form, who=who)
    return content


def _give_held_out(folder: Path, audience: Audience, who: str) -> bytes:
    content = _file(audience, audience.held_out, "csv")
    journal.record_hold_out(audience, folder, who=who)
    return content


def _file(audience: Audience, customers: pl.DataFrame, form: Form) -> bytes:
    out, facts = BytesIO(), {"rule_id": audience.rule.fingerprint, "run_id": audience.run_id}
    write_audience(customers, out, form=form, facts=facts)
    return out.getvalue()


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


def _exports(folder: Path) -> None:
    st.subheader("Exports so far")
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


PAGE = Page("Action centre", "campaign", "actions", _draw)
