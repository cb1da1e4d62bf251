"""How Streamlit is set up: on this machine only, silent to the outside, one palette for light and
dark.
"""

from pathlib import Path
from typing import Any

from holdfast.report.theme import COLOURS, FONT


def options(*, host: str, port: int, project: Path) -> dict[str, Any]:
    """Streamlit's options, by their names.

    Its own exporter is off: cells that begin like a formula would run in a spreadsheet, and
    `report.exports` prevents that.
    """
    fixed = {
        "server.address": host, "server.port": port, "server.headless": True,
        "server.fileWatcherType": "none", "server.enableStaticServing": False,
        "server.maxUploadSize": 5, "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False, "client.toolbarMode": "minimal",
        "client.disableDataExport": True, "client.showErrorDetails": "none",
        "client.showErrorLinks": False, "global.disableWidgetStateDuplicationWarning": True,
        "logger.hideWelcomeMessage": True,
        "secrets.files": [str(project / ".streamlit" / "secrets.toml")],
    }  # fmt: skip
    return fixed | _theme()


def _theme() -> dict[str, Any]:
    common = {
        "theme.font": FONT,
        "theme.baseRadius": "0.6rem",
        "theme.headingFontSizes": ["1.9rem", "1.35rem", "1.1rem"],
    }
    names = {
        "primaryColor": "blue", "backgroundColor": "ground", "secondaryBackgroundColor": "panel",
        "textColor": "ink", "borderColor": "line", "linkColor": "blue",
    }  # fmt: skip
    modes = ("light", "dark")
    colours = {
        f"theme.{mode}.{key}": COLOURS[name][k]
        for k, mode in enumerate(modes)
        for key, name in names.items()
    }
    sidebar = {
        f"theme.{mode}.sidebar.backgroundColor": COLOURS["panel"][k] for k, mode in enumerate(modes)
    }
    return common | colours | sidebar
