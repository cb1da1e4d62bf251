"""Progress: the steps of a run, their seconds and what each has to say, told to whoever listens."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol


class Listener(Protocol):
    """Who wants to hear of steps: a terminal, a log, nobody."""

    def start(self, step: str) -> None:
        """A step begins."""

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """A part of the step begins, after so many of all its parts; `what` names it."""

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """A step has ended well."""


class Silence:
    """Hears nothing."""

    def start(self, step: str) -> None:
        """Ignore it."""

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Ignore it."""

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Ignore it."""


@dataclass(frozen=True)
class Several:
    """Passes all that it hears on to several listeners."""

    listeners: Sequence[Listener]

    def start(self, step: str) -> None:
        """Pass it on."""
        for each in self.listeners:
            each.start(step)

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Pass it on."""
        for each in self.listeners:
            each.advance(step, what, done=done, total=total)

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """Pass it on."""
        for each in self.listeners:
            each.finish(step, seconds=seconds, detail=detail)


@dataclass
class Step:
    """A step under way; `detail` is what it has to say when it ends."""

    name: str
    listener: Listener
    detail: str = ""

    def advance(self, what: str, *, done: int, total: int) -> None:
        """Tell that a part of the step begins, after so many of all its parts."""
        self.listener.advance(self.name, what, done=done, total=total)


@dataclass(frozen=True)
class Within(Silence):
    """Tells what is heard while a step is under way as a part of that step."""

    step: Step

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """Tell it."""
        self.step.advance(what, done=done, total=total)


@dataclass
class Steps:
    """The steps so far: name -> seconds, in order."""

    listener: Listener = field(default_factory=Silence)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Step]:
        """Time one step and tell the listener."""
        step = Step(name, self.listener)
        self.listener.start(name)
        begun = perf_counter()
        yield step
        self.seconds[name] = round(perf_counter() - begun, 3)
        self.listener.finish(name, seconds=self.seconds[name], detail=step.detail)
