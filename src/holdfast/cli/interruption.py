"""Being stopped: Ctrl-C or SIGTERM ends a command within two seconds, with a sentence, and leaves
nothing half done.

A signal becomes an exception, so that whatever is open is closed. Python raises it only between two
of its own steps, and a model may be learnt for minutes within one; so a thread listens as well, and
where the exception does not come through it cleans up itself and ends the process.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.storage.runs import Registry

_PATIENCE_SECONDS = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked for the end."""


class _Ending:
    """What is said and cleaned at the end, by whichever thread gets there first."""

    def __init__(self) -> None:
        self.number = 0
        self.sentence: Callable[[], str] = lambda: "interrupted; nothing was published"
        self.clean: Callable[[], None] = lambda: None
        self._first = threading.Lock()

    def say(self) -> None:
        """Tell, once, and show the cursor that a progress display may have hidden."""
        if self._first.acquire(blocking=False):
            shown = "\x1b[?25h" if sys.stderr.isatty() else ""
            sys.stderr.write(f"{shown}{self.sentence()}\n")
            sys.stderr.flush()


_ending = _Ending()
say = _ending.say


def listen() -> None:
    """From now on SIGINT and SIGTERM end this process."""
    if threading.current_thread() is not threading.main_thread():
        return  # another program runs the command inside itself, and keeps its signals
    for number in _SIGNALS:
        signal.signal(number, interrupt)
    signal.set_wakeup_fd(_start_listener())


@cache
def _start_listener() -> int:
    """Start the thread that listens, once; returns the file by which signals wake it."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_wait, args=(reader,), daemon=True).start()
    return writer


def interrupt(number: int, _: object) -> None:
    """Raise, once: what is being closed is not to be disturbed."""
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    _ending.number = number
    raise Interrupted(number)


def exit_code() -> int | None:
    """What shells expect of a process that a signal ended; None where none came."""
    return 128 + _ending.number if _ending.number else None


def watch_runs(registry: "Registry") -> None:
    """Say at the end whether a run was made, and leave no staging."""
    before = set(registry.run_ids())

    def sentence() -> str:
        published = sorted(set(registry.run_ids()) - before)
        champion = " and is the one published" * (registry.champion_id() in published)
        which = f"run {published[-1]} was made{champion}" if published else ""
        return f"interrupted; {which or 'nothing was published'}"

    def clean() -> None:
        # Another process may hold the project: the staging is its own then.
        holder = registry.folder / ".lock"
        if holder.is_file() and holder.read_text(encoding="utf-8").strip() == str(os.getpid()):
            shutil.rmtree(registry.folder / ".staging", ignore_errors=True)

    _ending.sentence, _ending.clean = sentence, clean


def _wait(reader: int) -> None:
    number = 0
    while number not in _SIGNALS:
        number = os.read(reader, 1)[0]
    time.sleep(_PATIENCE_SECONDS)
    _ending.say()
    _ending.clean()
    os._exit(128 + number)
