"""Problems: every error leaves as RFC 9457 problem JSON that says what was wrong and what to do."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from holdfast import errors

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[errors.HoldfastError], int], ...] = (
    (errors.RunNotFound, 404),
    (errors.DamagedRun, 503),
    (errors.ProjectBusy, 409),
    (errors.MissingExtra, 501),
    (errors.InputError, 422),
    (errors.RunError, 409),
)


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
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem(error: errors.HoldfastError) -> dict[str, Any]:
    """The error as a problem: type, title, status, detail, fix and its parts."""
    status = status_of(error)
    code = (
        "-".join(HTTPStatus(status).phrase.lower().split())
        if isinstance(error, Refused)
        else error.code
    )
    return {
        "type": f"urn:holdfast:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.problem,
        "fix": error.fix,
        **({"parts": error.parts} if error.parts else {}),
    }


def encoded(value: Any) -> bytes:
    """JSON as it is sent: UTF-8, no NaN; lone surrogates are escaped, not refused."""
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
    )
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, default=str).encode()
