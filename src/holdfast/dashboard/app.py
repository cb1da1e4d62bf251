"""The entry: pages and the choice of a run. Streamlit runs this file for every look and every
click.
"""

import os
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from holdfast.dashboard.access import ask_to_sign_in, offer_to_sign_out
from holdfast.dashboard.components import Page, fail
from holdfast.dashboard.run_view import STUDY, open_registry
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
    """The run to look at: the champion, unless the address or the reader says otherwise."""
    try:
        run_ids = open_registry().run_ids()
    except HoldfastError:
        return
    if run_ids:
        st.sidebar.selectbox("Run", ["champion", *run_ids], key="run", bind="query-params")


main()
