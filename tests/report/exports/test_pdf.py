"""The report as a PDF: whole pages of A4, or a sentence on what to install."""

import re
import shutil
from pathlib import Path

import pytest
from tests.conftest import missing

from holdfast.errors import HoldfastError
from holdfast.report.exports.pdf import MissingBrowser, find_chromium, print_pdf
from holdfast.runs.export import export_pdf
from holdfast.storage.runs import Registry

WIDTH, HEIGHT = 595, 842
"""Of A4, points."""


@pytest.fixture
def _chromium() -> None:
    try:
        find_chromium()
    except MissingBrowser as error:
        missing(str(error))


def pages(pdf: bytes) -> list[tuple[float, float]]:
    """Width and height of each page, points."""
    boxes = re.findall(rb"/Type /Page\b(?!s).*?/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf, re.S)
    return [(float(width), float(height)) for width, height in boxes]


@pytest.mark.usefixtures("_chromium")
def test_a_page_that_asks_for_three_sheets_gets_three_of_a4(tmp_path: Path) -> None:
    css = "<style>@page{size:A4} div{break-after:page}</style>"
    (tmp_path / "a.html").write_text(f"{css}<div>1</div><div>2</div><p>3</p>", encoding="utf-8")
    print_pdf(tmp_path / "a.html", tmp_path / "a.pdf")
    sizes = pages((tmp_path / "a.pdf").read_bytes())
    assert [(round(width), round(height)) for width, height in sizes] == [(WIDTH, HEIGHT)] * 3


@pytest.mark.usefixtures("_chromium")
def test_the_report_of_a_run_is_printed_whole(simulated_shop: Path, tmp_path: Path) -> None:
    run = Registry(simulated_shop / "runs").open()
    export_pdf(run, tmp_path / "report.pdf")
    pdf = (tmp_path / "report.pdf").read_bytes()
    sizes = pages(pdf)
    # Sections that begin a sheet of their own, and the first.
    assert len(sizes) > run.read("report.html").count(b'class="page"')
    assert {(round(width), round(height)) for width, height in sizes} == {(WIDTH, HEIGHT)}
    assert pdf.rstrip().endswith(b"%%EOF")


def test_without_chromium_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(MissingBrowser, match="apt-get install chromium") as caught:
        print_pdf(tmp_path / "a.html", tmp_path / "a.pdf")
    assert caught.value.exit_code == 2


def test_a_browser_that_prints_nothing_is_named_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    false = shutil.which("false")
    assert false is not None
    monkeypatch.setenv("HOLDFAST_CHROMIUM", false)
    with pytest.raises(HoldfastError, match="printed no PDF"):
        print_pdf(tmp_path / "a.html", tmp_path / "a.pdf")
