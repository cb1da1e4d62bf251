"""Customer lookup: one customer among all, and what would change the prediction."""

from typing import Any

import polars as pl
import streamlit as st

from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
from holdfast.errors import HoldfastError
from holdfast.report import charts, formatting, run_tables
from holdfast.report.charts.axes import label
from holdfast.serving import customer_search
from holdfast.serving.predict import predict_customer
from holdfast.serving.what_if import Lever, find_levers, read_customer_features, what_if
from holdfast.tables import REASONS

TYPED, LEVER = "customer", "if_"


def show() -> None:
    """Draw the page."""
    _, run = components.start("Customer lookup")
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
    known = customer_search.find_customer(run.scores, typed or "")
    if known is None:
        _choose(run, typed or "")
    else:
        _customer(run, known)


def _choose(run: Opened, typed: str) -> None:
    """Those whom the typed letters may mean, one click away."""
    found = (
        customer_search.find_customers(run.scores, typed)
        if typed
        else run.report.scores.top_k(8, by="risk_score")
    )
    if found.is_empty():
        fix = (
            "Type the beginning of a name, or check whether the customer was eligible "
            "(churn.eligible in the study)."
        )
        components.nothing(
            "No customer matches.",
            f"None of {formatting.plural(run.scores.height, 'customer')} has '{typed}'. {fix}",
        )
        return
    st.caption("Those who match" if typed else "The riskiest customers, to begin with")
    for row in found.iter_rows(named=True):
        told = (
            f"{row['customer_id']}: {row['segment']}, "
            f"{formatting.percent(row['churn_probability'], 0)} risk"
        )
        st.button(
            components.plain(told),
            key=f"pick-{row['customer_id']}",
            on_click=_pick,
            args=(row["customer_id"],),
            width="stretch",
        )


def _pick(customer_id: str) -> None:
    st.session_state[TYPED] = customer_id
    _forget()


def _forget() -> None:
    """Another customer has other features to change."""
    for key in [key for key in st.session_state if str(key).startswith(LEVER)]:
        del st.session_state[key]


def _customer(run: Opened, known: dict[str, Any]) -> None:
    name, money = known["customer_id"], run.currency
    answer = predict_customer(run.run, name)
    components.cards(_cards(known, answer, money))
    st.caption(f"Evidence, {answer['evidence']}.")
    told = pl.DataFrame(answer["reasons"], schema=REASONS.schema)
    base = float(run.kept("base rate", lambda: run.scores["churn_probability"].mean()))
    risk, why = st.columns(2)
    with risk:
        components.figure(
            run,
            "gauge",
            lambda: charts.risk_gauge(known["churn_probability"], base_rate=base),
            keep=False,
        )
        _actions(answer)
    with why:
        _reason(run, told.filter(pl.col("task") == "churn"), "churn")
    profile, worth = st.columns(2)
    with worth:
        _reason(run, told.filter(pl.col("task") == "value"), "value")
    try:
        features = read_customer_features(run.run, name)
    except HoldfastError as error:
        components.failed(error)
        return
    with profile:
        _profile(run, features, known)
    _future(run, known)
    _what_if(run, features, known)


def _cards(known: dict[str, Any], answer: dict[str, Any], money: str) -> list[dict[str, Any]]:
    unknown = answer.get("ltv_not_estimated")
    worth = "not estimated" if unknown else formatting.money(known["expected_revenue"], money)
    found = [
        {"label": "Churn probability", "value": formatting.percent(known["churn_probability"])},
        {"label": "Expected revenue", "value": worth, **({"help": unknown} if unknown else {})},
        {"label": "Segment", "value": known["segment"]},
        {
            "label": "Risk rank in its tier",
            "value": f"{formatting.count(100 * answer['risk_rank'])} of 100",
        },
    ]
    low, high = known.get("revenue_low_80"), known.get("revenue_high_80")
    if low is not None and high is not None:
        found[1]["help"] = (
            f"80% interval: {formatting.money(low, money)} to {formatting.money(high, money)}"
        )
    if known.get("evidence_level"):
        found[0]["help"] = f"Evidence on this customer: {known['evidence_level']}"
    return found


def _actions(answer: dict[str, Any]) -> None:
    with st.container(border=True, height="stretch"):
        st.markdown("**What to do**")
        told = answer["actions"] or [
            f"The study names no action for {answer['segment']}: write one under [actions]."
        ]
        st.markdown("".join(f"\n- {components.plain(action)}" for action in told))


def _reason(run: Opened, mine: pl.DataFrame, task: str) -> None:
    if mine.height:
        components.figure(
            run,
            f"reasons-{task}",
            lambda: charts.reason_bars(mine, task=task),
            lambda: run_tables.reasons(mine),
            keep=False,
        )


def _profile(run: Opened, features: dict[str, Any], known: dict[str, Any]) -> None:
    beside = run.profiles.compare(features, known["segment"])
    components.figure(
        run,
        "radar",
        lambda: charts.profile_radar(beside, segment=known["segment"]),
        lambda: run_tables.profile(beside),
        keep=False,
    )


def _future(run: Opened, known: dict[str, Any]) -> None:
    """Value at every horizon, and when the next order is expected."""
    money, name = run.currency, known["customer_id"]
    left, right = st.columns(2)
    with left:
        horizons = customer_search.read_rows(run.run, "horizons", name)
        if horizons is None or horizons.is_empty():
            why = (
                "A snapshot says nothing of when"
                if run.is_snapshot
                else "This run is older than that table"
            )
            components.nothing(
                "No value by horizon.", f"{why}: a new run of an order log shows it."
            )
        else:
            components.figure(
                run,
                "horizons",
                lambda: charts.value_by_horizon(horizons, currency=money),
                lambda: run_tables.horizons(horizons, currency=money),
                keep=False,
            )
    with right:
        bought = customer_search.read_rows(run.run, "purchases", name)
        if bought is None or bought.is_empty():
            why = (
                "A snapshot holds none" if run.is_snapshot else "This run is older than that table"
            )
            components.nothing(
                "No purchases.", f"{why}: a new run of an order log shows the latest."
            )
            return
        coming = known.get("next_purchase_day")
        components.figure(
            run,
            "timeline",
            lambda: charts.order_timeline(
                bought, cutoff_day=known["cutoff_day"], next_day=coming, currency=money
            ),
            lambda: run_tables.purchases(bought, currency=money),
            keep=False,
        )


def _what_if(run: Opened, features: dict[str, Any], known: dict[str, Any]) -> None:
    """Sliders over the strongest features; the run's own models answer."""
    st.subheader("What if")
    found = find_levers(run.study, run.profiles, features)
    if not found:
        components.nothing(
            "Nothing to change.", "None of the strongest features is a number that varies."
        )
        return
    st.caption("Everything else stays as it is, so a combination may be one that no customer has.")
    changes = {}
    for place, lever in zip(st.columns(len(found)), found, strict=True):
        moved = place.slider(
            label(lever.feature) + ("" if lever.value is not None else " (now unknown)"),
            lever.low,
            lever.high,
            _start(lever),
            lever.step,
            format="%.0f"
            if (lever.step % 1, lever.low % 1, _start(lever) % 1) == (0, 0, 0)
            else "%.2f",
            key=LEVER + lever.feature,
            bind="query-params",
        )
        if moved != _start(lever):
            changes[lever.feature] = moved
    try:
        after = what_if(run.run, features, changes)
    except HoldfastError as error:
        components.failed(error)
        return
    components.cards(_changed(known, after, run.currency))
    st.caption(
        "Scored now by the run's models"
        + ("." if changes else "; nothing is changed yet, so these are the published figures.")
    )


def _start(lever: Lever) -> float:
    return lever.value if lever.value is not None else lever.low


def _changed(known: dict[str, Any], after: dict[str, Any], money: str) -> list[dict[str, Any]]:
    risk = after["churn_probability"] - known["churn_probability"]
    churn = {
        "label": "Churn probability, what if",
        "value": formatting.percent(after["churn_probability"]),
    }
    if abs(risk) >= 0.0005:
        churn |= {"delta": f"{100 * risk:+.1f} points", "delta_color": "inverse"}
    segment = {"label": "Segment, what if", "value": after["segment"]}
    if after["predicted_ltv"] is None:
        return [churn, segment]
    value = after["predicted_ltv"] - known["expected_revenue"]
    worth = {
        "label": "Expected revenue, what if",
        "value": formatting.money(after["predicted_ltv"], money),
    }
    if abs(value) >= 0.005:
        worth |= {"delta": f"{value:+,.2f}"}
    return [churn, worth, segment]
