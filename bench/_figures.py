"""Figures: what a benchmark measured, the goal it was held against and whether it held."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One figure. `goal` is None for a figure that is only told; `holds` is None with it."""

    name: str
    value: float
    goal: str | None = None
    holds: bool | None = None


def at_most(name: str, value: float, goal: float) -> Figure:
    """A figure that should not exceed its goal."""
    return Figure(name, value, f"<= {goal:g}", value <= goal)


def at_least(name: str, value: float, goal: float) -> Figure:
    """A figure that should reach its goal."""
    return Figure(name, value, f">= {goal:g}", value >= goal)


def show(figures: Iterable[Figure], *, as_json: bool) -> None:
    """Print a table, or a JSON list of {name, value, goal, holds}."""
    figures = list(figures)
    if as_json:
        print(json.dumps([asdict(figure) for figure in figures], indent=1))
        return
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        verdict = {True: "holds", False: "FAILS", None: ""}[figure.holds]
        value = (
            f"{figure.value:,.0f}" if float(figure.value).is_integer() else f"{figure.value:,.4g}"
        )
        print(f"{figure.name:<{width}}  {value:>12}  {figure.goal or '':>10}  {verdict}")


def in_child(*arguments: str) -> tuple[dict[str, float], float]:
    """Run `python -m ARGUMENTS` on its own and return the JSON object of its last line and its peak
    memory in GB.

    Raises
    ------
    subprocess.CalledProcessError
        It failed; its own words are on standard error.
    """
    command = [sys.executable, "-m", *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    lines = child.stdout.read().splitlines()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return json.loads(lines[-1]), used.ru_maxrss / 1e6
