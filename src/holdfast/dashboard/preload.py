"""What the first reader would wait for is made before the address is printed."""

from importlib import import_module

from holdfast.dashboard.filters import choices
from holdfast.dashboard.run_view import PUBLISHED, open_registry, open_run
from holdfast.dashboard.views import overview
from holdfast.errors import HoldfastError
from holdfast.serving.load import load_models

_STREAMLIT_USES = ("PIL.Image", "pandas")
"""What it imports itself when the first figure is shown."""


def preload() -> None:
    """Import every page, open the published run, make its first page and load its models."""
    for name in _STREAMLIT_USES:
        import_module(name)
    try:
        run = open_run(open_registry(), PUBLISHED)
        overview.prepare(run)
        choices(run)
        load_models(run.run)
    except (HoldfastError, OSError):
        # The page tells whoever looks what is wrong.
        return
