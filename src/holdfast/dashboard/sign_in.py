"""Who may look at a dashboard that is reached from elsewhere: whoever has an API key of the
project, in its role, or the token that was printed at the start, as an operator.

A sign-in is kept in memory and ends after half a day, with the process, or with its key.
"""

import hmac
import secrets
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from holdfast.storage import audit_log
from holdfast.storage.keys import KeyFile

SESSION_SECONDS = 12 * 3600
_ATTEMPTS, _WITHIN_SECONDS = 10, 60.0
_ADDRESSES = 10_000
_LONGEST = 512


@dataclass(frozen=True)
class _Session:
    key_id: str
    """Empty: signed in by the token."""
    ends_at: float


class SignIn:
    """The sign-ins of one server.

    Attributes
    ----------
    token
        Printed at the start; whoever reads the server's output may sign in.
    """

    def __init__(self, project: Path) -> None:
        self.token = secrets.token_urlsafe(32)
        self._keys, self._project = KeyFile(project), project
        self._sessions: dict[str, _Session] = {}
        self._failures: dict[str, deque[float]] = {}

    def is_blocked(self, address: str) -> bool:
        """Whether so many attempts from an address have failed that no other is looked at now."""
        failures = self._failures.get(address, deque())
        return len(failures) == _ATTEMPTS and failures[0] > time.monotonic() - _WITHIN_SECONDS

    def open(self, secret: str, *, address: str) -> str | None:
        """Sign in with the token or a key: the session's name; None where it is neither.

        Raises
        ------
        HoldfastError
            The keys cannot be read, or the audit log cannot be written.
        """
        key_id = self._find_key_id(secret)
        if key_id is None:
            self._note_failure(address)
            return None
        who = f"key {key_id}" if key_id else "the token of the start"
        audit_log.record(self._project, "sign-in", who=who)
        now = time.monotonic()
        self._sessions = {name: s for name, s in self._sessions.items() if s.ends_at > now}
        name = secrets.token_urlsafe(32)
        self._sessions[name] = _Session(key_id, now + SESSION_SECONDS)
        return name

    def role(self, name: str) -> str | None:
        """The role of a session; None where there is none, or none any more.

        Raises
        ------
        HoldfastError
            The keys cannot be read.
        """
        session = self._sessions.get(name)
        if session is None or session.ends_at <= time.monotonic():
            return None
        if not session.key_id:
            return "operator"
        key = self._keys.keys().get(session.key_id)
        return None if key is None or key.revoked_at else key.role

    def close(self, name: str) -> None:
        """Sign out."""
        self._sessions.pop(name, None)

    def _find_key_id(self, secret: str) -> str | None:
        given = secret.strip()[:_LONGEST]
        if hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self.token.encode()):
            return ""
        key = self._keys.holder(given) if given else None
        return None if key is None else key.key_id

    def _note_failure(self, address: str) -> None:
        failures = self._failures.pop(address, deque(maxlen=_ATTEMPTS))
        failures.append(time.monotonic())
        self._failures[address] = failures
        if len(self._failures) > _ADDRESSES:
            del self._failures[next(iter(self._failures))]
