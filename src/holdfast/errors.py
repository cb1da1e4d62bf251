"""What can go wrong, as a tree: every error says what is wrong, with the numbers, and what to do.

    HoldfastError              exit 1   something failed that was asked for correctly
    ├── InputError             exit 2   what came in is wrong
    │   ├── StudyError                  holdfast.toml, an override, an expression in it
    │   ├── DataError                   a source that cannot be read, or that breaks its contract
    │   ├── NotEnoughData               the data is sound but cannot carry the answer
    │   ├── NotHonest                   the audit found what makes the answer worthless
    │   ├── CustomerNotFound            the run has heard of no such customer
    │   └── CustomerNotEligible         it has, and the customer is outside `churn.eligible`
    ├── MissingExtra           exit 2   an optional dependency, with its install line
    ├── NotFittedError         exit 1   an estimator was asked before `fit`
    ├── MachineError           exit 1   the disk, the memory or a permission, not the data
    └── RunError               exit 1   the registry of runs
        ├── RunNotFound        exit 2
        ├── DamagedRun         exit 1   a file differs from the manifest's SHA-256
        └── ProjectBusy        exit 2   another run holds the project

The command line prints `problem` and `fix` without a traceback and exits with `exit_code`; the API
returns the parts as problem JSON.
"""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import accumulate, takewhile

DISTRIBUTION = "holdfast-clv"
"""What is installed; `holdfast` on PyPI is somebody else's project."""


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


class CustomerNotFound(InputError):
    """The run has heard of no customer of that name."""


class CustomerNotEligible(InputError):
    """The run knows the customer, who is not among those it predicts for.

    Attributes
    ----------
    parts
        `customer_id`, `last_purchase_date` (None: never bought) and `eligible`, the study's rule.
    """


class NotFittedError(HoldfastError, ValueError, AttributeError):
    """An estimator was asked something before it was fitted; of the kinds that scikit-learn's own
    error of that name has.
    """

    def __init__(self, estimator: object) -> None:
        super().__init__(
            f"{type(estimator).__name__} has no parameters yet",
            fix="call fit or from_parameters first",
        )


class MissingExtra(HoldfastError):
    """An optional dependency is not installed.

    Parameters
    ----------
    extra
        Name of the extra in `pip install 'holdfast-clv[extra]'`.
    needed_for
        What the user asked for.
    """

    exit_code = 2

    def __init__(self, extra: str, *, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the extra '{extra}'",
            fix=f"pip install '{DISTRIBUTION}[{extra}]'",
            extra=extra,
        )


class MachineError(HoldfastError):
    """The machine cannot: its disk, its memory, or what it lets us do; the data may be in order.

    Attributes
    ----------
    parts
        `cause` is "disk full", "read-only", "permission", "damaged disk", "memory" or "open files";
        `path` is the file, where the system names one.
    """


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


_COMPARED = 100
"""Characters of a word: the comparison takes the square of them, and it comes from outside."""
_LISTED = 1_000
"""Characters of a list of words: a table may have thousands of columns."""


def nearest(word: str, words: Sequence[str]) -> str:
    """Say which of some words is meant, for the end of an error message.

    >>> nearest("horizn_days", ["horizon_days", "seed"])
    "did you mean 'horizon_days'?"
    >>> nearest("x", ["horizon_days", "seed"])
    'known: horizon_days, seed'
    """
    close = get_close_matches(word[:_COMPARED], words, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {_list(words)}"


def _list(words: Sequence[str]) -> str:
    """Words up to a length, and how many more there are."""
    ends = accumulate(len(word) + 2 for word in words)
    n = max(1, sum(1 for _ in takewhile(lambda end: end <= _LISTED, ends)))
    more = f" and {len(words) - n:,} more" if len(words) > n else ""
    return ", ".join(word[:_LISTED] for word in words[:n]) + more


def first_line(error: Exception) -> str:
    """What an error says first, for the inside of a message of our own."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


_FREE = "free some space, and try again"
_WORDS: Mapping[str, tuple[str, str]] = {
    "disk full": ("the disk is full", _FREE),
    "read-only": ("the file system is read-only", "mount it for writing, or name another folder"),
    "permission": ("permission is denied", "let this user read and write there"),
    "damaged disk": ("the disk failed to read or write", "check the disk, and try again"),
    "memory": (
        "the memory is not enough",
        "close other programs, read fewer rows or columns, or use a machine with more memory",
    ),
    "open files": ("too many files are open", "raise the limit, as in `ulimit -n 4096`"),
}
_CAUSES: Mapping[int, str] = {
    errno.ENOSPC: "disk full", errno.EDQUOT: "disk full", errno.EFBIG: "disk full",
    errno.EROFS: "read-only", errno.EACCES: "permission", errno.EPERM: "permission",
    errno.EIO: "damaged disk", errno.ENOMEM: "memory", errno.EMFILE: "open files",
    errno.ENFILE: "open files",
}  # fmt: skip
_LIBRARIES = ("duckdb", "_duckdb", "polars", "pyarrow", "lightgbm")


def system_error(error: BaseException) -> MachineError | None:
    """Say in a sentence what the machine refused; None where the error is of another kind.

    Read are the numbers of the system's own errors and, where a library keeps them to itself
    (Polars, DuckDB, Arrow), its words.

    >>> print(system_error(OSError(28, "No space left on device", "scores.parquet")))
    the disk is full (scores.parquet); free some space, and try again
    >>> system_error(KeyError("No space left on device")) is None
    True
    """
    cause = _cause(error)
    if cause is None:
        return None
    problem, fix = _WORDS[cause]
    path = getattr(error, "filename", None)
    where = f" ({path})" if path is not None else ""
    return MachineError(problem + where, fix=fix, cause=cause, path=path)


def _cause(error: BaseException) -> str | None:
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError) and error.errno is not None:
        return _CAUSES.get(error.errno)
    if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in _LIBRARIES:
        return None
    text = str(error)
    if match := re.search(r"(?:os error|errno) (\d+)", text):
        return _CAUSES.get(int(match[1]))
    if "max_temp_directory_size" in text:
        return "disk full"
    if re.search(r"Out of Memory|bad alloc|malloc of size|cannot allocate", text, re.IGNORECASE):
        return "memory"
    return next((cause for number, cause in _CAUSES.items() if os.strerror(number) in text), None)
