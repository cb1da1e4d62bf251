"""Idempotency-Key: a change that is sent twice is made once, whichever worker gets it.

As the IETF draft "The Idempotency-Key HTTP Header Field" has it: the same key with the same request
gets the first answer again; with another request, 422; while the first is still at work, 409.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.api.problems import Refused

_LONGEST = 255
_KEPT_SECONDS = 24 * 3600
_AT_WORK_SECONDS = 120
_SWEEP_SECONDS = 60.0
"""To look at every answer for each that comes would cost more the more there are."""

Answer = tuple[int, dict[str, Any]]


class Idempotency:
    """Remembers answers in the project's folder, for a day."""

    def __init__(self, runs: Path) -> None:
        self._folder = runs / ".idempotency"
        self._swept = -_SWEEP_SECONDS

    def change_once(
        self, token: str | None, request: str, *, holder: str, change: Callable[[], Answer]
    ) -> Answer:
        """Make a change, unless this token made it before.

        Parameters
        ----------
        request
            What is asked: method, path and body.
        holder
            Whose token it is: two keys may use the same token.

        Raises
        ------
        Refused
            400 for a token that is none, 409 while the first request is at work, 422 for another
            request.
        """
        if token is None:
            return change()
        if not 0 < len(token) <= _LONGEST or not token.isprintable():
            raise Refused(
                400,
                f"the Idempotency-Key is not 1 to {_LONGEST} printable characters",
                fix="send a UUID",
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        path = (
            self._folder
            / f"{hashlib.sha256(json.dumps([holder, token]).encode()).hexdigest()}.json"
        )
        self._forget(path)
        digest = hashlib.sha256(request.encode()).hexdigest()
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            return _read_answer(path, digest)
        try:
            status, body = change()
        except BaseException:
            # What failed may be tried again under the same token.
            path.unlink(missing_ok=True)
            raise
        _write(path, {"request": digest, "status": status, "body": body})
        return status, body

    def _forget(self, path: Path) -> None:
        """Drop what is too old, once a minute, and what a killed worker left half done."""
        looked_at = [path]
        if time.monotonic() - self._swept >= _SWEEP_SECONDS:
            self._swept = time.monotonic()
            looked_at = [*self._folder.glob("*.json")]
        for old in looked_at:
            try:
                stat = old.stat()
            except FileNotFoundError:
                continue
            age = time.time() - stat.st_mtime
            if age > _KEPT_SECONDS or (
                old == path and stat.st_size == 0 and age > _AT_WORK_SECONDS
            ):
                old.unlink(missing_ok=True)


def _read_answer(path: Path, digest: str) -> Answer:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        raise Refused(
            409,
            "the first request with this Idempotency-Key has not been answered yet",
            fix="wait, then send it again",
        ) from None
    if answer["request"] != digest:
        raise Refused(
            422, "this Idempotency-Key was used for another request", fix="send a new key"
        )
    return answer["status"], answer["body"]


def _write(path: Path, value: dict[str, Any]) -> None:
    new = path.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(value), encoding="utf-8")
    new.replace(path)
