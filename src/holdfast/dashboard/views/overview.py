"""Overview: how the business stands, how that has changed, and how far to trust it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import streamlit as st

from holdfast.dashboard.components import Page, box, bullets, card, cards, figure, plain
from holdfast.dashboard.run_view import RunView
from holdfast.evaluation.totals import range_of
from holdfast.report import charts, formatting, run_tables
from holdfast.report.render import Chart
from holdfast.report.summary import lead, top_reasons
from holdfast.report.table_format import Table
from holdfast.windows import date_of, day_of

STALE_DAYS = 31


def _draw(run: RunView) -> None:
    st.markdown(f"#### {plain(lead(run.report))}")
    cards(*_cards(run))
    _freshness(run)
    figures = _figures(run)
    if run.report.knows_value:
        _at_stake(run)
        for place, name in zip(st.columns(2), ("revenue", "violins"), strict=True):
            with place:
                figure(run, name, figures[name])
    figure(run, "cutoffs", figures["cutoffs"])
    st.subheader("Why, and who first")
    for task in top_reasons(run.report):
        bullets(task["sentences"], task["name"])
    box(_riskiest(run))


def prepare(run: RunView) -> None:
    """Make what this page shows, before anybody looks."""
    _cards(run)
    _riskiest(run)
    for name, make in _figures(run).items():
        run.keep(("chart", name), make)


def _figures(run: RunView) -> Mapping[str, Callable[[], Chart]]:
    scores, money = run.scores, {"currency": run.currency}
    cutoffs = {"cutoffs": partial(charts.churn_at_cutoffs, run.table("predictions"))}
    if not run.report.knows_value:
        return cutoffs
    return cutoffs | {
        "revenue": partial(charts.revenue_distribution, scores, **money),
        "violins": partial(charts.value_by_segment, scores, **money),
    }


def _riskiest(run: RunView) -> Table:
    return run.keep("riskiest", lambda: run_tables.who_first(run.report, 10))


def _cards(run: RunView) -> list[dict[str, Any]]:
    money = partial(formatting.money, currency=run.currency)
    figures: dict[str, tuple[str, Callable[[float], str]]] = {
        "customers": ("Customers", formatting.count),
        "share_at_risk": ("Likely to leave", formatting.percent),
    }
    if run.report.knows_value:
        figures |= {
            "expected_revenue": ("Expected revenue", money),
            "at_stake": ("Revenue at stake", money),
        }
    return [
        card(label, write(values[-1]), **_change(values, name, write))
        for name, (label, write) in figures.items()
        if (values := run.trail[name].drop_nulls().to_list()) and run.trail[name][-1] is not None
    ]


def _change(values: list[float], name: str, write: Callable[[float], str]) -> dict[str, Any]:
    """How the figure has changed since the run before."""
    if len(values) < 2:
        return {}
    change = values[-1] - values[-2]
    text = f"{'+' if change >= 0 else ''}{write(change)}"
    if name == "share_at_risk":
        text = f"{100 * change:+.1f} points"
    if not any(digit in text for digit in "123456789"):
        change, text = 0.0, "no change"
    # More at risk is bad: the arrow says the direction, the colour only repeats it.
    colour = "inverse" if name in ("share_at_risk", "at_stake") else "normal"
    return {
        "delta": text.replace(formatting.MINUS, "-"),
        "delta_color": "off" if change == 0 else colour,
        "delta_arrow": "off" if change == 0 else "auto",
        "delta_description": "since the run before",
        "chart_data": values,
    }


def _freshness(run: RunView) -> None:
    """How old data and model are, and what to do where they are old."""
    cutoff_day = run.summary["cutoff_day"]
    created_at = datetime.fromisoformat(run.summary["created_at"])
    age = max(0, (datetime.now(UTC).date() - date_of(cutoff_day)).days)
    data = f"Data up to {formatting.day(cutoff_day - 1)}, {formatting.plural(age, 'day')} old."
    text = f"{data} Models learnt on {formatting.day(day_of(created_at.date()))}."
    if age > STALE_DAYS:
        fix = "Load the latest orders and run again before acting on who is at risk today."
        st.warning(f"{text} {fix}", icon=":material/schedule:")
    else:
        st.caption(text)


def _at_stake(run: RunView) -> None:
    """The revenue at stake with the range that past totals give it; an older run has none."""
    if (amount := run.summary.get("at_stake")) is None:
        return
    text = formatting.total_range(*range_of(amount, run.table("evidence")), run.currency)
    st.markdown(
        f"**Revenue at stake: {plain(formatting.money(amount, run.currency))}.** {plain(text)}"
    )


PAGE = Page("Overview", "dashboard", "", _draw)
