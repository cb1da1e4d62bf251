"""Action centre: build an audience, see what it would come to, give it away, and keep a record of
it.
"""

from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from holdfast.campaigns import audience as audiences
from holdfast.campaigns.audience import Audience, Rule
from holdfast.campaigns.recovery import Campaign, campaigns_of
from holdfast.dashboard.access import describe_viewer, may_export
from holdfast.dashboard.components import Page, box, card, cards, explain, fail
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.errors import HoldfastError
from holdfast.io import webhook
from holdfast.report import formatting, run_tables
from holdfast.report.exports import write_audience
from holdfast.report.table_columns import Col
from holdfast.report.table_format import make_table
from holdfast.study import AT_RISK_SEGMENTS, SEGMENT_NAMES, Study
from holdfast.windows import day_of

Form = Literal["csv", "parquet"]


def _draw(run: RunView) -> None:
    study, rule = read_study(), _rule(run)
    folder, today = Path(study.project_dir), day_of(datetime.now(UTC).date())
    resting = audiences.find_resting(folder, day=today, rest_days=rule.rest_days)
    audience = audiences.build_audience(
        run.scores, rule, run_id=run.run.run_id, study=run.study, resting=resting
    )
    st.subheader("What it would come to")
    if audience.customers.height:
        _figures(run, audience)
        _give_away(study, audience)
    else:
        _nobody(audience)
    _exports(folder)


def _rule(run: RunView) -> Rule:
    """The rule as the fields have it."""
    terms = campaigns_of(run.study).get(AT_RISK_SEGMENTS[0], Campaign(cost=0.0, rate=0.0))
    who, terms_of, limits = (
        place.container(border=True, height="stretch") for place in st.columns(3)
    )
    bind: Any = {"bind": "query-params"}
    slider, money = partial(st.slider, min_value=0, **bind), run.currency
    amount = partial(st.number_input, min_value=0.0, **bind)
    number = partial(st.number_input, min_value=0, **bind)
    with who:
        st.markdown("**Who**")
        names, at_risk = list(SEGMENT_NAMES), list(AT_RISK_SEGMENTS)
        segments = st.multiselect("Segments", names, default=at_risk, key="segments", **bind)
        risk = slider("Churn probability from, %", max_value=100, value=0, key="risk")
        revenue = amount(f"Expected revenue from, {money}", value=0.0, key="revenue")
        out = st.text_area("Leave out these customers, one a line", key="out", height=100)
    with terms_of:
        st.markdown("**Terms (assumed)**")
        cost = amount(f"Cost per customer, {money}", value=terms.cost, key="cost")
        rate = slider(
            "Value recovered, %", max_value=100, value=round(100 * terms.rate), key="rate"
        )
        pays = st.toggle(
            "Only where it is expected to pay", value=terms.rate > 0, key="pays", **bind
        )
    with limits:
        st.markdown("**Limits**")
        budget = amount(f"Budget, {money} (0: none)", value=0.0, key="budget")
        at_most = number("Contact at most (0: no limit)", value=0, key="size")
        holdout = slider("Hold out, %", max_value=50, value=10, key="holdout")
        rest_days = number("Not again within days (0: off)", max_value=3650, value=0, key="rest")
    return Rule(
        segments=tuple(segments),
        least_churn_probability=risk / 100,
        least_revenue=revenue,
        cost=cost,
        rate=rate / 100,
        budget=budget or None,
        at_most=int(at_most) or None,
        holdout_share=holdout / 100,
        only_paying=pays,
        rest_days=int(rest_days),
        excluded=tuple(sorted({line.strip() for line in (out or "").splitlines()} - {""})),
    )


def _nobody(audience: Audience) -> None:
    n = formatting.plural(audience.figures["candidates"], "customer")
    more = ", or leave those in who are not expected to pay" if audience.rule.only_paying else ""
    why = (
        f"{n} match before the limits. "
        f"Choose more segments, a lower threshold or cost, or a larger budget{more}."
    )
    explain("Nobody is in this audience.", why)


def _figures(run: RunView, audience: Audience) -> None:
    figures, money, source = audience.figures, run.currency, audience.figures["uplift_source"]
    drawn = "Drawn at random, not contacted: the comparison"
    saved = "Churn probability x rate, summed over those contacted"
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
    if not figures["held_out"]:
        st.warning(
            "Nobody is held out: this campaign can never be measured.", icon=":material/science:"
        )
    box(run_tables.audience(audience.customers, currency=money))


def _give_away(study: Study, audience: Audience) -> None:
    st.subheader("Give it away")
    if not may_export():
        why = "A reader looks; who gives customers away signs in with a key of the role operator."
        explain("You may not export.", why, "holdfast keys create --role operator")
        return
    st.caption(
        "Every export is recorded with its rule and run; both arms are kept, so that the effect "
        "can be measured."
    )
    forms: dict[Form, str] = {"csv": "CSV", "parquet": "Parquet"}
    for place, (form, name) in zip(st.columns(2), forms.items(), strict=True):
        place.download_button(
            f"Download {name}",
            data=_file(audience, form),
            file_name=f"audience-{audience.rule.fingerprint}.{form}",
            on_click=_export,
            args=(study, audience, form),
            icon=":material/download:",
            key=f"download-{form}",
        )
    if study.webhook is None:
        st.caption("No webhook: the study names none under [webhook].")
    elif st.button("Push to the webhook", icon=":material/send:", key="push"):
        _push(study, audience)


def _push(study: Study, audience: Audience) -> None:
    try:
        n = audiences.push_audience(audience, study.webhook)
    except HoldfastError as error:
        fail(error)
        if accepted := int(str(error.parts.get("accepted", 0))):
            done = audiences.keep_first_contacts(audience, accepted * webhook.BATCH)
            _export(study, done, "webhook", batches=f"{accepted} of {error.parts['batches']}")
        return
    _export(study, audience, "webhook")
    customers = formatting.plural(audience.figures["contacted"], "customer")
    st.success(f"Pushed {customers} in {formatting.plural(n, 'request')}.")


def _file(audience: Audience, form: Form) -> bytes:
    out, facts = BytesIO(), {"rule_id": audience.rule.fingerprint, "run_id": audience.run_id}
    write_audience(audience.customers, out, form=form, facts=facts)
    return out.getvalue()


def _export(study: Study, audience: Audience, how: str, *, batches: str = "") -> None:
    folder, at = Path(study.project_dir), datetime.now(UTC)
    try:
        who = describe_viewer()
        audiences.record_export(audience, folder, at=at, how=how, batches=batches, who=who)
    except HoldfastError as error:
        fail(error)


def _exports(folder: Path) -> None:
    st.subheader("Exports so far")
    entries = audiences.read_exports(folder)
    if not entries:
        explain("Nothing has been exported yet.", "An export appears here with its rule and run.")
        return
    rows = [
        {name: entry[name] for name in ("at", "run_id")}
        | {"how": ", ".join(filter(None, (entry["how"], entry.get("batches"))))}
        | {"rule": _describe_rule(entry["rule"])}
        | {name: entry["figures"][name] for name in ("contacted", "held_out")}
        for entry in entries[:20]
    ]
    caption = f"The latest {len(rows)} of {len(entries)}, from exports.jsonl"
    columns = Col("at", "When"), "how rule", Col("run_id", "Run"), "contacted held_out"
    box(make_table(caption, rows, *columns))


def _describe_rule(rule: dict[str, Any]) -> str:
    terms = f"cost {rule['cost']:g}, rate {rule['rate']:.0%}, held out {rule['holdout_share']:.0%}"
    return f"{', '.join(rule['segments'])}; {terms}"


PAGE = Page("Action centre", "campaign", "actions", _draw)
