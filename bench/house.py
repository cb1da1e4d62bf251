"""The house, measured from its code: rooms and their lines, functions, names, imports and tests.

Beside each figure stands its goal; `--where` lists every place that keeps a goal from being held.
Code lines are counted without docstrings, comments and blanks, laid out at 120 columns, so that
breaking a line costs nothing.
"""

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench._figures import Figure, at_most, show
from bench._house_imports import Imports
from bench._house_names import participles, vague_locals
from bench._house_source import Module, has_formatter, lines_of_code, read_package

ENGINE = {"ingest", "features", "models", "training", "evaluation", "explain", "segments", "runs"}
LONG_FUNCTION = 30
LONGEST_LINE = 100
FULL_FOLDER = 22
WRITTEN_BY_HAND = ("src", "tests", "bench", "docs")


@dataclass(frozen=True)
class House:
    """A repository with one package under `src`."""

    folder: Path
    modules: list[Module]
    imports: Imports
    settings: dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.house", description=__doc__)
    parser.add_argument("--where", action="store_true", help="list the places instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not has_formatter():
        print(
            "ruff is not installed: code is counted as it stands, not laid out at 120 columns",
            file=sys.stderr,
        )
    house = read_house(Path(__file__).resolve().parents[1])
    if options.where:
        print("\n".join(places(house)))
    else:
        show([*rooms(house.modules), *figures(house)], as_json=options.json)


def read_house(folder: Path, package: str = "holdfast") -> House:
    """Read the code of `folder/src/package` and the settings beside it."""
    modules = read_package(folder / "src", package)
    settings = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    return House(folder, modules, Imports(modules), settings)


def rooms(modules: list[Module]) -> Iterator[Figure]:
    """Files, lines and code lines of each package of the first level; ground: single modules."""
    inside_of: dict[str, list[Module]] = {}
    for module in modules:
        inside_of.setdefault("ground" if module.is_ground else module.room, []).append(module)
    for name, inside in sorted(inside_of.items()):
        yield Figure(f"{name}: files", len(inside))
        yield Figure(f"{name}: lines", sum(len(module.text.splitlines()) for module in inside))
        yield Figure(f"{name}: code lines", sum(module.code_lines for module in inside))


def figures(house: House) -> Iterator[Figure]:
    """What the whole package is held to."""
    modules = house.modules
    lengths = [length for module in modules for length in module.function_lengths]
    yield Figure("files", len(modules))
    yield Figure("lines", sum(len(module.text.splitlines()) for module in modules))
    yield Figure(
        "code lines as they stand", sum(len(lines_of_code(module.text)) for module in modules)
    )
    yield Figure("logical lines", sum(module.logical_lines for module in modules))
    yield at_most("code lines", sum(module.code_lines for module in modules), 21_500)
    yield at_most(
        "code lines of the engine",
        sum(module.code_lines for module in modules if module.room in ENGINE),
        8_500,
    )
    yield Figure("functions", len(lengths))
    yield at_most("code lines of a function, median", median(lengths), 8)
    yield Figure(
        "code lines of a function, 90th percentile",
        quantiles(lengths, n=10, method="inclusive")[-1],
    )
    yield Figure(
        f"functions of more than {LONG_FUNCTION} code lines",
        sum(n > LONG_FUNCTION for n in lengths),
    )
    yield at_most("functions named by a bare participle", len(list(_participle_places(house))), 0)
    yield at_most("locals and parameters with a vague name", len(list(_vague_places(house))), 0)
    yield Figure(
        "modules that no test imports", len(house.imports.not_imported(house.folder / "tests"))
    )
    yield at_most(
        "modules without a test, also one import away", len(list(_untested_places(house))), 0
    )
    yield at_most("import circles", len(list(_circle_places(house))), 0)
    yield at_most("imports against the layers", len(list(_upward_places(house))), 0)
    yield at_most("files in the largest folder", max(_folders(house).values()), FULL_FOLDER)
    yield at_most(
        "longest line, characters",
        max(length for *_, length in _line_lengths(house.folder)),
        LONGEST_LINE,
    )


def places(house: House) -> Iterator[str]:
    """Where each goal is not held: `path:line: what is wrong`."""
    yield from _participle_places(house)
    yield from _vague_places(house)
    yield from _untested_places(house)
    yield from _circle_places(house)
    yield from _upward_places(house)
    yield from _long_function_places(house)
    yield from _full_folder_places(house)
    yield from _long_line_places(house.folder)


def _participle_places(house: House) -> Iterator[str]:
    for module in house.modules:
        for function in participles(module):
            yield f"src/{module.path}:{function.lineno}: {function.name} is a bare participle"


def _vague_places(house: House) -> Iterator[str]:
    for module in house.modules:
        for name, line in vague_locals(module):
            yield f"src/{module.path}:{line}: {name} says nothing of what it holds"


def _untested_places(house: House) -> Iterable[str]:
    untested = house.imports.untested(house.folder / "tests")
    return (f"src/{module.path}: no test imports it or its importer" for module in untested)


def _circle_places(house: House) -> Iterable[str]:
    return (f"import circle: {', '.join(circle)}" for circle in house.imports.circles())


def _upward_places(house: House) -> Iterator[str]:
    contracts = house.settings.get("tool", {}).get("importlinter", {}).get("contracts", [])
    for arrow in house.imports.upward(contracts):
        yield f"{arrow.importer}:{arrow.line}: imports {arrow.imported}, which is above it"


def _long_function_places(house: House) -> Iterator[str]:
    for module in house.modules:
        for function, length in zip(module.functions, module.function_lengths, strict=True):
            if length > LONG_FUNCTION:
                place = f"src/{module.path}:{function.lineno}"
                yield f"{place}: {function.name} has {length} code lines"


def _folders(house: House) -> Counter[Path]:
    return Counter(module.path.parent for module in house.modules)


def _full_folder_places(house: House) -> Iterator[str]:
    for folder, files in sorted(_folders(house).items()):
        if files > FULL_FOLDER:
            yield f"src/{folder}: {files} files"


def _long_line_places(folder: Path) -> Iterator[str]:
    for path, number, length in _line_lengths(folder):
        if length > LONGEST_LINE:
            yield f"{path.relative_to(folder)}:{number}: {length} characters"


def _line_lengths(folder: Path) -> Iterator[tuple[Path, int, int]]:
    for part in WRITTEN_BY_HAND:
        for path in sorted((folder / part).rglob("*.py")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield path, number, len(line)


if __name__ == "__main__":
    main()
