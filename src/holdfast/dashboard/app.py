"""The entry: pages and the choice of a run. Streamlit runs this file for every look and every
click.
"""

import numpy as np
import streamlit as st
from PIL import Image

from holdfast.dashboard.run_view import project
from holdfast.dashboard.views import (
    actions,
    cohorts,
    customer,
    health,
    overview,
    performance,
    recovery,
    segments,
)
from holdfast.errors import HoldfastError
from holdfast.report.theme import light

PAGES = (
    (overview, "Overview", "dashboard", ""),
    (customer, "Customer lookup", "person_search", "customer"),
    (segments, "Segments", "grid_view", "segments"),
    (recovery, "Revenue recovery", "savings", "recovery"),
    (performance, "Model performance", "monitoring", "performance"),
    (actions, "Action centre", "campaign", "actions"),
    (cohorts, "Cohorts and forecast", "timeline", "cohorts"),
    (health, "Data health", "health_and_safety", "health"),
)


def main() -> None:
    """Show the page that the address names."""
    st.set_page_config(page_title="Holdfast", page_icon=_icon(), layout="wide")
    pages = [
        st.Page(page.show, title=title, icon=f":material/{icon}:", url_path=path, default=not path)
        for page, title, icon, path in PAGES
    ]
    chosen = st.navigation(pages)
    _choose_run()
    chosen.run()


def _icon() -> Image.Image:
    """An H in the palette's blue: an icon by name would be fetched from outside."""
    blue = [int(light("blue")[k : k + 2], 16) for k in (1, 3, 5)]
    drawn = np.full((16, 16, 3), blue, dtype=np.uint8)
    for rows, columns in (
        (slice(3, 13), slice(4, 6)),
        (slice(3, 13), slice(10, 12)),
        (slice(7, 9), slice(4, 12)),
    ):
        drawn[rows, columns] = 255
    return Image.fromarray(drawn)


def _choose_run() -> None:
    """The run to look at: the champion, unless the address or the reader says otherwise."""
    try:
        known = project().registry.run_ids()
    except HoldfastError:
        return
    if known:
        st.sidebar.selectbox("Run", ["champion", *known], key="run", bind="query-params")


main()
