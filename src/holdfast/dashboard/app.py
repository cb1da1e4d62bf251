"""The entry: pages and the choice of a run. Streamlit runs this file for every look and every
click.
"""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from holdfast.dashboard.access import ask_to_sign_in, offer_to_sign_out
from holdfast.dashboard.components import Page, fail
from holdfast.dashboard.filters import offer_filters
from holdfast.dashboard.run_view import PUBLISHED, STUDY, open_registry, open_run
from holdfast.dashboard.views import PAGES
from holdfast.errors import HoldfastError
from holdfast.report.theme import light


def main() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="Holdfast", page_icon=_icon(), layout="wide")
    try:
        if ask_to_sign_in(Path(os.environ.get(STUDY, "holdfast.toml")).parent):
            return
    except HoldfastError as error:
        fail(error)
        return
    chosen = st.navigation([_page(page) for page in PAGES])
    _choose_run()
    _choose_customers()
    offer_to_sign_out()
    chosen.run()


def _page(page: Page) -> st.Page:
    icon = f":material/{page.icon}:"
    return st.Page(
        page.show, title=page.title, icon=icon, url_path=page.path, default=not page.path
    )


def _icon() -> Image.Image:
    """An H in the palette's blue: an icon by name would be fetched from outside."""
    blue = [int(light("blue")[k : k + 2], 16) for k in (1, 3, 5)]
    drawn = np.full((16, 16, 3), blue, dtype=np.uint8)
    drawn[3:13, 4:6] = drawn[3:13, 10:12] = drawn[7:9, 4:12] = 255
    return Image.fromarray(drawn)


def _choose_run() -> None:
    """The run to look at: the published one, unless the address or the reader says otherwise."""
    try:
        run_ids = open_registry().run_ids()
    except HoldfastError:
        return
    if run_ids:
        st.sidebar.selectbox(
            "Run",
            [PUBLISHED, *run_ids],
            key="run",
            bind="query-params",
            format_func=lambda run_id: "published run" if run_id == PUBLISHED else run_id,
        )


def _choose_customers() -> None:
    """The filter of customers; where no run can be opened, the page says why."""
    with suppress(HoldfastError):
        registry = open_registry()
        if registry.run_ids():
            offer_filters(open_run(registry, st.session_state.get("run") or PUBLISHED))


main()
