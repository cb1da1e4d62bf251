"""Who imports whom in a package: circles, arrows against its layers, modules without a test."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bench._house_source import Function, Module


@dataclass(frozen=True)
class Arrow:
    """One import inside the package; `deferred` within a function or only for type checkers."""

    importer: str
    imported: str
    line: int
    deferred: bool


class Imports:
    """The imports of a package."""

    def __init__(self, modules: list[Module]) -> None:
        self.modules = {module.name: module for module in modules}
        self.root = modules[0].name.split(".")[0]
        self.arrows = [arrow for module in modules for arrow in self._arrows(module)]
        self._homes = {
            module.name: _lazy_homes(module.tree) | self._re_exports(module) for module in modules
        }

    def circles(self) -> list[list[str]]:
        """Groups of modules that import each other, if through others, when they are imported."""
        imported: dict[str, set[str]] = {name: set() for name in self.modules}
        for arrow in self.arrows:
            if not arrow.deferred:
                imported[arrow.importer].add(arrow.imported)
        reached = {name: _reachable(name, imported) for name in imported}
        circles = {
            tuple(sorted({name} | {other for other in reached[name] if name in reached[other]}))
            for name in imported
            if name in reached[name]
        }
        return [list(circle) for circle in sorted(circles)]

    def upward(self, contracts: list[dict[str, Any]]) -> list[Arrow]:
        """Arrows from a layer to one above or beside it, by import-linter's `layers` contracts."""
        return [
            arrow
            for contract in contracts
            if contract["type"] == "layers"
            for arrow in self.arrows
            if _climbs(arrow, contract) and not _is_ignored(arrow, contract)
        ]

    def not_imported(self, tests: Path) -> list[Module]:
        """Modules that no file under `tests` imports, itself or by a name of it."""
        return self._others(self._imported_under(tests))

    def untested(self, tests: Path) -> list[Module]:
        """Modules without a test: none imports it or its importer, and none is named for it.

        The test named for `package.room.module` is `tests/room/test_module.py`.
        """
        imported = self._imported_under(tests)
        further = {arrow.imported for arrow in self.arrows if arrow.importer in imported}
        return [
            module
            for module in self._others(imported | further)
            if not (tests / _test_of(module)).is_file()
        ]

    def _others(self, names: set[str]) -> list[Module]:
        return [
            module
            for module in self.modules.values()
            if module.name not in names and module.path.name not in ("__init__.py", "__main__.py")
        ]

    def _imported_under(self, tests: Path) -> set[str]:
        return {name for path in tests.rglob("*.py") for name in self._imported_by(_parse(path))}

    def _arrows(self, module: Module) -> Iterator[Arrow]:
        at_import = {id(node) for node in _at_import(module.tree)}
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for target in sorted(set(self._targets(node)) - {module.name}):
                    yield Arrow(module.name, target, node.lineno, id(node) not in at_import)

    def _targets(self, node: ast.AST) -> Iterator[str]:
        """The modules of the package that an import names."""
        for dotted in _dotted(node):
            parent = dotted.rpartition(".")[0]
            if target := next((name for name in (dotted, parent) if name in self.modules), None):
                yield target

    def _re_exports(self, module: Module) -> dict[str, str]:
        """Names that a package hands on from its modules: name -> where it is defined."""
        if not module.is_package:
            return {}
        return {
            alias.asname or alias.name: node.module
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom) and node.module in self.modules
            for alias in node.names
            if f"{node.module}.{alias.name}" not in self.modules
        }

    def _imported_by(self, tree: ast.Module) -> Iterator[str]:
        roots = set()
        for node in ast.walk(tree):
            for dotted in _dotted(node):
                yield from self._homes_of(dotted)
            if isinstance(node, ast.Import):
                roots |= {
                    alias.asname or alias.name for alias in node.names if alias.name == self.root
                }
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in roots
            ):
                yield from self._homes_of(f"{self.root}.{node.attr}")

    def _homes_of(self, dotted: str) -> Iterator[str]:
        """The module that a dotted name is or stands in, through packages that hand it on."""
        parent, _, name = dotted.rpartition(".")
        home = self._homes.get(parent, {}).get(name)
        if home:
            yield from self._homes_of(f"{home}.{name}")
        elif target := next((name for name in (dotted, parent) if name in self.modules), None):
            yield target


def _test_of(module: Module) -> Path:
    path = module.path.relative_to(module.path.parts[0])
    return path.with_name(f"test_{path.name}")


def _dotted(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported: no body of a function, nothing under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if not isinstance(child, Function):
            yield child
            yield from _at_import(child)


def _lazy_homes(tree: ast.Module) -> dict[str, str]:
    """What a module-level `_HOMES = {name: module}` says."""
    return {
        name: home
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "_HOMES" for t in node.targets)
        for name, home in ast.literal_eval(node.value).items()
    }


def _reachable(name: str, imported: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(imported[name])
    while waiting:
        target = waiting.pop()
        if target not in reached:
            reached.add(target)
            waiting.extend(imported[target])
    return reached


def _climbs(arrow: Arrow, contract: dict[str, Any]) -> bool:
    for container in contract.get("containers", [""]):
        levels = dict(_levels(container, contract["layers"]))
        below, above = _level(arrow.importer, levels), _level(arrow.imported, levels)
        if below and above and below != above and above[0] <= below[0]:
            return True
    return False


def _levels(container: str, layers: Iterable[str]) -> Iterator[tuple[str, tuple[int, str]]]:
    """Module -> its level from the top; modules parted by a colon may import each other."""
    for number, layer in enumerate(layers):
        for name in layer.replace("|", ":").split(":"):
            bare = name.strip().strip("()")
            yield f"{container}.{bare}".lstrip("."), (number, layer if ":" in layer else bare)


def _level(name: str, levels: dict[str, tuple[int, str]]) -> tuple[int, str] | None:
    while name:
        if name in levels:
            return levels[name]
        name = name.rpartition(".")[0]
    return None


def _is_ignored(arrow: Arrow, contract: dict[str, Any]) -> bool:
    rules = (rule.split("->") for rule in contract.get("ignore_imports", []))
    return any(
        fnmatchcase(arrow.importer, importer.strip())
        and fnmatchcase(arrow.imported, imported.strip())
        for importer, imported in rules
    )


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
