"""Action centre: build an audience, see what it would come to, give it away, and keep a record of
it.
"""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Literal

import streamlit as st

from holdfast.campaigns.audience import (
    Audience,
    Rule,
    build_audience,
    exports,
    push_audience,
    record_export,
    resting,
)
from holdfast.campaigns.recovery import Campaign, campaigns_of
from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened, Project
from holdfast.errors import HoldfastError
from holdfast.report import formatting, run_tables
from holdfast.report.exports import write_audience
from holdfast.report.table_format import make_table
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES
from holdfast.windows import day_of

Form = Literal["csv", "parquet"]


def show() -> None:
    """Draw the page."""
    found, run = components.start("Action centre")
    try:
        rule = _rule(run)
        tired = resting(found.folder, day=_today(), rest_days=rule.rest_days)
        audience = build_audience(
            run.scores, rule, run_id=run.run.run_id, study=run.study, resting=tired
        )
    except HoldfastError as error:
        components.failed(error)
        return
    _told(run, audience)
    if audience.customers.height:
        _given_away(found, run, audience)
    _record(found)


def _today() -> int:
    return day_of(datetime.now(UTC).date())


def _rule(run: Opened) -> Rule:
    terms = campaigns_of(run.study).get(AT_RISK_SEGMENTS[0], Campaign(cost=0.0, rate=0.0))
    who, terms_of, limits = (
        place.container(border=True, height="stretch") for place in st.columns(3)
    )
    money = run.currency
    with who:
        st.markdown("**Who**")
        chosen = st.multiselect(
            "Segments",
            list(SEGMENT_NAMES),
            default=list(AT_RISK_SEGMENTS),
            key="segments",
            bind="query-params",
        )
        risk = st.slider("Churn probability from, %", 0, 100, 0, key="risk", bind="query-params")
        value = st.number_input(
            f"Expected revenue from, {money}",
            min_value=0.0,
            value=0.0,
            key="revenue",
            bind="query-params",
        )
        typed = st.text_area("Leave out these customers, one a line", key="out", height=100)
    with terms_of:
        st.markdown("**Terms (assumed)**")
        cost = st.number_input(
            f"Cost per customer, {money}",
            min_value=0.0,
            value=terms.cost,
            key="cost",
            bind="query-params",
        )
        rate = st.slider(
            "Value recovered, %", 0, 100, round(100 * terms.rate), key="rate", bind="query-params"
        )
        pays = st.toggle(
            "Only where it is expected to pay", value=True, key="pays", bind="query-params"
        )
    with limits:
        st.markdown("**Limits**")
        budget = st.number_input(
            f"Budget, {money} (0: none)",
            min_value=0.0,
            value=0.0,
            key="budget",
            bind="query-params",
        )
        size = st.number_input(
            "Contact at most (0: no limit)", min_value=0, value=0, key="size", bind="query-params"
        )
        held = st.slider("Hold out, %", 0, 50, 10, key="holdout", bind="query-params")
        rest = st.number_input(
            "Not again within days (0: off)",
            min_value=0,
            max_value=3650,
            value=0,
            key="rest",
            bind="query-params",
        )
    return Rule(
        segments=tuple(chosen),
        least_churn_probability=risk / 100,
        least_revenue=value,
        cost=cost,
        rate=rate / 100,
        budget=budget or None,
        at_most=int(size) or None,
        holdout_share=held / 100,
        only_paying=pays,
        rest_days=int(rest),
        excluded=tuple(
            sorted({line.strip() for line in (typed or "").splitlines() if line.strip()})
        ),
    )


def _told(run: Opened, audience: Audience) -> None:
    figures, money = audience.figures, run.currency
    source = figures["uplift_source"]
    st.subheader("What it would come to")
    if not audience.customers.height:
        components.nothing(
            "Nobody is in this audience.",
            f"{formatting.plural(figures['candidates'], 'customer')} match before the limits. "
            "Choose more segments, a lower "
            "threshold or cost, or a larger budget"
            + (
                ", or leave those in who are not expected to pay."
                if audience.rule.only_paying
                else "."
            ),
        )
        return
    components.cards(
        [
            {
                "label": "Contacted",
                "value": formatting.count(figures["contacted"]),
                "help": f"{formatting.count(figures['candidates'])} match before the limits",
            },
            {
                "label": "Held out",
                "value": formatting.count(figures["held_out"]),
                "help": "Drawn at random, not contacted: the comparison",
            },
            {
                "label": f"Expected saves ({source})",
                "value": formatting.decimal(figures["saves"], 1),
                "help": "Churn probability x rate, summed over those contacted",
            },
            {"label": f"Cost ({source})", "value": formatting.money(figures["invested"], money)},
            {"label": f"Return ({source})", "value": formatting.money(figures["recovered"], money)},
            {"label": f"Net ({source})", "value": formatting.money(figures["net"], money)},
        ]
    )
    if not figures["held_out"]:
        st.warning(
            "Nobody is held out: this campaign can never be measured.", icon=":material/science:"
        )
    with st.container(border=True):
        components.listing(run_tables.audience(audience.customers, currency=money))


def _given_away(found: Project, run: Opened, audience: Audience) -> None:
    st.subheader("Give it away")
    st.caption(
        "Every export is recorded with its rule and run; both arms are kept, so that the effect "
        "can be measured."
    )
    forms: tuple[Form, Form] = ("csv", "parquet")
    for place, form in zip(st.columns(2), forms, strict=True):
        place.download_button(
            f"Download {form.upper() if form == 'csv' else 'Parquet'}",
            data=_file(audience, form),
            file_name=f"audience-{audience.rule.fingerprint}.{form}",
            on_click=_export,
            args=(found, audience, form),
            icon=":material/download:",
            key=f"download-{form}",
        )
    target = found.study.webhook
    if target is None:
        st.caption("No webhook: the study names none under [webhook].")
    elif st.button("Push to the webhook", icon=":material/send:", key="push"):
        _push(found, audience)


def _file(audience: Audience, form: Form) -> bytes:
    out = BytesIO()
    write_audience(
        audience.customers,
        out,
        form=form,
        facts={"rule_id": audience.rule.fingerprint, "run_id": audience.run_id},
    )
    return out.getvalue()


def _export(found: Project, audience: Audience, how: str) -> None:
    try:
        record_export(audience, found.folder, at=datetime.now(UTC), how=how)
    except HoldfastError as error:
        components.failed(error)


def _push(found: Project, audience: Audience) -> None:
    try:
        n = push_audience(audience, found.study.webhook)
    except HoldfastError as error:
        components.failed(error)
        return
    _export(found, audience, "webhook")
    st.success(
        f"Pushed {formatting.plural(audience.figures['contacted'], 'customer')} in "
        f"{formatting.plural(n, 'request')}."
    )


def _record(found: Project) -> None:
    st.subheader("Exports so far")
    known = exports(found.folder)
    if not known:
        components.nothing(
            "Nothing has been exported yet.", "An export appears here with its rule and run."
        )
        return
    caption = f"The latest {min(20, len(known))} of {len(known)}, from exports.jsonl"
    components.listing(make_table(caption, [_entry(entry) for entry in known[:20]]))


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    rule, figures = entry["rule"], entry["figures"]
    terms = f"cost {rule['cost']:g}, rate {rule['rate']:.0%}, held out {rule['holdout_share']:.0%}"
    return {
        "when": entry["at"],
        "how": entry["how"],
        "rule": f"{', '.join(rule['segments'])}; {terms}",
        "run": entry["run_id"],
        "contacted": figures["contacted"],
        "held_out": figures["held_out"],
    }
