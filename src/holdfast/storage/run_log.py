"""The log of a run: `runs/logs/<moment>.jsonl`, a line for each thing that happened, so that a run
nobody watched can be looked into, above all one that failed.
"""

import json
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from holdfast.errors import HoldfastError
from holdfast.storage.safe_files import os_errors_as

FOLDER = "logs"
_KEPT = 30
_MOMENT = "%Y%m%dT%H%M%S%fZ"


class RunLog:
    """Hears the steps of a run, and writes each as one JSON object at once: `at` (UTC), `event`
    (began, started, progress, ended, failed, interrupted, published) and what there is to say.

    The last thirty logs are kept.

    Raises
    ------
    HoldfastError
        The file cannot be made.
    """

    def __init__(self, runs: Path) -> None:
        folder = runs / FOLDER
        self.path = folder / f"{datetime.now(UTC):{_MOMENT}}.jsonl"
        problem = f"the log {self.path} cannot be written"
        with os_errors_as(HoldfastError, problem, fix="free the folder"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in sorted(folder.glob("*.jsonl"))[: 1 - _KEPT]:
                old.unlink(missing_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: TextIO = open(descriptor, "w", encoding="utf-8")  # noqa: PTH123, SIM115

    def start(self, step: str) -> None:
        """A step begins."""
        self.write("started", step=step)

    def advance(self, step: str, what: str, *, done: int, total: int) -> None:
        """A part of a step begins."""
        self.write("progress", step=step, what=what, done=done, total=total)

    def finish(self, step: str, *, seconds: float, detail: str) -> None:
        """A step has ended well."""
        self.write("ended", step=step, seconds=seconds, detail=detail)

    def write(self, event: str, **facts: Any) -> None:
        """Add a line."""
        line = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "event": event, **facts}
        self._file.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        """Write how it ended badly, if it did; the error then names this file."""
        if isinstance(error, HoldfastError):
            parts = {name: each for name, each in error.parts.items() if name == "findings"}
            self.write("failed", code=error.code, problem=error.problem, fix=error.fix, **parts)
        elif isinstance(error, Exception):
            self.write("failed", traceback="".join(traceback.format_exception(error)))
        elif error is not None:
            self.write("interrupted")
        if isinstance(error, Exception):
            error.add_note(f"Log: {self.path}")
        self._file.close()


def find_log(runs: Path, *, process: int, since: datetime) -> tuple[Path, list[dict[str, Any]]]:
    """The log that a process has begun since a moment, and its lines.

    Raises
    ------
    LookupError
        It has begun none.
    """
    for path in sorted((runs / FOLDER).glob("*.jsonl"), reverse=True):
        if path.stem < f"{since:{_MOMENT}}":
            break
        lines = [dict(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
        if lines and lines[0].get("process") == process:
            return path, lines
    raise LookupError(f"process {process} has begun no log")
