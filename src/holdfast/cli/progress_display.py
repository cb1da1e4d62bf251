"""Live steps on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from time import perf_counter

from rich.console import Console
from rich.progress import (
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from holdfast.progress import Listener, Silence

_QUIET_SECONDS = 10


class TimeLeft:
    """How long it may still take: by what each step took in an earlier run, and within a step by
    the parts that are done.

    Parameters
    ----------
    earlier
        Step -> seconds, in order; without it only the step under way is counted.

    Attributes
    ----------
    of
        What is counted, for `describe_left`.
    """

    def __init__(self, earlier: Mapping[str, float] | None = None) -> None:
        self._ahead = dict(earlier or {})
        self.of = "" if earlier else "this step"
        self._step_seconds: float | None = None
        self._rest: float | None = None
        self._begun = self._at = 0.0

    def start(self, step: str, *, now: float) -> None:
        """A step begins."""
        self._step_seconds, self._begun = self._ahead.pop(step, None), now
        self._rest = None

    def advance(self, *, done: int, total: int, now: float) -> None:
        """So many of all parts of the step are done."""
        if done:
            self._rest, self._at = (now - self._begun) / done * (total - done), now

    def seconds(self, *, now: float) -> float | None:
        """Seconds left; None where nobody can say.

        >>> left = TimeLeft({"Read": 2.0, "Prove": 30.0, "Learn": 10.0})
        >>> left.start("Prove", now=0.0)
        >>> left.seconds(now=10.0)
        32.0
        >>> left.advance(done=1, total=4, now=20.0)
        >>> left.seconds(now=25.0)
        67.0
        """
        if self._rest is not None:
            rest = self._rest - (now - self._at)
        elif self._step_seconds is not None:
            rest = self._step_seconds - (now - self._begun)
        else:
            return None
        return max(rest, 0.0) + sum(self._ahead.values())


def describe_left(seconds: float | None, *, of: str = "") -> str:
    """Seconds in words that claim no more than they know.

    Parameters
    ----------
    of
        What is left of: "" for everything.

    >>> [describe_left(each) for each in (None, 0.4, 42.0, 200.0)]
    ['', 'nearly done', 'about 45 s left', 'about 4 min left']
    >>> describe_left(42.0, of="this step")
    'about 45 s left of this step'
    """
    if seconds is None:
        return ""
    which = f" of {of}" if of else ""
    if seconds < 2.5:
        return "" if of else "nearly done"
    if seconds < 90:
        return f"about {5 * ceil(seconds / 5)} s left{which}"
    return f"about {ceil(seconds / 60)} min left{which}"


class PlainLines:
    """One line a finished step, on stderr, for logs and pipes; of a long one also its parts."""

    def __init__(self, out: Console) -> None:
        self._out, self._left, self._said = out, TimeLeft(), perf_counter()

    def start(self, step: str) -> None:
        """Say nothing yet."""
        self._left.start(step, now=perf_counter())

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Print the part, where nothing was printed for a while."""
        now = perf_counter()
        self._left.advance(done=done, total=total, now=now)
        if now - self._said >= _QUIET_SECONDS:
            self._said = now
            left = describe_left(self._left.seconds(now=now), of=self._left.of)
            self._out.print(Text(", ".join(filter(None, [f"  {step}: {what}", left]))))

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Print the step."""
        self._said = perf_counter()
        self._out.print(Text(f"{step:<34} {seconds:6.1f} s  {detail}".rstrip()))


class LiveSteps:
    """Finished steps above, below the one under way with its part, its elapsed time and what is
    left.
    """

    def __init__(self, shown: Progress, left: TimeLeft) -> None:
        self._shown, self._task, self._left = shown, shown.add_task(""), left

    def start(self, step: str) -> None:
        """Show the step as under way."""
        self._left.start(step, now=perf_counter())
        self._shown.reset(self._task, description=f"{step:<34}")

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Show which part of it is."""
        self._left.advance(done=done, total=total, now=perf_counter())
        self._shown.update(self._task, description=f"{step}: {what}")

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Move the step above."""
        line = f"{step:<34} {seconds:6.1f} s  "
        self._shown.console.print(Text.assemble(("✓ ", "green"), line, (detail, "dim")))


class _LeftColumn(ProgressColumn):
    """What is left, told anew each second."""

    max_refresh = 1.0

    def __init__(self, left: TimeLeft) -> None:
        super().__init__()
        self._left = left

    def render(self, _: Task) -> Text:
        """Draw it."""
        return Text(describe_left(self._left.seconds(now=perf_counter()), of=self._left.of), "dim")


@contextmanager
def progress(*, silent: bool, earlier: Mapping[str, float] | None = None) -> Iterator[Listener]:
    """Whoever is to hear of the steps of a run.

    Parameters
    ----------
    earlier
        Seconds of each step of an earlier run, to say how much is left.
    """
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    if silent:
        yield Silence()
    elif not out.is_terminal:
        yield PlainLines(out)
    else:
        left = TimeLeft(earlier)
        words = TextColumn("{task.description}")
        columns = SpinnerColumn(), words, TimeElapsedColumn(), _LeftColumn(left)
        with Progress(*columns, console=out, transient=True) as shown:
            yield LiveSteps(shown, left)


@contextmanager
def bar(
    what: str, *, total: int | None = None, in_bytes: bool = False, silent: bool
) -> Iterator[Callable[..., None]]:
    """A bar that fills as the callback is told how much is done, and of how much."""
    amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (*Progress.get_default_columns(), amount)
    with Progress(*columns, console=Console(stderr=True), disable=silent, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done, of=total: shown.update(task, completed=done, total=of)
