"""What is installed: its name, what it needs, and what it says where an extra is missing."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import MissingExtra

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "holdfast"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = ("bench", "docs", "dev")
"""Extras that no code of ours imports."""


def normal(name: str) -> str:
    """A distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=;\[]", name, maxsplit=1)[0]).lower()


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        for top in {name.partition(".")[0] for name in names}:
            if top not in sys.stdlib_module_names and top != "holdfast":
                yield top


def undeclared(modules: Iterable[str], requirements: Iterable[str]) -> set[str]:
    declared = {normal(each) for each in requirements}
    homes = packages_distributions()
    # A driver that no environment here has is held to the name that it is imported by.
    return {
        each for each in set(modules) if not declared & set(map(normal, homes.get(each, [each])))
    }


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCE.rglob("*.py"):
        yield path.relative_to(SOURCE).parts[0], ast.parse(path.read_text(encoding="utf-8"))


def test_whatever_is_imported_is_declared() -> None:
    modules = [name for _, tree in trees() for name in imported(ast.walk(tree))]
    optional = [each for extra, needs in EXTRAS.items() if extra not in OURS for each in needs]
    assert "polars" in modules
    assert undeclared(modules, [*PROJECT["dependencies"], *optional]) == set()


@pytest.mark.parametrize("room", ["api", "dashboard", "stream", "core"])
def test_what_a_room_imports_at_once_comes_with_its_own_extra(room: str) -> None:
    inside = (tree for name, tree in trees() if (name if name in EXTRAS else "core") == room)
    modules = [name for tree in inside for name in imported(tree.body)]
    assert undeclared(modules, [*PROJECT["dependencies"], *EXTRAS.get(room, ())]) == set()


def test_the_distribution_has_a_name_of_its_own_and_one_version() -> None:
    assert PROJECT["name"] == "holdfast-clv"
    assert PROJECT["version"] == holdfast.__version__
    assert PROJECT["scripts"] == {"holdfast": "holdfast.cli:main"}
    assert MissingExtra("api", needed_for="x").fix == "pip install 'holdfast-clv[api]'"
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        # PyPI's `holdfast` is another project.
        assert not re.findall(r"pip install '?holdfast[\s\['\"]", page.read_text(encoding="utf-8"))


def test_dir_lists_the_public_names_and_each_is_there() -> None:
    assert set(dir(holdfast)) == set(holdfast.__all__)
    assert {"Study", "run", "predict_customer"} < set(dir(holdfast))
    for name in dir(holdfast):
        assert getattr(holdfast, name)


STUDY = """
[study]
name = "shop"
[transactions]
path = "orders.csv"
columns = { customer_id = "who", occurred_at = "when", amount = "paid" }
"""
CORE = """
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in {missing!r} else find_spec(name)
from holdfast.cli import main
main()
"""


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        (("serve",), "api"),
        (("dashboard",), "dashboard"),
        (("schedule", "--cron", "0 2 * * *"), "schedule"),
    ],
)
def test_a_surface_whose_extra_is_missing_names_it(
    tmp_path: Path, command: tuple[str, ...], extra: str
) -> None:
    core = {normal(each) for each in PROJECT["dependencies"]}
    optional = {
        module
        for module, homes in packages_distributions().items()
        for needs in EXTRAS.values()
        if {normal(each) for each in needs} & set(map(normal, homes)) - core
    }
    assert {"fastapi", "limits", "streamlit", "apscheduler"} < optional
    (tmp_path / "holdfast.toml").write_text(STUDY, encoding="utf-8")
    code = CORE.format(missing=optional - {"holdfast"})
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert f"needs the extra '{extra}'" in done.stderr
    assert f"pip install 'holdfast-clv[{extra}]'" in done.stderr
