"""What pages are made of: a head, charts with words and table, figures, lists, empty states."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from holdfast.dashboard.chart_layout import rows_of_panels
from holdfast.dashboard.filters import describe, link, read_filters
from holdfast.dashboard.run_view import PUBLISHED, RunView, open_registry, open_run
from holdfast.errors import HoldfastError
from holdfast.report import formatting
from holdfast.report.customer_tables import customer_list
from holdfast.report.exports.customer_rows import ORDERS
from holdfast.report.pages import to_html
from holdfast.report.render import Chart, Options
from holdfast.report.summary import order_warning, stamps
from holdfast.report.table_format import Table
from holdfast.report.theme import in_dark

_NARROW = 320
"""A chart that is no wider keeps its width: it fits a phone, and its shape means something."""
_CARDS = 4
"""Headline figures that a row has room for."""
_ROW_NAME = re.compile(r'(<th scope="row"[^>]*>)(<bdi>.*?</bdi>)', re.DOTALL)
_STYLE = Path(__file__).with_name("style.css")
_LINKS = f"<script>{Path(__file__).with_name('links.js').read_text(encoding='utf-8')}</script>"


@dataclass(frozen=True)
class Page:
    """A page: what the address and the menu call it, and how a run is drawn on it.

    Attributes
    ----------
    icon
        Of Material Symbols.
    path
        In the address; empty for the first page.
    filtered
        Whether the filter of customers narrows what it shows.
    """

    title: str
    icon: str
    path: str
    draw: Callable[[RunView], None]
    filtered: bool = False

    def show(self) -> None:
        """Draw the chosen run; where there is none, what to do about it."""
        st.title(self.title)
        st.html(_STYLE)
        st.html(_LINKS, unsafe_allow_javascript=True)
        run = open_chosen()
        if run is None:
            return
        st.caption(plain(_describe_run(run)))
        for stamp in stamps(run.report) if run.summary.get("findings") else []:
            st.warning(
                f"**{plain(stamp['heading'])}.** {plain(stamp['text'])}", icon=":material/warning:"
            )
        try:
            narrowed = self._narrow(run)
            if narrowed is not None:
                self.draw(narrowed)
        except HoldfastError as error:
            fail(error)

    def _narrow(self, run: RunView) -> RunView | None:
        """The run under the filter, which is said; None where nobody meets it."""
        filters = read_filters(run)
        if not filters:
            return run
        words = plain(describe(filters, run.currency))
        if not self.filtered:
            st.info(
                f"The filter ({words}) does not apply to this page: it shows all customers.",
                icon=":material/filter_alt_off:",
            )
            return run
        narrowed = run.narrow(filters)
        n = plain(count_leaving(narrowed, of=run.scores.height))
        st.info(f"**Filter on.** {words}: {n}.", icon=":material/filter_alt:")
        if narrowed.scores.is_empty():
            explain("Nobody meets the filter.", "Take some of it away in the sidebar.")
            return None
        return narrowed


def _describe_run(run: RunView) -> str:
    as_of = formatting.day(run.summary["cutoff_day"])
    return f"{run.study.name}, scored as of {as_of}: {count_leaving(run)}. Run {run.run.run_id}."


def count_leaving(run: RunView, *, of: int | None = None) -> str:
    """How many customers there are, and how many of them are likely to leave: those whose churn
    probability reaches the study's threshold, the one count of every page.

    Parameters
    ----------
    of
        All customers, where the run is narrowed to some.
    """
    n, share = run.summary["customers"], run.summary["share_at_risk"]
    customers = formatting.plural(n, "customer")
    if of is not None:
        customers = f"{formatting.count(n)} of {formatting.plural(of, 'customer')}"
    if share is None:
        return customers
    leaving = formatting.count(round(share * n))
    return f"{customers}, {leaving} likely to leave ({formatting.percent(share)})"


def open_chosen() -> RunView | None:
    """The run that was chosen; None, and what to do about it, where there is none."""
    try:
        registry = open_registry()
        if registry.run_ids():
            return open_run(registry, st.session_state.get("run") or PUBLISHED)
    except HoldfastError as error:
        fail(error)
        return None
    why = "Once one is, this page shows it by itself. Make it:"
    explain("No run is published yet.", why, "holdfast run")
    return None


def fail(error: HoldfastError) -> None:
    """An error as the command line prints it: what is wrong, and what to do."""
    fix = f"\n\n{formatting.sentence(plain(error.fix))}" if error.fix else ""
    st.error(f"**{formatting.sentence(plain(error.problem))}**{fix}", icon=":material/error:")


def show_order(run: RunView) -> DeltaGenerator:
    """A place for what follows from the order of the customers: under a warning and grey where that
    order did not prove better than chance.
    """
    if warning := order_warning(run.summary):
        st.warning(warning, icon=":material/warning:")
    return st.container(key="unproved" if warning else "proved")


def explain(what: str, why: str, command: str = "") -> None:
    """An empty state: what is missing, why, and the command that would fill it."""
    st.info(f"**{what}** {plain(why)}", icon=":material/info:")
    if command:
        st.code(command, language="bash")


def figure(
    run: RunView,
    name: str,
    make: Callable[[], Chart],
    *,
    keep: bool = True,
    wide: bool = False,
    to_list: str = "",
) -> None:
    """A chart with its words above and its table below.

    Parameters
    ----------
    name
        Of the chart on its page; with the run it names what is kept.
    keep
        False where the chart follows a slider.
    wide
        Whether it cannot be read on a phone, which shows its table instead.
    to_list
        Address of the list of the customers whom the chart shows.
    """
    chart = run.keep(("chart", name), make) if keep else make()
    with st.container(border=True, key=f"figure-{name}", height="stretch"):
        with st.container(key=f"{'wide' if wide else 'any'}-{name}"):
            _draw(chart, name)
        if chart.table is not None:
            if wide:
                st.html(
                    '<p class="hf-narrow">The chart needs a wider screen; here is its table.</p>'
                )
            with st.expander("Table", icon=":material/table_rows:"):
                write_table(chart.table)
        if to_list:
            write_link(to_list, "See the customers as a list")


def _draw(chart: Chart, name: str) -> None:
    """A chart below its words: the page writes headings, which wrap and are read aloud; where there
    is nothing to draw, why.
    """
    st.markdown(f"**{plain(chart.title)}**")
    if chart.reason:
        st.markdown(plain(chart.reason))
        return
    if chart.subtitle:
        st.caption(plain(chart.subtitle))
    spec = chart.without_heading()
    spec["config"]["background"] = "transparent"
    # On a canvas there are no marks for a screen reader to stumble over: words and table say what
    # they show.
    spec["usermeta"] = {"embedOptions": {"actions": False, "renderer": "canvas"}}
    if st.context.theme.type == "dark":
        spec = json.loads(in_dark(json.dumps(spec)))
    words, rows = f"{chart.title}. {chart.subtitle}", rows_of_panels(spec)
    is_alone = len(rows) == len(rows[0]) == 1
    for n, row in enumerate(rows):
        for k, (place, panel) in enumerate(zip(st.columns(len(row)), row, strict=True)):
            part = "" if is_alone else f" Panel {n + 1}.{k + 1}."
            with place:
                _draw_panel(panel, words + part, key=f"chart-{name}-{n}-{k}", alone=is_alone)


def _draw_panel(spec: Options, words: str, *, key: str, alone: bool) -> None:
    fits = not alone or spec.get("width", 0) > _NARROW
    fit = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
    spec = spec | (fit if fits else {"autosize": {"type": "pad"}})
    width: Any = "stretch" if fits else "content"
    st.vega_lite_chart(spec=spec, theme=None, width=width, alt=words, key=key)


def write_table(table: Table, links: Sequence[str] = ()) -> None:
    """A table in words; nothing in a cell is markup.

    Parameters
    ----------
    links
        Where the name of each row leads.
    """
    if table.rows:
        st.html(_link_rows(to_html(table), links) if links else to_html(table))
    else:
        st.caption(f"{plain(table.caption)}: nothing to list.")


def _link_rows(markup: str, links: Sequence[str]) -> str:
    """The table with an address behind each row's name."""
    each = iter(links)
    return _ROW_NAME.sub(
        lambda name: f'{name[1]}<a href="{escape(next(each))}">{name[2]}</a>', markup
    )


def write_link(address: str, text: str) -> None:
    """A link that stays in this window."""
    st.html(f'<a class="hf-link" href="{escape(address)}">{escape(text)}</a>')


def box(table: Table, links: Sequence[str] = ()) -> None:
    """A table in a frame; `links` as `write_table` takes them."""
    with st.container(border=True):
        write_table(table, links)


def customer_box(run: RunView, customers: pl.DataFrame, caption: str) -> None:
    """A list of customers, each a link to the customer's page, with reasons, action and offer."""
    table = customer_list(run.describe(customers), caption=caption, currency=run.currency)
    box(table, [link("customer", customer=name) for name in customers["customer_id"]])


def choose_order(run: RunView) -> str:
    """By what the lists are ordered: revenue at stake, unless the reader says otherwise."""
    orders = list(ORDERS) if run.report.knows_value else ["risk"]
    chosen = st.segmented_control(
        "Most first, by", orders, default=orders[0], key="order", bind="query-params"
    )
    return chosen or orders[0]


def card(
    label: str, value: str, note: str | None = None, *, below: str = "", **more: Any
) -> dict[str, Any]:
    """A headline figure with its explanation; `below` stands in small letters under it, `more` is
    as `st.metric` takes it.
    """
    return {"label": label, "value": value, "help": note, "below": below, **more}


def cards(*figures: dict[str, Any]) -> None:
    """Headline figures, at most four side by side; on a phone, below one another."""
    per_row = len(figures) if len(figures) <= _CARDS else _CARDS - 1
    for k in range(0, len(figures), per_row):
        for place, figure in zip(st.columns(per_row), figures[k : k + per_row], strict=False):
            shown = dict(figure)
            below = shown.pop("below")
            with place.container(border=True, height="stretch"):
                st.metric(**shown)
                if below:
                    st.caption(plain(below))


def bullets(lines: Sequence[str], heading: str = "") -> None:
    """A list under its heading."""
    title = f"**{plain(heading)}**\n" if heading else ""
    st.markdown(title + "".join(f"\n- {plain(line)}" for line in lines))


def plain(text: str) -> str:
    """Text that holds no Markdown, whatever a study or a file has put into it."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>#|~$:" else char for char in text)
