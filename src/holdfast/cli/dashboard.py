"""`holdfast dashboard`: the published runs in a browser."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.output import Config, study_from


def dashboard(
    config: Config = "holdfast.toml",
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default is this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8501,
) -> None:
    """Look at the published runs in a browser: eight pages, from the overview to the
    data's health.
    """
    from holdfast.errors import MissingExtra

    if find_spec("streamlit") is None:
        raise MissingExtra("dashboard", needed_for="holdfast dashboard")
    study_from(config, None)
    # The surfaces do not know one another: this process becomes the other one.
    arguments = ["-m", "holdfast.dashboard", str(Path(config).resolve()), host, str(port)]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])
