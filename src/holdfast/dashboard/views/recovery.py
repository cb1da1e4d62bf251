"""Revenue recovery: what campaigns would cost and bring, with the assumptions in the
reader's hand.
"""

import polars as pl
import streamlit as st

from holdfast.campaigns.recovery import (
    Campaign,
    add_up,
    campaigns_of,
    explain_range,
    simulate_recovery,
)
from holdfast.dashboard import components
from holdfast.dashboard.run_view import Opened
from holdfast.report import charts, formatting, run_tables


def show() -> None:
    """Draw the page."""
    _, run = components.start("Revenue recovery")
    study = run.study
    assumed = campaigns_of(study)
    if not run.report.knows_value:
        components.nothing(
            "Nothing can be recovered.",
            "This run knows no value: set snapshot.labels.value in the study and run again.",
        )
        return
    if not assumed:
        components.nothing(
            "The study has no [recovery].",
            "Give a cost and a rate for an at-risk segment, then run again.",
        )
        return
    st.markdown(
        "Rates are **assumed** until an experiment measures them: change them and see from where "
        "on a campaign pays. "
        "Hold customers out in the action centre, and the next runs can measure."
    )
    chosen = _sliders(run, assumed)
    plan = simulate_recovery(
        run.table("segments"), chosen, run.table("evidence"), margin_rate=study.value.margin_rate
    )
    _totals(run, plan)
    components.figure(
        run,
        "net",
        lambda: charts.net_by_rate(plan, currency=run.currency),
        lambda: run_tables.recovery(plan, currency=run.currency),
        keep=False,
    )
    components.figure(
        run,
        "amounts",
        lambda: charts.revenue_recovery(plan, currency=run.currency),
        lambda: run_tables.recovery(plan, currency=run.currency),
        keep=False,
    )


def _sliders(run: Opened, assumed: dict[str, Campaign]) -> dict[str, Campaign]:
    chosen = {}
    for place, (name, campaign) in zip(st.columns(len(assumed)), assumed.items(), strict=True):
        slug = name.lower().replace(" ", "_")
        most = max(100.0, 2 * campaign.cost)
        with place.container(border=True):
            st.markdown(f"**{name}**")
            cost = st.slider(
                f"Cost per customer, {run.currency}",
                0.0,
                most,
                campaign.cost,
                0.5,
                key=f"cost_{slug}",
                bind="query-params",
            )
            rate = st.slider(
                "Rate recovered, %",
                0,
                100,
                round(100 * campaign.rate),
                key=f"rate_{slug}",
                bind="query-params",
            )
            reach = st.slider(
                "Reach, % of the segment", 0, 100, 100, key=f"reach_{slug}", bind="query-params"
            )
        chosen[name] = Campaign(cost=cost, rate=rate / 100, reach=reach / 100)
    return chosen


def _totals(run: Opened, plan: pl.DataFrame) -> None:
    """The sum of the campaigns, stamped with where the rates come from."""
    found, money = add_up(plan), run.currency
    source = formatting.listing(sorted(plan["uplift_source"].unique().to_list()))
    roi = found["roi_percent"]
    components.cards(
        [
            {"label": f"Invested ({source})", "value": formatting.money(found["invested"], money)},
            {
                "label": f"Recovered ({source})",
                "value": formatting.money(found["recovered"], money),
            },
            {"label": f"Net ({source})", "value": formatting.money(found["net"], money)},
            {
                "label": f"ROI ({source})",
                "value": formatting.percent(None if roi is None else roi / 100, 0),
            },
        ]
    )
    low, high = (formatting.money(found[name], money) for name in ("net_low", "net_high"))
    text = f"Net between {low} and {high}: {explain_range(run.table('evidence'))}."
    st.caption(text.replace("$", r"\$"))
