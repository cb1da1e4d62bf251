"""What can go wrong, as a tree: every error says what is wrong, with the numbers, and what to do.

    HoldfastError              exit 1   something failed that was asked for correctly
    ├── InputError             exit 2   what came in is wrong
    │   ├── StudyError                  holdfast.toml, an override, an expression in it
    │   ├── DataError                   a source that cannot be read, or that breaks its contract
    │   ├── NotEnoughData               the data is sound but cannot carry the answer
    │   └── NotHonest                   the audit found what makes the answer worthless
    ├── MissingExtra           exit 2   an optional dependency, with its install line
    └── RunError               exit 1   the registry of runs
        ├── RunNotFound        exit 2
        ├── DamagedRun         exit 1   a file differs from the manifest's SHA-256
        └── ProjectBusy        exit 2   another run holds the project

The command line prints `problem` and `fix` without a traceback and exits with `exit_code`; the API
returns the parts as problem JSON.
"""

from collections.abc import Sequence
from difflib import get_close_matches


class HoldfastError(Exception):
    """Base of everything Holdfast raises on purpose.

    Parameters
    ----------
    problem
        What is wrong, where and how many.
    fix
        What to do about it.
    **parts
        The same facts as values, for machines.
    """

    exit_code = 1

    def __init__(self, problem: str, *, fix: str = "", **parts: object) -> None:
        super().__init__(f"{problem}; {fix}" if fix else problem)
        self.problem = problem
        self.fix = fix
        self.parts = parts

    @property
    def code(self) -> str:
        """The class's name, stable for machines."""
        return type(self).__name__


class InputError(HoldfastError):
    """What came in is wrong."""

    exit_code = 2


class StudyError(InputError):
    """The study (holdfast.toml or an override) says something impossible."""


class DataError(InputError):
    """A source cannot be read or breaks its contract."""


class NotEnoughData(InputError):
    """The data is sound but too small, too short or too uniform for the question."""


class NotHonest(InputError):
    """The audit has a fatal finding that the study does not acknowledge."""


class MissingExtra(HoldfastError):
    """An optional dependency is not installed.

    Parameters
    ----------
    extra
        Name of the extra in `pip install 'holdfast[extra]'`.
    needed_for
        What the user asked for.
    """

    exit_code = 2

    def __init__(self, extra: str, *, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the extra '{extra}'",
            fix=f"pip install 'holdfast[{extra}]'",
            extra=extra,
        )


class RunError(HoldfastError):
    """The registry of runs cannot do what was asked."""


class RunNotFound(RunError):
    """No run of that name is published here."""

    exit_code = 2


class DamagedRun(RunError):
    """A file of a published run is missing or differs from its manifest."""


class ProjectBusy(RunError):
    """Another process is running in this project."""

    exit_code = 2


def nearest(word: str, words: Sequence[str]) -> str:
    """Say which of some words is meant, for the end of an error message.

    >>> nearest("horizn_days", ["horizon_days", "seed"])
    "did you mean 'horizon_days'?"
    >>> nearest("x", ["horizon_days", "seed"])
    'known: horizon_days, seed'
    """
    close = get_close_matches(word, words, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(words)}"


def first_line(error: Exception) -> str:
    """What an error says first, for the inside of a message of our own."""
    return str(error).strip().splitlines()[0]
