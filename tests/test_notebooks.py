"""The notebooks run from the first cell to the last, on a simulated shop and on the real
snapshot; their pages show them as they are.
"""

import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))
from notebooks import execute, render, shown_source  # noqa: E402

PAGES = ("05_what_a_manager_reads", "06_measure_a_campaign")
"""Those that are kept; the build makes the others."""
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ON_REAL = [path for path in NOTEBOOKS if "HOLDFAST_BENCH_DATA" in path.read_text(encoding="utf-8")]


def test_there_are_seven_without_outputs() -> None:
    assert (len(NOTEBOOKS), len(ON_REAL)) == (7, 3)
    for path in NOTEBOOKS:
        cells = [
            cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
        ]
        assert all(not cell.outputs and cell.execution_count is None for cell in cells), path.name


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_a_notebook_shows_its_words_and_its_code(name: str) -> None:
    page = (ROOT / "docs" / "notebooks" / f"{name}.md").read_text(encoding="utf-8")
    place = 0
    for cell in nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells:
        source = shown_source(cell)
        place = page.find(source, place)
        assert place >= 0, f"run `make docs`: the page lacks {source!r}"
        place += len(source)
    assert page.count(f"]({name}-") >= 2, "no chart is shown"
    assert "/tmp" not in page


def test_a_page_keeps_what_a_cell_shows_and_leaves_code_out_that_is_tagged(tmp_path: Path) -> None:
    words = nbformat.v4.new_markdown_cell("[Plan](../docs/how-to/plan.md).")
    code = nbformat.v4.new_code_cell("print(1)")
    hidden = nbformat.v4.new_code_cell(
        "from IPython.display import SVG\nSVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
        metadata={"tags": ["remove-input"]},
    )
    path = tmp_path / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[words, code, hidden]), path)
    page, charts = render(execute(path), "one")
    start = "[Plan](../how-to/plan.md).\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n!["
    assert page.startswith(start)
    assert page.endswith("](one-1.svg)\n")
    assert "SVG(" not in page
    assert charts["one-1.svg"].startswith("<svg")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_simulated_shop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOLDFAST_BENCH_DATA", raising=False)
    assert execute(path).cells[-1].source


@pytest.mark.slow
@pytest.mark.usefixtures("bench_data")
@pytest.mark.parametrize("path", ON_REAL, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_real_snapshot(path: Path) -> None:
    assert execute(path).cells[-1].source
