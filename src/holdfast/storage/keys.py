"""API keys: a key is shown once, and only its SHA-256 is kept, in a file that is replaced in one
step.

A key reads `hf_<id>_<secret>`: the id finds the entry, the secret proves it. keys.json lies beside
holdfast.toml, and beside it the lock that was made with the first key: where there is a lock but no
keys.json, the keys were lost, and nobody is let in.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from holdfast.errors import InputError, RunError, nearest, system_error
from holdfast.storage import audit_log
from holdfast.storage.safe_files import hold, os_errors_as, remove_leftovers, replace_file

ROLES = ("reader", "operator", "admin")
"""Each may do what the one before may."""
_SHA256 = re.compile("[0-9a-f]{64}")
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Key:
    """What is kept of a key."""

    key_id: str
    role: str
    name: str
    sha256: str
    created_at: str
    revoked_at: str | None = None
    last_used_at: str | None = None

    def may(self, role: str) -> bool:
        """Whether the key's role includes another."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def public(self) -> dict[str, str | None]:
        """Everything but the hash."""
        return {name: value for name, value in asdict(self).items() if name != "sha256"}


class KeyFile:
    """The keys of one project; several processes may use the file at once."""

    def __init__(self, project: Path) -> None:
        self.path = project / "keys.json"
        self._lock = project / ".keys.lock"
        self._existed = False
        self._seen: tuple[int, int] | None = None
        self._keys: dict[str, Key] = {}

    def create(self, *, role: str, name: str) -> tuple[str, Key]:
        """Make a key and return it with what is kept of it; it cannot be shown again.

        Raises
        ------
        InputError
            There is no such role.
        """
        if role not in ROLES:
            raise InputError(f"there is no role '{role}'", fix=nearest(role, ROLES), role=role)
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        text = f"hf_{key_id}_{secret}"
        key = Key(key_id=key_id, role=role, name=name, sha256=_digest(text), created_at=_now())
        facts = {"key_id": key_id, "role": role, "name": name}
        with (
            audit_log.write_ahead(self.path.parent, "key created", **facts),
            self._changing() as keys,
        ):
            keys[key_id] = key
        return text, key

    def revoke(self, key_id: str) -> Key:
        """Make a key useless from now on.

        Raises
        ------
        InputError
            There is no such key.
        """
        if key_id not in (keys := self.keys()):
            fix = nearest(key_id, list(keys)) if keys else "there is no key yet"
            raise InputError(f"there is no key '{key_id}'", fix=fix, key_id=key_id)
        line = audit_log.write_ahead(self.path.parent, "key revoked", key_id=key_id)
        with line, self._changing() as keys:
            key = replace(keys[key_id], revoked_at=keys[key_id].revoked_at or _now())
            keys[key_id] = key
        return key

    def record_use(self, when: Mapping[str, datetime]) -> None:
        """Record when keys were last used; an earlier time changes nothing."""
        if not when or not self.path.exists():
            return
        with self._changing() as keys:
            for key_id, moment in when.items():
                text = _format(moment)
                if key_id in keys and (keys[key_id].last_used_at or "") < text:
                    keys[key_id] = replace(keys[key_id], last_used_at=text)

    def keys(self) -> dict[str, Key]:
        """Every key by its id, read again only when the file has changed.

        Raises
        ------
        RunError
            The file is damaged, or there was one and it is gone. Nobody is let in then.
        """
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._seen, self._keys = None, {}
            if self._existed or self._lock.exists():
                raise RunError(
                    f"{self.path.name} is gone, and this project had keys; nobody is let in",
                    fix=f"restore it, or make new keys with `holdfast keys create`; to go without "
                    f"keys again, remove {self._lock.name} too and start anew",
                ) from None
            return self._keys
        self._existed = True
        if self._seen != (stat.st_mtime_ns, stat.st_ino):
            self._keys, self._seen = self._read(), (stat.st_mtime_ns, stat.st_ino)
        return self._keys

    def are_used(self) -> bool:
        """Whether a key is asked for: from the first one made on, also when none is left.

        Raises
        ------
        RunError
            As `keys`.
        """
        return bool(self.keys()) or self._existed

    def holder(self, text: str) -> Key | None:
        """The key that was presented, if it is one and not revoked; compared in constant time."""
        parts = text.split("_", 2)
        key = self.keys().get(parts[1]) if len(parts) == 3 else None
        same = hmac.compare_digest(_digest(text), key.sha256 if key is not None else _NOBODY)
        return key if same and key is not None and key.revoked_at is None else None

    def _read(self) -> dict[str, Key]:
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            keys = {row["key_id"]: Key(**row) for row in rows}
            for key in keys.values():
                if key.role not in ROLES or not _SHA256.fullmatch(key.sha256):
                    raise ValueError(f"key {key.key_id} has no role, or no SHA-256")
            return keys
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise system_error(error) or RunError(
                f"{self.path} cannot be read: {error}", fix="restore it, or make new keys"
            ) from None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Key]]:
        is_first = not self._lock.exists()
        problem, fix = f"{self.path} cannot be written", "allow it, or use another"
        try:
            with os_errors_as(RunError, problem, fix=fix), hold(self._lock):
                keys = dict(self._read()) if self.path.exists() else {}
                yield keys
                remove_leftovers(self.path)
                text = json.dumps([asdict(key) for key in keys.values()], indent=1)
                replace_file(self.path, lambda new: new.write_text(text, encoding="utf-8"))
        finally:
            if is_first and not self.path.exists():
                # No key was made, so none is asked for.
                self._lock.unlink(missing_ok=True)


def describe_key(key: Key) -> str:
    """A key's holder, for the audit log."""
    return f"key {key.key_id}" + (f" ({key.name})" if key.name else "")


def key_in_headers(authorization: str | None, api_key: str | None, *, basic: bool) -> str | None:
    """The key in a request's headers: X-API-Key, `Bearer KEY` or, where allowed, the password of
    `Basic`.
    """
    if api_key:
        return api_key
    scheme, _, rest = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
        except ValueError:
            return None
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _now() -> str:
    return _format(datetime.now(UTC))


def _format(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
