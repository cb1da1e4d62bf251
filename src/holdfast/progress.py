"""Progress: the steps of a run, their seconds and what each has to say, told to whoever listens."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol


class Listener(Protocol):
    """Who wants to hear of steps: a terminal, a log, nobody."""

    def start(self, step: str) -> None:
        """A step begins."""

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """A step has ended well."""


class Silence:
    """Hears nothing."""

    def start(self, step: str) -> None:
        """Ignore it."""

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Ignore it."""


@dataclass
class Step:
    """A step under way; `detail` is what it has to say when it ends."""

    name: str
    detail: str = ""


@dataclass
class Steps:
    """The steps so far: name -> seconds, in order."""

    listener: Listener = field(default_factory=Silence)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Step]:
        """Time one step and tell the listener."""
        step = Step(name)
        self.listener.start(name)
        begun = perf_counter()
        yield step
        self.seconds[name] = round(perf_counter() - begun, 3)
        self.listener.finish(name, seconds=self.seconds[name], detail=step.detail)
