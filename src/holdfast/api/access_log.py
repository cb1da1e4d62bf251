"""The access log: one JSON line per request, without personal data.

Neither the path (it holds a customer's name), nor the query, nor a body, nor an address is written:
only the route's template. Lines are gathered and written together, because a write per request
costs as much as the answer.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class AccessLog:
    """Writes to standard error; `write` may be called from the event loop's thread only."""

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._lines: list[str] = []

    def request(self, **facts: str | int | float) -> None:
        """Tell of one request; every word is one of ours or was checked to be plain, so that
        nothing is escaped.
        """
        if self.enabled:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            parts = (
                f'"{name}":"{fact}"' if isinstance(fact, str) else f'"{name}":{fact}'
                for name, fact in facts.items()
            )
            self._lines.append(
                f'{{"time":"{now}","level":"info","event":"request",{",".join(parts)}}}\n'
            )

    def failure(self, error: BaseException, *, request_id: str, cause: object) -> None:
        """Tell of a defect, or of what the machine refused, by its type and place; its message may
        hold a customer's data.
        """
        frames = traceback.extract_tb(error.__traceback__)[-6:]
        places = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
        kind = type(error).__name__
        self.event("error", "failure", request_id=request_id, cause=cause, kind=kind, places=places)

    def event(self, level: str, event: str, **facts: Any) -> None:
        """Tell of something that is no request."""
        self._lines.append(_line(level=level, event=event, **facts) + "\n")

    async def write(self) -> None:
        """As `flush`, for what runs beside the answers."""
        self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        if lines:
            sys.stderr.write("".join(lines))
            sys.stderr.flush()


class JsonFormatter(logging.Formatter):
    """The server's own messages (start, stop, a worker's death) as JSON lines."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return _line(level=record.levelname.lower(), event="server", message=record.getMessage())


def _line(**facts: Any) -> str:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"time": moment, **facts}, ensure_ascii=False, default=str)
