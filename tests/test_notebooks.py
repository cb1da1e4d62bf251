"""The notebooks run from the first cell to the last, on a simulated shop and on the real
snapshot.
"""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
ON_REAL = [path for path in NOTEBOOKS if "HOLDFAST_BENCH_DATA" in path.read_text(encoding="utf-8")]
pytestmark = pytest.mark.slow


def executed(path: Path) -> nbformat.NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return notebook


def test_there_are_four_without_outputs() -> None:
    assert (len(NOTEBOOKS), len(ON_REAL)) == (4, 3)
    for path in NOTEBOOKS:
        cells = [
            cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
        ]
        assert all(not cell.outputs and cell.execution_count is None for cell in cells), path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_a_simulated_shop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOLDFAST_BENCH_DATA", raising=False)
    assert executed(path).cells[-1].source


@pytest.mark.parametrize("path", ON_REAL, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_real_snapshot(
    path: Path, bench_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_BENCH_DATA", str(bench_data))
    assert executed(path).cells[-1].source
