"""What a worker has: settings, the store, the keys, counters; and what one request has of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from holdfast.api.access_log import AccessLog
from holdfast.api.idempotency import Idempotency
from holdfast.api.limits import RateLimit
from holdfast.api.metrics import Metrics
from holdfast.api.problems import Refused
from holdfast.api.served import Served
from holdfast.api.settings import Settings
from holdfast.api.store import Store
from holdfast.errors import RunError
from holdfast.io.keys import Key, KeyFile, key_in_headers

LOCAL = Key(key_id="local", role="admin", name="this machine", sha256="", created_at="")
"""Who asks a server on loopback that has no keys."""
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1", "")
_ASK = {"www-authenticate": 'Bearer, Basic realm="holdfast"'}


class Context:
    """One worker's state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.runs)
        self.keys = KeyFile(Path(settings.project))
        self.limit = RateLimit(settings.rate, workers=settings.workers)
        self.metrics = Metrics(self.store)
        self.access_log = AccessLog(enabled=settings.log)
        self.idempotency = Idempotency(settings.runs)
        self._used: dict[str, datetime] = {}

    def admit(self, *, role: str, method: str, headers: dict[bytes, bytes]) -> Key:
        """Find out who asks.

        Raises
        ------
        Refused
            401 without a valid key, 403 without the role or, where no keys are used, for a name or
            a page that is not this machine's (another site could otherwise ask through the
            browser).
        """
        if self.settings.loopback and not self.keys.keys():
            return _admit_local(headers)
        authorization, x_api_key = _text(headers, b"authorization"), _text(headers, b"x-api-key")
        text = key_in_headers(authorization, x_api_key, basic=method == "GET")
        key = self.keys.holder(text) if text else None
        if key is None:
            what = "the key is not valid" if text else "a key is needed"
            fix = (
                "send `Authorization: Bearer KEY`; make one with `holdfast keys create --role "
                "reader`"
            )
            raise Refused(401, what, fix=fix, headers=_ASK)
        if not key.may(role):
            what = f"this needs the role '{role}', the key is a {key.role}'s"
            raise Refused(403, what, fix="use another key")
        self._used[key.key_id] = datetime.now(UTC)
        return key

    def record_use(self) -> str:
        """Write down when keys were last used; returns why it could not, if so."""
        used, self._used = self._used, {}
        try:
            self.keys.record_use(used)
        except RunError as error:
            return str(error)
        return ""


@dataclass
class RequestContext:
    """One request.

    Attributes
    ----------
    served
        The run it is answered from, whatever is promoted meanwhile.
    """

    context: Context
    served: Served | None
    request_id: str
    key: Key = LOCAL
    status: int = 0
    body: bytes = field(default=b"", repr=False)

    def run(self) -> Served:
        """The run, or the reason why there is none.

        Raises
        ------
        Refused
            503.
        """
        if self.served is None:
            raise Refused(
                503,
                self.context.store.trouble or "no run is published yet",
                fix="make one with `holdfast run`; it is served within a second",
                headers={"retry-after": "5"},
            )
        return self.served


def _admit_local(headers: dict[bytes, bytes]) -> Key:
    host = headers.get(b"host", b"").decode("latin-1")
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    if name not in _LOCAL_NAMES or _is_foreign(_text(headers, b"origin")):
        raise Refused(
            403,
            "this server answers to localhost only",
            fix="make keys with `holdfast keys create`",
        )
    return LOCAL


def _is_foreign(origin: str | None) -> bool:
    """Whether a page of another site asks."""
    if origin is None:
        return False
    try:
        return urlsplit(origin).hostname not in _LOCAL_NAMES
    except ValueError:
        return True


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
