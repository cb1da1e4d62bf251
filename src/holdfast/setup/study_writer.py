"""A holdfast.toml under way: what is known better replaces what is guessed, and each line
says why.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.errors import StudyError

NOTHING = "-"
"""What is given for a key that shall not be in the study."""
Value = str | int | list[str] | list[int]


@dataclass(frozen=True, kw_only=True)
class Guess:
    """One thing that was guessed about a file.

    Attributes
    ----------
    key
        Where it stands in the study, dotted: transactions.columns.customer_id.
    value
        As the study has it, a text without its quotes.
    because
        What speaks for it.
    sure
        False where something speaks against it, or nothing for it: confirm it.
    examples, readable, runner_up
        Of a column: a few of its values, the share of rows in which it can be read, and the column
        that would be next.
    """

    key: str
    value: str
    because: str
    sure: bool
    examples: tuple[str, ...] = ()
    readable: float | None = None
    runner_up: str | None = None


@dataclass
class Draft:
    """The lines of a study and the guesses in them.

    Parameters
    ----------
    given
        Dotted key -> what is known better than any guess.

    Attributes
    ----------
    lacks
        What the file lacks so that a run could answer at all.
    """

    given: Mapping[str, str]
    guesses: list[Guess] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    _sections: dict[str, list[str]] = field(default_factory=dict)
    _section: str = ""

    @property
    def text(self) -> str:
        """The file; what is given for keys that were not guessed stands at the end of its table."""
        sections = {name: list(lines) for name, lines in self._sections.items()}
        guessed = {guess.key for guess in self.guesses}
        for key, value in self.given.items():
            if key not in guessed and value != NOTHING:
                table, _, last = key.rpartition(".")
                sections.setdefault(table or "study", []).append(
                    f"{_key(last)} = {_toml(value)}  # as given"
                )
        tables = (
            "\n".join([f"[{name}]", *lines]) if name else "\n".join(lines)
            for name, lines in sections.items()
            if lines
        )
        return "\n\n".join(tables) + "\n"

    def comment(self, text: str) -> None:
        """Add a line that is only read by people."""
        self._sections.setdefault(self._section, []).append(f"# {_one_line(text)}")

    def section(self, name: str) -> None:
        """Begin a table."""
        self._section = name
        self._sections.setdefault(name, [])

    def doubt(self, key: str, because: str) -> None:
        """Say what was not found for a key, and leave it out."""
        dotted = f"{self._section}.{key}"
        if dotted in self.given:
            return
        self.comment(f"{key}: {because} (?)")
        self.guesses.append(Guess(key=dotted, value="", because=because, sure=False))

    def put(
        self, key: str, value: Value | None, because: str, *, sure: bool = True, **seen: Any
    ) -> None:
        """Add a key with what is given for it, or else with the guess; without either, or where it
        is given as nothing, add nothing. `seen` is what a Guess says of a column besides.
        """
        dotted = f"{self._section}.{key}"
        if dotted in self.given:
            value, because, sure = _read(self.given[dotted], like=value), "as given", True
        if value is None or value == NOTHING:
            return
        why = _one_line(because) + ("" if sure else " (?)")
        self._sections[self._section].append(f"{_key(key)} = {to_toml(value)}  # {why}")
        text = value if isinstance(value, str) else to_toml(value)
        self.guesses.append(Guess(key=dotted, value=text, because=because, sure=sure, **seen))


def to_toml(value: Value) -> str:
    """A value as TOML has it.

    >>> to_toml('a "b"'), to_toml(["x", "y"]), to_toml(3)
    ('"a \\\\"b\\\\""', '["x", "y"]', '3')
    """
    if isinstance(value, str):
        # A TOML basic string escapes as JSON does, but for DEL, which JSON leaves alone.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(to_toml, value))}]"
    return str(value)


def path_in(project_dir: Path, path: Path) -> str:
    """A path as the study has it: relative if it lies below the project."""
    absolute, project = path.absolute(), project_dir.absolute()
    return (
        absolute.relative_to(project).as_posix()
        if absolute.is_relative_to(project)
        else absolute.as_posix()
    )


def _read(given: str, *, like: Value | None) -> Value:
    if like is None or isinstance(like, str):
        return given
    try:
        value: Value = tomllib.loads(f"v = {given}")["v"]
    except tomllib.TOMLDecodeError:
        raise StudyError(
            f"{given!r} is no value for {to_toml(like)}", fix="write it as TOML does"
        ) from None
    return value


def _toml(given: str) -> str:
    """Return a given value as TOML has it: itself if it is TOML, else as a text."""
    given = _one_line(given)
    try:
        tomllib.loads(f"v = {given}")
    except tomllib.TOMLDecodeError:
        return to_toml(given)
    return given


def _one_line(text: str) -> str:
    # A column or a file may have a line break in its name, and a comment would end there.
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else to_toml(name)
