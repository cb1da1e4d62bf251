"""Live steps on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from holdfast.progress import Listener, Silence


class PlainLines:
    """One line a finished step, on stderr, for logs and pipes."""

    def __init__(self, out: Console) -> None:
        self._out = out

    def start(self, step: str) -> None:
        """Say nothing yet."""

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Print the step."""
        self._out.print(Text(f"{step:<34} {seconds:6.1f} s  {detail}".rstrip()))


class LiveSteps:
    """Finished steps above, the one under way with its elapsed time below."""

    def __init__(self, shown: Progress) -> None:
        self._shown, self._task = shown, shown.add_task("")

    def start(self, step: str) -> None:
        """Show the step as under way."""
        self._shown.reset(self._task, description=f"{step:<34}")

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Move the step above."""
        line = f"{step:<34} {seconds:6.1f} s  "
        self._shown.console.print(Text.assemble(("✓ ", "green"), line, (detail, "dim")))


@contextmanager
def progress(*, silent: bool) -> Iterator[Listener]:
    """Whoever is to hear of the steps of a run."""
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    if silent:
        yield Silence()
    elif not out.is_terminal:
        yield PlainLines(out)
    else:
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        with Progress(*columns, console=out, transient=True) as shown:
            yield LiveSteps(shown)


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
