"""Problems: every error leaves as RFC 9457 problem JSON that says what was wrong and what to do."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from holdfast import errors

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[errors.HoldfastError], int], ...] = (
    (errors.RunNotFound, 404), (errors.DamagedRun, 503), (errors.ProjectBusy, 409),
    (errors.CustomerNotFound, 404), (errors.CustomerNotEligible, 404),
    (errors.MissingExtra, 501), (errors.InputError, 422), (errors.RunError, 409),
)  # fmt: skip


class Refused(errors.HoldfastError):
    """An answer that is not given.

    Parameters
    ----------
    status
        Of HTTP.
    headers
        What the status calls for: Retry-After, WWW-Authenticate, Allow.
    """

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        fix: str = "",
        headers: Mapping[str, str] | None = None,
        **parts: object,
    ) -> None:
        super().__init__(problem, fix=fix, **parts)
        self.status = status
        self.headers = dict(headers or {})


def status_of(error: errors.HoldfastError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, errors.MachineError):
        return 507 if error.parts.get("cause") == "disk full" else 503
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: errors.HoldfastError) -> dict[str, str]:
    """The HTTP headers that an error calls for."""
    return error.headers if isinstance(error, Refused) else {}


def problem(error: errors.HoldfastError, **more: str) -> dict[str, Any]:
    """The error as a problem: type, title, status, detail, fix and its parts."""
    status = status_of(error)
    title = HTTPStatus(status).phrase
    code = "-".join(title.lower().split()) if isinstance(error, Refused) else error.code
    detail, parts = error.problem, error.parts
    if isinstance(error, errors.MachineError):
        # Which of its files the server could not write is its own affair, and in its access log.
        detail, parts = detail.removesuffix(f" ({parts.get('path')})"), {"cause": parts["cause"]}
    return {
        "type": f"urn:holdfast:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "fix": error.fix,
        **({"parts": parts} if parts else {}),
        **more,
    }


def refuse_invalid(errors: Sequence[Any]) -> Refused:
    """The refusal of what pydantic found wrong, by the first of it."""
    first = errors[0]
    where = ".".join(map(str, first["loc"]))
    return Refused(
        422,
        f"{where[:200]}: {first['msg']}",
        fix="see GET /openapi.json",
        n_problems=len(errors),
    )


def refuse_defect(request_id: str) -> Refused:
    """The refusal where the fault is here, without its inside."""
    fix = f"report it with the request id {request_id}"
    return Refused(500, "something went wrong here", fix=fix)


def encode(value: Any) -> bytes:
    """JSON as it is sent: UTF-8, no NaN; lone surrogates are escaped, not refused."""
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
    )
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, default=str).encode()
