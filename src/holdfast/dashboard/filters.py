"""Filters of customers, in the sidebar of every page and in its address."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from holdfast.dashboard.run_view import PUBLISHED, RunView
from holdfast.report import formatting
from holdfast.serving.breakdown import COHORT
from holdfast.serving.customer_filters import Filters, list_groups
from holdfast.study import SEGMENT_NAMES

SEGMENT, LEAST, MOST = "segment", "from", "to"
_GROUP = "in_"
_BOUND: dict[str, Any] = {"bind": "query-params"}


def choices(run: RunView) -> dict[str, list[str]]:
    """What customers can be filtered by, beside segment and expected revenue."""
    return run.keep("groups", lambda: list_groups(run.run, run.scores))


def offer_filters(run: RunView) -> None:
    """Draw the filters in the sidebar."""
    with st.sidebar.expander("Filter customers", icon=":material/filter_alt:", expanded=True):
        st.multiselect("Segment", list(SEGMENT_NAMES), key=SEGMENT, **_BOUND)
        if run.report.knows_value:
            money = f"Expected revenue {{}}, {run.currency}"
            st.number_input(money.format("from"), value=None, key=LEAST, **_BOUND)
            st.number_input(money.format("to"), value=None, key=MOST, **_BOUND)
        for name, groups in choices(run).items():
            label = "Cohort (first purchase)" if name == COHORT else formatting.feature_title(name)
            st.multiselect(label, groups, key=f"{_GROUP}{name}", **_BOUND)
        st.button("Clear the filter", on_click=_clear, disabled=not read_filters(run))


def _clear() -> None:
    for key in list(st.session_state):
        if key in (SEGMENT, LEAST, MOST) or str(key).startswith(_GROUP):
            st.session_state[key] = None if key in (LEAST, MOST) else []


def read_filters(run: RunView) -> Filters:
    """The filters as the sidebar has them."""
    read: Callable[[str], Any] = st.session_state.get
    groups = ((name, tuple(read(f"{_GROUP}{name}") or ())) for name in choices(run))
    return Filters(
        segments=tuple(read(SEGMENT) or ()),
        least_revenue=read(LEAST),
        most_revenue=read(MOST),
        groups=tuple((name, chosen) for name, chosen in groups if chosen),
    )


def as_address(filters: Filters) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The filters as parameters of an address.

    >>> as_address(Filters(segments=("Champion",), least_revenue=9.5))
    (('segment', ('Champion',)), ('from', ('9.5',)))
    """
    limits = ((LEAST, filters.least_revenue), (MOST, filters.most_revenue))
    return (
        *(((SEGMENT, filters.segments),) if filters.segments else ()),
        *((name, (f"{limit:g}",)) for name, limit in limits if limit is not None),
        *((f"{_GROUP}{name}", groups) for name, groups in filters.groups),
    )


def from_address(pairs: tuple[tuple[str, tuple[str, ...]], ...]) -> Filters:
    """The filters of such parameters.

    >>> pairs = as_address(Filters(most_revenue=20.0, groups=(("country", ("DE", "FR")),)))
    >>> from_address(pairs).groups
    (('country', ('DE', 'FR')),)
    """
    of = dict(pairs)
    least, most = (float(of[name][0]) if name in of else None for name in (LEAST, MOST))
    groups = {name.removeprefix(_GROUP): v for name, v in pairs if name.startswith(_GROUP)}
    return Filters(
        segments=of.get(SEGMENT, ()),
        least_revenue=least,
        most_revenue=most,
        groups=tuple(groups.items()),
    )


def describe(filters: Filters, currency: str) -> str:
    """The filters in words."""
    parts = [formatting.listing(list(filters.segments))] if filters.segments else []
    for word, limit in (("from", filters.least_revenue), ("up to", filters.most_revenue)):
        if limit is not None:
            parts.append(f"expected revenue {word} {formatting.money(limit, currency)}")
    for name, groups in filters.groups:
        parts.append(f"{formatting.feature(name)}: {formatting.listing(list(groups))}")
    return "; ".join(parts)


def link(page: str, **more: Any) -> str:
    """An address of a page of the same run under the same filter.

    Parameters
    ----------
    page
        As the address calls it; may have parameters of its own.
    more
        Further parameters; of the filter's, in its place. None: without it; several values: each.
    """
    path, _, query = page.partition("?")
    name, _, value = query.partition("=")
    params: list[tuple[str, Any]] = [(name, value)] if query else []
    if (run := st.session_state.get("run")) and run != PUBLISHED:
        params.append(("run", run))
    params += _filled_in_fields(st.session_state)
    params = [pair for pair in params if pair[0] not in more]
    params += [(name, value) for name, value in more.items() if value is not None]
    return f"{path or '.'}{'?' if params else ''}{urlencode(params, doseq=True)}"


def _filled_in_fields(state: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    """The filters' fields that are filled in."""
    pairs: list[tuple[str, Any]] = []
    for key, value in state.items():
        if key in (LEAST, MOST) and value is not None:
            pairs.append((str(key), f"{value:g}"))
        elif key == SEGMENT or str(key).startswith(_GROUP):
            pairs += [(str(key), each) for each in value or ()]
    return pairs
