"""Overview: how the business stands, how that has changed, what to do now, and how far to trust
it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import Any

import streamlit as st

from holdfast.dashboard.components import (
    Page,
    box,
    bullets,
    card,
    cards,
    choose_order,
    customer_box,
    figure,
    plain,
    write_link,
)
from holdfast.dashboard.filters import link, read_filters
from holdfast.dashboard.live_sections import overview_line
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.decisions.campaign_story import CampaignStory, name_unread, tell_campaigns
from holdfast.decisions.next_steps import STALE_DAYS, NextStep, next_steps
from holdfast.evaluation.totals import range_of
from holdfast.report import charts, formatting, plan_tables
from holdfast.report.exports.customer_rows import first_customers
from holdfast.report.render import Chart
from holdfast.report.summary import lead, top_reasons
from holdfast.windows import date_of, day_of

_SHOWN, _CAMPAIGNS = 10, 3


def _draw(run: RunView) -> None:
    _alerts(run)
    with st.container(key="lead"):
        st.markdown(plain(lead(run.report)))
    cards(*_cards(run))
    if not _is_stale(run):
        st.caption(plain(_describe_age(run)))
    overview_line(run)
    _next_steps(run)
    st.header("Who first")
    by = choose_order(run)
    first = first_customers(run.scores, _SHOWN, by=by)
    customer_box(run, first, f"The first {first.height} of {_n(run)}, by {by}")
    write_link(link("segments"), "The whole list, by segment")
    _campaigns(run)
    for task in top_reasons(run.report):
        bullets(task["sentences"], task["name"])
    _charts(run)


def _n(run: RunView) -> str:
    return formatting.count(run.scores.height)


def _charts(run: RunView) -> None:
    figures = _figures(run)
    st.header("How value and risk are spread")
    if run.report.knows_value:
        for place, name in zip(st.columns(2), ("revenue", "violins"), strict=True):
            with place:
                to = link("segments", order="expected revenue" if name == "revenue" else None)
                figure(run, name, figures[name], to_list=to)
    figure(run, "cutoffs", figures["cutoffs"], to_list=link("segments", order="risk"))


def prepare(run: RunView) -> None:
    """Make what this page shows, before anybody looks."""
    _cards(run)
    run.describe(first_customers(run.scores, _SHOWN))
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


def _cards(run: RunView) -> list[dict[str, Any]]:
    """The headline figures, each with its range and what changed since the run before."""
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
    narrowed = bool(read_filters(run))
    return [
        card(
            label,
            write(value),
            below=_share_of_all(run, name) if narrowed else _range(run, name),
            **({} if narrowed else _change(run.trail[name].drop_nulls().to_list(), name, write)),
        )
        for name, (label, write) in figures.items()
        if (value := run.summary.get(name)) is not None
    ]


def _range(run: RunView, name: str) -> str:
    """Between what the figure may come out."""
    if name == "customers":
        leaving = round(run.summary["share_at_risk"] * run.summary[name])
        return f"{formatting.count(leaving)} of them likely to leave"
    if name == "share_at_risk":
        error = (run.summary.get("churn") or {}).get("past_error")
        return formatting.capital(formatting.past_error(error))
    low, high = range_of(run.summary[name], run.table("evidence"))
    ends = f"{formatting.money(low, run.currency)} to {formatting.money(high, run.currency)}"
    return f"{ends} in four cases of five"


def _share_of_all(run: RunView, name: str) -> str:
    """What the filtered customers are of all."""
    whole = run.run.summary.get(name)
    if not whole:
        return ""
    if name == "share_at_risk":
        return f"{formatting.percent(whole)} of all customers"
    return f"{formatting.percent(run.summary[name] / whole)} of all"


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
        "chart_data": values if len(set(values)) > 1 else None,
    }


def _today() -> int:
    return day_of(datetime.now(UTC).date())


def _age_days(run: RunView) -> int:
    """Of the last day that the run has seen."""
    return max(0, _today() - int(run.summary["cutoff_day"]) + 1)


def _is_stale(run: RunView) -> bool:
    return _age_days(run) > STALE_DAYS


def _describe_age(run: RunView) -> str:
    """How old data and model are."""
    made = date_of(day_of(datetime.fromisoformat(run.summary["created_at"]).date()))
    days = formatting.plural(_age_days(run), "day")
    last = formatting.day(run.summary["cutoff_day"] - 1)
    return (
        f"The data ends {days} ago, on {last}. Run made and models learnt on "
        f"{formatting.day(day_of(made))}."
    )


def _alerts(run: RunView) -> None:
    """What has happened that cannot wait; nothing where nothing has."""
    if _is_stale(run):
        fix = "Load the latest orders and run again before acting on who is at risk today."
        st.warning(plain(f"{_describe_age(run)} {fix}"), icon=":material/schedule:")


def _stories(run: RunView) -> Sequence[CampaignStory]:
    return tell_campaigns(read_study(), run.run, run.table("campaigns"))


def _next_steps(run: RunView) -> None:
    unread = name_unread(_stories(run), today=_today())
    steps = next_steps(run.run.summary, age_days=_age_days(run), unread=unread)
    if not steps:
        return
    st.header(f"{('One thing', 'Two things', 'Three things')[len(steps) - 1]} to do now")
    st.html(f'<ol class="hf-steps">{"".join(map(_step, steps))}</ol>')


def _step(step: NextStep) -> str:
    where = escape(link(step.page))
    return f'<li><a href="{where}">{escape(step.what)}</a><br>{escape(step.why)}</li>'


def _campaigns(run: RunView) -> None:
    """What the latest campaigns did."""
    campaigns = run.table("campaigns")
    if campaigns.is_empty():
        return
    st.header("What campaigns did")
    st.markdown(plain(plan_tables.results_sentence(campaigns, currency=run.currency)))
    latest = campaigns.sort("day", "campaign", descending=[True, False]).head(_CAMPAIGNS)
    links = [link("campaigns", campaign=name) for name in latest["campaign"]]
    box(plan_tables.results(latest, currency=run.currency), links)


PAGE = Page("Overview", "dashboard", "", _draw, filtered=True)
