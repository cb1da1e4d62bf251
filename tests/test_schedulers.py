"""The recipes of docs/how-to/schedule.md for schedulers: what each one's library is asked for is
there, and the times they name are times.
"""

import ast
import importlib
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.runs.schedule import due_times

PAGE = (Path(__file__).parents[1] / "docs" / "how-to" / "schedule.md").read_text(encoding="utf-8")
RECIPES = {
    name: next(
        block
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.S)
        if f"import {name}" in block
    )
    for name in ("dagster", "mlflow")
} | {"airflow": next(b for b in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "airflow" in b)}


def test_the_line_for_cron_runs_every_night_at_two() -> None:
    lines = re.findall(r"```cron\n(.*?)```", PAGE, re.S)[0].splitlines()
    (line,) = (line for line in lines if re.match(r"\d", line))
    times, command = " ".join(line.split()[:5]), line.split(maxsplit=5)[5]
    due = due_times(times, time_zone="UTC", now=datetime(2026, 1, 1, 3, tzinfo=UTC))
    assert next(due) == datetime(2026, 1, 2, 2, tzinfo=UTC)
    # What follows a run that failed is not done.
    assert command.split(" && ")[1].startswith("holdfast run")
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_asks_its_library_for_what_it_has(name: str) -> None:
    pytest.importorskip(name)
    for node in ast.walk(ast.parse(RECIPES[name])):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(name):
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, each.name) for each in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            alias = {"dg": "dagster", "mlflow": "mlflow"}.get(node.value.id)
            assert alias is None or hasattr(importlib.import_module(alias), node.attr)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_reads_only_what_a_run_prints(name: str, simulated_shop: Path) -> None:
    """Keys of the summary that a recipe takes, of a run's own summary and the two places."""
    from holdfast.storage.runs import Registry

    summary = {**Registry(simulated_shop / "runs").open().summary, "path": "", "report": ""}
    for node in ast.walk(ast.parse(RECIPES[name])):
        if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)):
            continue
        keys: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Constant):
            keys, inner = [str(inner.slice.value), *keys], inner.value
        if isinstance(inner, ast.Name) and inner.id == "summary":
            found = summary
            for key in keys:
                assert key in found
                found = found[key]
