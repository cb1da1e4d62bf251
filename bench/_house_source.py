"""A package as text: its modules laid out alike, and their lines, functions and names counted.

A code line holds a token that is no comment and no docstring, once the file is laid out at 120
columns with trailing commas ignored, so that breaking a line costs nothing and joining two gains
nothing. Tables laid out by hand (`# fmt: skip`) count as they stand: 25,811 lines at commit
5217db1, counted the same way.
"""

import ast
import io
import shutil
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
_LAYOUT = ["--config", "line-length=120", "--config", "format.skip-magic-trailing-comma=true"]


@dataclass(frozen=True)
class Module:
    """One module: its dotted name, its path under the source folder, its text, also laid out."""

    name: str
    path: Path
    text: str
    laid_out: str

    @property
    def is_package(self) -> bool:
        """Whether it is an `__init__.py`."""
        return self.path.name == "__init__.py"

    @property
    def room(self) -> str:
        """The package or module of the first level that it belongs to; the root has its own."""
        return self.name.split(".")[1] if "." in self.name else self.name

    @property
    def is_ground(self) -> bool:
        """Whether it lies beside the packages, not in one."""
        return len(self.path.parts) == 2

    @cached_property
    def tree(self) -> ast.Module:
        """The text, parsed."""
        return ast.parse(self.text)

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def code_lines(self) -> int:
        """Code lines, laid out."""
        return len(lines_of_code(self.laid_out))

    @cached_property
    def logical_lines(self) -> int:
        """Statements, however many lines each takes; a docstring counts as one."""
        return sum(token.type == tokenize.NEWLINE for token in _tokens(self.text))

    @cached_property
    def function_lengths(self) -> list[int]:
        """Code lines of each function from `def` to its end, laid out."""
        code = lines_of_code(self.laid_out)
        return [
            len(code & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)))
            for node in ast.walk(ast.parse(self.laid_out))
            if isinstance(node, Function)
        ]


def has_formatter() -> bool:
    """Whether ruff is installed; without it code is counted as it stands."""
    return find_spec("ruff") is not None or shutil.which("ruff") is not None


def read_package(source: Path, package: str) -> list[Module]:
    """The modules of `source/package`, by name."""
    paths = sorted((source / package).rglob("*.py"))
    with tempfile.TemporaryDirectory(prefix="holdfast-") as scratch:
        copies = _lay_out(source, paths, Path(scratch))
        return [
            _module(path.relative_to(source), path, copy)
            for path, copy in zip(paths, copies, strict=True)
        ]


def lines_of_code(text: str) -> set[int]:
    """The numbers of the lines that hold code.

    >>> text = '"A docstring."\\n\\nx = 1  # a comment\\n# another\\ny = [\\n    2,\\n]\\n'
    >>> sorted(lines_of_code(text))
    [3, 5, 6, 7]
    """
    lines: set[int] = set()
    for token in _tokens(text):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - set(_docstring_lines(ast.parse(text)))


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | Function)
            and ast.get_docstring(node, clean=False) is not None
        ):
            yield from range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(text).readline)


def _module(path: Path, original: Path, copy: Path) -> Module:
    name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    return Module(
        name, path, original.read_text(encoding="utf-8"), copy.read_text(encoding="utf-8")
    )


def _lay_out(source: Path, paths: list[Path], scratch: Path) -> list[Path]:
    copies = [scratch / path.relative_to(source) for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    if has_formatter():
        ruff = [sys.executable, "-m", "ruff"] if find_spec("ruff") else ["ruff"]
        command = [*ruff, "format", "--quiet", "--isolated", "--no-cache", *_LAYOUT, str(scratch)]
        subprocess.run(command, check=True)
    return copies
