"""A full sweep at a command: everyone is evaluated now, on two connections side by side, so that
PostgreSQL writes for one while the models score for the other.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from holdfast.storage.runs import Registry
from holdfast.stream.clock import Clock
from holdfast.stream.state.postgres import read_row
from holdfast.stream.step import Stepper
from holdfast.stream.sweep import CHUNK
from holdfast.stream.worker import one_stepper
from holdfast.study import Study

_CONNECTIONS = 2


def sweep(study: Study, clock: Clock, registry: Registry, *, say: Callable[[str], None]) -> int:
    """Evaluate everyone; returns how many were looked at.

    Raises
    ------
    HoldfastError
        There is no state, or the published run cannot score.
    """
    with ExitStack() as stack:
        first = stack.enter_context(one_stepper(study, clock, registry, say=say))
        steppers = [first]
        for _ in range(1, _CONNECTIONS):
            other = one_stepper(study, clock, registry, say=lambda _: None)
            steppers.append(stack.enter_context(other))
        return sweep_side_by_side(steppers)


def sweep_side_by_side(steppers: Sequence[Stepper]) -> int:
    """Evaluate everyone by these steppers; returns how many were looked at."""
    (last,) = read_row(steppers[0].connection, "SELECT coalesce(max(number), 0) FROM customers")
    chunks = range(0, last, CHUNK)
    shares = [chunks[place :: len(steppers)] for place in range(len(steppers))]
    with ThreadPoolExecutor(len(steppers)) as pool:
        return sum(pool.map(_evaluate, steppers, shares))


def _evaluate(stepper: Stepper, chunks: Sequence[int]) -> int:
    return sum(
        stepper.evaluate("number > %s AND number <= %s", [first, first + CHUNK]) for first in chunks
    )
