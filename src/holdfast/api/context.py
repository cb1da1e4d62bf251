"""What a worker has: settings, the store, the keys, counters; and what one request has of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from holdfast.api.access_log import AccessLog
from holdfast.api.alert_feed import AlertFeed
from holdfast.api.idempotency import Idempotency
from holdfast.api.limits import RateLimit
from holdfast.api.live import Live
from holdfast.api.metrics import Metrics
from holdfast.api.problems import Refused, refuse_defect
from holdfast.api.served import Served
from holdfast.api.settings import Settings
from holdfast.api.store import Store
from holdfast.errors import HoldfastError, MachineError, RunError, system_error
from holdfast.io.network import FORWARDING, LOCAL_NAMES, host_name, is_same_origin
from holdfast.storage.keys import Key, KeyFile, key_in_headers

LOCAL = Key(key_id="local", role="admin", name="this machine", sha256="", created_at="")
"""Who asks a server on loopback that has no keys."""
_FORWARDING = tuple(name.encode() for name in FORWARDING)
_ASK = {"www-authenticate": 'Bearer, Basic realm="holdfast"'}


class Context:
    """One worker's state."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.runs)
        self.keys = KeyFile(Path(settings.project))
        self.limit = RateLimit(settings.rate, workers=settings.workers)
        self.access_log = AccessLog(enabled=settings.log)
        self.idempotency = Idempotency(settings.runs)
        self.live = Live(Path(settings.project), self.store)
        self.metrics = Metrics(self.store, self.live)
        self.alert_feed = AlertFeed(self.live)
        self._used: dict[str, datetime] = {}

    def admit(self, *, role: str, method: str, headers: dict[bytes, bytes]) -> Key:
        """Find out who asks.

        Raises
        ------
        Refused
            401 without a valid key, 403 without the role or, where no keys are used, for what does
            not come from this machine.
        """
        if self.settings.loopback and not self.keys.are_used():
            return _admit_local(headers, allowed_origins=self.settings.cors_origins)
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
            what = f"this request needs the role '{role}', and the key has the role '{key.role}'"
            raise Refused(403, what, fix=f"use a key of the role '{role}'")
        self._used[key.key_id] = datetime.now(UTC)
        return key

    def record_use(self) -> str:
        """Write down when keys were last used; returns why it could not, if so."""
        used, self._used = self._used, {}
        try:
            self.keys.record_use(used)
        except (RunError, MachineError) as error:
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
    _explained: Exception | None = field(default=None, repr=False)

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
                self.context.store.trouble or "there is no published run yet",
                fix="make one with `holdfast run`; it is served within a second",
                headers={"retry-after": "5"},
            )
        return self.served

    def explain(self, error: Exception) -> HoldfastError:
        """What the client is told of an error: of a defect, and of the machine's inside, nothing.

        The access log learns where those are, once.
        """
        if isinstance(error, HoldfastError) and not isinstance(error, MachineError):
            return error
        answer = system_error(error) or refuse_defect(self.request_id)
        answer = error if isinstance(error, MachineError) else answer
        if error is not self._explained:
            self._explained = error
            cause = answer.parts.get("cause", "defect")
            self.context.access_log.failure(error, request_id=self.request_id, cause=cause)
        return answer


def _admit_local(headers: dict[bytes, bytes], *, allowed_origins: tuple[str, ...]) -> Key:
    """Let in what this machine asks itself: not another machine through a proxy, not another site
    through the browser, and not another program's page on another port.

    Raises
    ------
    Refused
        403.
    """
    host, origin = _text(headers, b"host") or "", _text(headers, b"origin")
    if any(name.startswith(_FORWARDING) for name in headers):
        what = "the request came through a proxy, and without keys only this machine may ask"
    elif host and host_name(host) not in LOCAL_NAMES:
        what = f"without keys this server answers to localhost only, not to {host[:80]!r}"
    elif origin and not (origin in allowed_origins or is_same_origin(origin, host)):
        what = f"without keys a page of {origin[:80]!r} may not ask this server"
    else:
        return LOCAL
    fix = "make a key with `holdfast keys create --role reader`, and send it with each request"
    raise Refused(403, what, fix=fix)


def _text(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")
