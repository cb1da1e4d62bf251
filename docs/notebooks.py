"""Run the notebooks on the shops that they simulate, and write each as a page of its words, its
code and what came out.

`python docs/notebooks.py [NAME ...]`; without a name, all. `make docs` runs it.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

DOCS = Path(__file__).parent
PAGES = DOCS / "notebooks"
NOTEBOOKS = DOCS.parent / "notebooks"
HIDDEN = "remove-input"
"""Tag of a cell whose code is for nobody who reads the page."""


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=600, resources=place).execute()
    return notebook


def shown_source(cell: Any) -> str:
    """What a page shows of a cell itself; its links lead from page to page."""
    source = str(cell.source)
    if cell.cell_type == "markdown":
        return source.replace("](../docs/", "](../").replace(".ipynb)", ".md)")
    return "" if HIDDEN in cell.metadata.get("tags", []) else f"```python\n{source}\n```"


def render(notebook: nbformat.NotebookNode, name: str) -> tuple[str, dict[str, str]]:
    """The page of a notebook in Markdown, and its charts: file name -> SVG."""
    charts: dict[str, str] = {}
    parts = []
    for cell in notebook.cells:
        parts.append(shown_source(cell))
        for output in cell.get("outputs", []):
            parts += _shown(output, name, charts)
    return "\n\n".join(part for part in parts if part) + "\n", charts


def _shown(output: Any, name: str, charts: dict[str, str]) -> Iterator[str]:
    if output.output_type == "stream":
        yield f"```text\n{output.text.rstrip()}\n```"
        return
    data = output.data
    text = data.get("text/markdown", data["text/plain"])
    if "image/svg+xml" in data:
        file = f"{name}-{len(charts) + 1}.svg"
        charts[file] = data["image/svg+xml"]
        yield f"![{text}]({file})"
    elif "text/markdown" in data or text.startswith("|"):  # a table that is Markdown already
        yield text
    else:
        yield f"```text\n{text}\n```"


def main() -> None:
    """Run the notebooks that are named, or all, and write their pages."""
    os.environ.pop("HOLDFAST_BENCH_DATA", None)
    names = sys.argv[1:] or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    PAGES.mkdir(exist_ok=True)
    for name in names:
        page, charts = render(execute(NOTEBOOKS / f"{name}.ipynb"), name)
        for old in PAGES.glob(f"{name}*"):
            old.unlink()
        for file, text in {f"{name}.md": page, **charts}.items():
            (PAGES / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
