"""Overview: how the business stands, how that has changed, and how far to trust it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
from holdfast.evaluation.totals import range_of
from holdfast.report import charts, formatting, run_tables
from holdfast.report.render import Chart
from holdfast.report.summary import lead, top_reasons
from holdfast.report.table_format import Table
from holdfast.windows import date_of, day_of

STALE_DAYS = 31


def show() -> None:
    """Draw the page."""
    _, run = components.start("Overview")
    report = run.report
    st.markdown(f"#### {lead(report)}".replace("$", r"\$"))
    components.cards(_cards(run))
    _freshness(run)
    figures = _figures(run)
    if report.knows_value:
        _revenue_at_risk(run)
        left, right = st.columns(2)
        with left:
            components.figure(run, "revenue", *figures["revenue"])
        with right:
            components.figure(run, "violins", *figures["violins"])
    components.figure(run, "cutoffs", *figures["cutoffs"])
    st.subheader("Why, and who first")
    for told in top_reasons(report):
        st.markdown(
            f"**{told['name']}**\n" + "".join(f"\n- {sentence}" for sentence in told["sentences"])
        )
    with st.container(border=True):
        components.listing(_riskiest(run))


def prepare(run: Opened) -> None:
    """Make what this page shows, before anybody looks."""
    _cards(run)
    _riskiest(run)
    for name, (make, table) in _figures(run).items():
        components.prepare(run, name, make, table)


def _figures(
    run: Opened,
) -> dict[str, tuple[Callable[[], Chart], Callable[[], Table]]]:
    money = run.currency
    found = {
        "cutoffs": (
            lambda: charts.churn_at_cutoffs(run.table("predictions")),
            lambda: run_tables.churn_by_cutoff(run.table("predictions")),
        )
    }
    if run.report.knows_value:
        found["revenue"] = (
            lambda: charts.revenue_distribution(run.scores, currency=money),
            lambda: run_tables.revenue_bins(run.scores, currency=money),
        )
        found["violins"] = (
            lambda: charts.value_by_segment(run.scores, currency=money),
            lambda: run_tables.value_quartiles(run.scores, currency=money),
        )
    return found


def _riskiest(run: Opened) -> Table:
    table: Table = run.kept("riskiest", lambda: run_tables.riskiest(run.report, 10))
    return table


def _cards(run: Opened) -> list[dict[str, Any]]:
    trail, money = run.trail, run.currency
    told = {
        "customers": ("Customers", formatting.count),
        "share_at_risk": ("Likely to leave", formatting.percent),
        "expected_revenue": ("Expected revenue", lambda value: formatting.money(value, money)),
        "revenue_at_risk": ("Revenue at risk", lambda value: formatting.money(value, money)),
    }
    if not run.report.knows_value:
        told = {name: told[name] for name in ("customers", "share_at_risk")}
    return [
        _card(trail[name].to_list(), label, write, name) for name, (label, write) in told.items()
    ]


def _card(values: list[float], label: str, write: Any, name: str) -> dict[str, Any]:
    card: dict[str, Any] = {"label": label, "value": write(values[-1])}
    if len(values) > 1:
        change = values[-1] - values[-2]
        said = (
            f"{100 * change:+.1f} points"
            if name == "share_at_risk"
            else f"{'+' if change >= 0 else ''}{write(change)}"
        )
        if not any(digit in said for digit in "123456789"):
            change, said = 0.0, "no change"
        # More at risk is bad: the arrow says the direction, the colour only repeats it.
        card |= {
            "delta": said.replace(formatting.MINUS, "-"),
            "delta_color": "off" if change == 0 else "inverse" if "risk" in name else "normal",
            "delta_arrow": "off" if change == 0 else "auto",
            "delta_description": "since the run before",
            "chart_data": values,
        }
    return card


def _freshness(run: Opened) -> None:
    """How old data and model are, and what to do where they are old."""
    summary = run.run.summary
    as_of = date_of(summary["cutoff_day"])
    age = (datetime.now(UTC).date() - as_of).days
    made = formatting.day(day_of(datetime.fromisoformat(summary["created_at"]).date()))
    old = formatting.plural(max(age, 0), "day")
    said = (
        f"Data up to {formatting.day(summary['cutoff_day'] - 1)}, {old} old. Models learnt on "
        f"{made}."
    )
    if age > STALE_DAYS:
        st.warning(
            f"{said} Load the latest orders and run again before acting on who is at risk today.",
            icon=":material/schedule:",
        )
    else:
        st.caption(said)


def _revenue_at_risk(run: Opened) -> None:
    """The revenue at risk with the range that past totals give it."""
    summary, money = run.run.summary, run.currency
    held = summary["revenue_at_risk"]
    found = range_of(held, run.table("evidence"))
    if found is None:
        said = (
            "No range: nothing could be proved on later time, so nobody knows how far such a sum "
            "is off."
        )
    else:
        said = (
            f"{formatting.ranged(held, found.low, found.high, money)} 95% intervals are included."
        )
    st.markdown(f"**Revenue at risk: {formatting.money(held, money)}.** {said}".replace("$", r"\$"))
