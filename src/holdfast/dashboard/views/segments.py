"""Segments: where value meets risk, what each segment holds, its customers, and who moved."""

from pathlib import Path

import polars as pl
import streamlit as st

from holdfast.campaigns.audience import Rule
from holdfast.campaigns.recovery import Campaign, campaigns_of
from holdfast.dashboard.components import (
    Page,
    box,
    choose_order,
    customer_box,
    explain,
    figure,
    plain,
    show_order,
    write_link,
)
from holdfast.dashboard.exporting import is_allowed, make_audience, offer_files
from holdfast.dashboard.filters import as_address, choices, link, read_filters
from holdfast.dashboard.run_view import RunView, read_study
from holdfast.dashboard.score_changes import whole_section
from holdfast.report import charts, formatting, run_tables
from holdfast.report.exports.customer_rows import first_customers
from holdfast.report.table_columns import Col
from holdfast.report.table_format import make_table
from holdfast.serving.breakdown import break_down, list_dimensions
from holdfast.study import AT_RISK_SEGMENTS

_SHOWN, _BEFORE = 25, 10
"""Customers listed of a segment, and before one is chosen."""
_LIST, GROUPS = "who-first", "who-they-are"


def _draw(run: RunView) -> None:
    scores, segments, money = run.scores, run.table("segments"), {"currency": run.currency}
    threshold = run.study.churn.threshold
    with show_order(run):
        _six(run)
        _customers(run)
        st.header("Where value meets risk")
        figure(
            run, "segments", lambda: charts.segment_analysis(segments, **money), to_list=f"#{_LIST}"
        )
        figure(
            run,
            "quadrant",
            lambda: charts.customer_quadrant(scores, segments, **money),
            wide=True,
            to_list=f"#{_LIST}",
        )
        figure(
            run,
            "crowd",
            lambda: charts.value_against_risk(scores, threshold=threshold, **money),
            to_list=f"#{_LIST}",
        )
        figure(run, "bands", lambda: charts.risk_bands(scores, **money), to_list=f"#{_LIST}")
        _breakdown(run)
        _moves(run)
        if not read_filters(run):  # it tells of all customers
            whole_section(run)


def _six(run: RunView) -> None:
    """The segments, each a link to its list."""
    shown = run.table("segments").filter(pl.col("customers") > 0)
    columns = (
        Col("segment"), Col("customers", kind="count"),
        Col("total_ltv", "Expected revenue", "money"), Col("at_stake", "At stake", "money"),
        Col("average_churn_probability", "Mean churn probability", "percent"),
    )  # fmt: skip
    table = make_table("Each segment leads to its list", shown, *columns, currency=run.currency)
    box(table, [link("segments", segment=name) for name in shown["segment"]])
    st.caption(
        "Segments are value tier by risk: At-Risk VIP, Vulnerable and Losing Customer are the "
        "riskiest quarter of their tier, whatever their churn probability. Who is likely to leave "
        "is counted above, over all segments."
    )


def _customers(run: RunView) -> None:
    """Whom to look at first among those shown, and their files."""
    chosen = read_filters(run).segments
    whose = f": {formatting.listing(list(chosen))}" if chosen else ""
    st.header(f"Who first{whose}", anchor=_LIST)
    by = choose_order(run)
    first = first_customers(run.scores, _SHOWN if chosen else _BEFORE, by=by)
    n = formatting.count(run.scores.height)
    customer_box(run, first, f"The first {first.height} of {n}, by {by}")
    if not chosen:
        st.caption("Choose a segment above for its list as a file.")
        return
    _export(run, chosen)


def _export(run: RunView, chosen: tuple[str, ...]) -> None:
    """The files of everybody who is shown, one campaign of its own."""
    if not is_allowed():
        return
    study = read_study()
    terms = campaigns_of(run.study).get(chosen[0]) or campaigns_of(run.study).get(
        AT_RISK_SEGMENTS[0], Campaign(cost=0.0, rate=0.0)
    )
    where = as_address(read_filters(run))
    rule = Rule(
        segments=chosen, cost=terms.cost, rate=terms.rate, of=terms.of, only_paying=False,
        where=where,
    )  # fmt: skip
    audience = make_audience(run, rule, study)
    held = formatting.percent(rule.holdout_share, 0)
    st.caption(
        plain(
            f"{formatting.listing(list(chosen))}: whoever may be contacted and is expected to bring"
            f" anything; {held} are drawn at random and held out, so that the effect can be "
            "measured. Each file is recorded as an export before it leaves."
        )
    )
    offer_files(run, Path(study.project_dir), audience, key="segment")
    write_link(
        link("actions", segments=chosen[0]), "Other terms, a name or a budget: action centre"
    )


def _breakdown(run: RunView) -> None:
    """The customers by what is known of them beside value and risk."""
    names = run.keep("dimensions", lambda: list_dimensions(run.run, run.scores))
    if not names:
        return
    st.header("Who they are", anchor=GROUPS)
    chosen = st.selectbox(
        "Broken down by", names, key="by", bind="query-params", format_func=formatting.feature_title
    )
    by, threshold = chosen or names[0], run.study.churn.threshold
    groups = run.keep(
        ("breakdown", by), lambda: break_down(run.run, run.scores, by, threshold=threshold)
    )
    table = run_tables.breakdown(groups, by=formatting.feature_title(by), currency=run.currency)
    box(table, _group_links(run, by, groups["group"].to_list()))


def _group_links(run: RunView, by: str, groups: list[str]) -> list[str]:
    """From each group to its customers, where it can be filtered by."""
    selectable = choices(run).get(by, [])
    if not set(groups) <= set(selectable):
        return []
    return [link("segments", **{f"in_{by}": group}) for group in groups]


def _moves(run: RunView) -> None:
    st.header("Who moved")
    flows = run.moves
    if flows is None or run.before is None:
        why = "Run the study again when new orders have come in."
        explain("There is no earlier run to compare with.", why, "holdfast run")
        return
    st.caption(
        f"Since {formatting.day(run.before.summary['cutoff_day'])}, run {run.before.run_id}."
    )
    figure(
        run,
        "moves",
        lambda: charts.segment_moves(flows, currency=run.currency),
        wide=True,
        to_list=f"#{_LIST}",
    )


PAGE = Page("Segments", "grid_view", "segments", _draw, filtered=True)
