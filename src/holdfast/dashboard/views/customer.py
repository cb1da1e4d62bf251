"""Customer lookup: one customer among all, and what would change the prediction."""

from functools import partial
from random import choice
from typing import Any

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from holdfast.dashboard.components import (
    Page,
    bullets,
    card,
    cards,
    choose_order,
    explain,
    figure,
    plain,
)
from holdfast.dashboard.live_sections import customer_timeline
from holdfast.dashboard.run_view import RunView
from holdfast.dashboard.score_changes import customer_section
from holdfast.errors import CustomerNotEligible
from holdfast.report import charts, formatting
from holdfast.report.charts.axes import label
from holdfast.report.exports.customer_rows import first_customers
from holdfast.serving.customer_search import (
    explain_absence,
    find_customer,
    find_customers,
    read_rows,
)
from holdfast.serving.day_effects import CustomerDays, strongest_days, tell_days
from holdfast.serving.predict import predict_customer
from holdfast.serving.what_if import (
    Lever,
    find_levers,
    read_customer_features,
    tell_what_stays,
    what_if,
)
from holdfast.tables import REASONS

TYPED, LEVER = "customer", "if_"
_OFFERED, _SHOWN_DAYS = 8, 5
_EFFECTS = (
    pl.col("date").str.to_date().cast(pl.Int32).alias("day"), pl.col("against_usual"),
)  # fmt: skip


def _draw(run: RunView) -> None:
    typed = st.text_input(
        "Customer",
        key=TYPED,
        bind="query-params",
        live="200ms",
        on_change=_forget,
        icon=":material/search:",
        placeholder="Type the beginning or any part of a customer's name",
        max_chars=200,
    )
    st.button("Random customer", icon=":material/casino:", on_click=_pick_any, args=(run,))
    customer = find_customer(run.scores, typed or "")
    if customer is None:
        _choose(run, typed or "")
    else:
        _customer(run, customer)


def _choose(run: RunView, typed: str) -> None:
    """Those whom the typed letters may mean, one click away."""
    by = "" if typed else choose_order(run)
    matches = (
        find_customers(run.scores, typed) if typed else first_customers(run.scores, _OFFERED, by=by)
    )
    absence = explain_absence(run.run, run.study, run.scores, typed) if typed else None
    if isinstance(absence, CustomerNotEligible):
        explain("This customer has no prediction.", f"{absence}.")
        return
    if matches.is_empty():
        customers = formatting.plural(run.scores.height, "customer")
        near = f" ({absence.fix})" if absence else ""
        why = f"None of {customers} has '{typed}'{near}. Type the beginning of a name."
        explain("No customer matches.", why)
        return
    st.caption("Those who match" if typed else f"To begin with: the first by {by}")
    for row in matches.iter_rows(named=True):
        text = _describe_match(row, run.currency if run.report.knows_value else "")
        name = row["customer_id"]
        st.button(plain(text), key=f"pick-{name}", on_click=_pick, args=(name,), width="stretch")


def _describe_match(row: dict[str, Any], currency: str) -> str:
    """A customer in a line: what is at stake and how likely it is to be lost."""
    risk = formatting.percent(row["churn_probability"], 0)
    stake = f"{formatting.money(row['at_stake'], currency)} at stake, " if currency else ""
    return f"{row['customer_id']}: {row['segment']}, {stake}churn probability {risk}"


def _pick(customer_id: str) -> None:
    st.session_state[TYPED] = customer_id
    _forget()


def _pick_any(run: RunView) -> None:
    """Any of those whom the filter leaves."""
    _pick(choice(run.scores["customer_id"]))


def _forget() -> None:
    """Another customer has other features to change."""
    for key in [key for key in st.session_state if str(key).startswith(LEVER)]:
        del st.session_state[key]


def _customer(run: RunView, customer: dict[str, Any]) -> None:
    name, risk = customer["customer_id"], customer["churn_probability"]
    answer = predict_customer(run.run, name)
    cards(*_cards(customer, answer, run.currency))
    st.caption(f"Evidence, {answer['evidence']}.")
    reasons = pl.DataFrame(answer["reasons"], schema=REASONS.schema)
    base_rate = run.keep(
        "base rate", lambda: float(run.scores["churn_probability"].to_numpy().mean())
    )
    left, right = st.columns(2)
    with left:
        figure(run, "gauge", lambda: charts.risk_gauge(risk, base_rate=base_rate), keep=False)
        _actions(answer)
    with right:
        _reasons(run, reasons, "churn")
    left, right = st.columns(2)
    with right:
        _reasons(run, reasons, "value")
    features = read_customer_features(run.run, name)
    with left:
        _profile(run, features, customer["segment"])
    days = tell_days(run.run, name)
    left, right = st.columns(2)
    with left:
        _horizons(run, name)
    with right:
        _purchases(run, customer, days)
    _days(days)
    customer_section(run, name)
    customer_timeline(run, name)
    _what_if(run, features, customer)


def _cards(customer: dict[str, Any], answer: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    names = ("expected_revenue", "revenue_low_80", "revenue_high_80")
    worth, low, high = (formatting.money(customer.get(name), currency) for name in names)
    missing, level = answer.get("ltv_not_estimated"), customer.get("evidence_level")
    interval = f"80% interval: {low} to {high}" if formatting.NONE not in (low, high) else None
    risk, rank = formatting.percent(customer["churn_probability"]), 100 * answer["risk_rank"]
    place = f"Riskier than {formatting.count(rank)} of 100 customers of the same value tier"
    lost = "What keeping the customer for certain would add"
    at_stake = card("Revenue at stake", formatting.money(customer["at_stake"], currency), lost)
    stake = [] if missing else [at_stake]
    return [
        card(
            "Churn probability", risk, level and f"Evidence on this customer: {level}", below=place
        ),
        card("Expected revenue", "not estimated" if missing else worth, interval or missing),
        card("Segment", customer["segment"]),
        *stake,
    ]


def _actions(answer: dict[str, Any]) -> None:
    none = f"The study names no action for {answer['segment']}: write one under [actions]."
    with st.container(border=True, height="stretch"):
        bullets(answer["actions"] or [none], "What to do")


def _reasons(run: RunView, reasons: pl.DataFrame, task: str) -> None:
    shown = reasons.filter(task=task)
    if shown.height:
        bars = partial(charts.reason_bars, shown, task=task)
        figure(run, f"reasons-{task}", bars, keep=False)


def _profile(run: RunView, features: dict[str, Any], segment: str) -> None:
    beside = run.profiles.compare(features, segment)
    figure(run, "radar", partial(charts.profile_radar, beside, segment=segment), keep=False)


def _horizons(run: RunView, name: str) -> None:
    horizons = read_rows(run.run, "horizons", name)
    if horizons is None or horizons.is_empty():
        old = "This run is older than that table"
        why = "A snapshot does not say when customers buy" if run.is_snapshot else old
        explain("No value by horizon.", f"{why}: a new run of an order log shows it.")
        return
    points = partial(charts.value_by_horizon, horizons, currency=run.currency)
    figure(run, "horizons", points, keep=False)


def _purchases(run: RunView, customer: dict[str, Any], told: CustomerDays) -> None:
    """The latest purchases, and when the next is expected; where a network reads the days, what
    each of them adds.
    """
    purchases = read_rows(run.run, "purchases", customer["customer_id"])
    if purchases is None or purchases.is_empty():
        why = "A snapshot holds none" if run.is_snapshot else "This run is older than that table"
        explain("No purchases.", f"{why}: a new run of an order log shows the latest.")
        return
    days = (customer["cutoff_day"], customer.get("next_purchase_day"))
    line = partial(charts.order_timeline, purchases)
    if told.days:
        line = partial(charts.day_timeline, purchases, pl.DataFrame(told.days).select(_EFFECTS))
    timeline = partial(line, *days, currency=run.currency)
    figure(run, "timeline", timeline, keep=False)


def _days(told: CustomerDays) -> None:
    """The days that say most to the network, where the pool has one."""
    if lines := strongest_days(told, at_most=_SHOWN_DAYS):
        with st.container(border=True):
            bullets(lines, "The days that count, each beside the customer's usual day")


def _what_if(run: RunView, features: dict[str, Any], customer: dict[str, Any]) -> None:
    """Sliders over the strongest features; the run's own models answer."""
    st.header("What if")
    levers = find_levers(run.study, run.profiles, features)
    if not levers:
        explain("Nothing to change.", "None of the strongest features is a number that varies.")
        return
    st.caption("Everything else stays as it is: no real customer may have such a combination.")
    if (stays := tell_what_stays(run.run)) is not None:
        st.caption(f"{stays}.")
    values = {
        lever: _slider(place, lever)
        for place, lever in zip(st.columns(len(levers)), levers, strict=True)
    }
    changes = {lever.feature: value for lever, value in values.items() if value != _start(lever)}
    cards(*_what_if_cards(customer, what_if(run.run, features, changes), run.currency))
    same = "; nothing is changed yet, so these are the figures of the run."
    st.caption("Scored now by the run's models" + ("." if changes else same))


def _slider(place: DeltaGenerator, lever: Lever) -> float:
    start = _start(lever)
    is_whole = all(number % 1 == 0 for number in (lever.step, lever.low, start))
    text = label(lever.feature) + ("" if lever.value is not None else " (now unknown)")
    moved: float = place.slider(
        text,
        lever.low,
        lever.high,
        start,
        lever.step,
        format="%.0f" if is_whole else "%.2f",
        key=LEVER + lever.feature,
        bind="query-params",
    )
    return moved


def _start(lever: Lever) -> float:
    return lever.value if lever.value is not None else lever.low


def _what_if_cards(
    customer: dict[str, Any], after: dict[str, Any], money: str
) -> list[dict[str, Any]]:
    churn, value = after["churn_probability"], after["predicted_ltv"]
    change = churn - customer["churn_probability"]
    moved = {"delta": f"{100 * change:+.1f} points", "delta_color": "inverse"}
    shown = [
        card(
            "Churn probability, what if",
            formatting.percent(churn),
            **(moved if abs(change) >= 0.0005 else {}),
        )
    ]
    if value is not None:
        change = value - customer["expected_revenue"]
        delta = {"delta": f"{change:+,.2f}"} if abs(change) >= 0.005 else {}
        shown.append(card("Expected revenue, what if", formatting.money(value, money), **delta))
    return [*shown, card("Segment, what if", after["segment"])]


PAGE = Page("Customer lookup", "person_search", "customer", _draw, filtered=True)
