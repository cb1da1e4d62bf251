"""The report as a PDF, printed by the Chromium of this machine."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from holdfast.errors import HoldfastError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
_VARIABLE = "HOLDFAST_CHROMIUM"
_SECONDS = 120


class MissingBrowser(HoldfastError):
    """No Chromium is installed."""

    exit_code = 2


def find_chromium() -> str:
    """The path of Chromium or of a browser that is one: what HOLDFAST_CHROMIUM names, or the first
    on the path.

    Raises
    ------
    MissingBrowser
        There is none.
    """
    named = os.environ.get(_VARIABLE)
    paths = (shutil.which(name) for name in ([named] if named else _NAMES))
    path = next((each for each in paths if each), None)
    if path is None:
        what = f"{_VARIABLE} names {named}, which is no program" if named else "there is none here"
        raise MissingBrowser(
            f"a PDF is printed by Chromium, and {what}",
            fix="apt-get install chromium, or install Chrome and name it in HOLDFAST_CHROMIUM; or "
            "print report.html from a browser of your own",
        )
    return path


def print_pdf(page: Path, to: Path) -> None:
    """Print an HTML file as it prints itself: A4, light, without what only a screen needs.

    Raises
    ------
    MissingBrowser
        No Chromium is installed.
    HoldfastError
        It fails, or takes more than two minutes.
    """
    browser = find_chromium()
    with TemporaryDirectory(prefix="holdfast-") as profile:
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
            "--disable-background-networking", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", "--no-pdf-header-footer",
            f"--print-to-pdf={to.resolve()}", page.resolve().as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
            reason = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1]
        except subprocess.TimeoutExpired:
            reason = f"it was not done within {_SECONDS} s"
    if reason or not to.is_file() or not to.stat().st_size:
        raise HoldfastError(
            f"{browser} printed no PDF: {reason or 'it wrote nothing'}",
            fix="print report.html from a browser of your own",
        )
