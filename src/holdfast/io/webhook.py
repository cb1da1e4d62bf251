"""A webhook: rows are posted as JSON to the one address that the study names.

No other address can be asked for, and where that one answers with a redirect it is not followed.
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from holdfast.errors import HoldfastError
from holdfast.io.files import fill_variables
from holdfast.study import Webhook

BATCH = 1000
"""Rows in one request."""
_SECONDS = 10


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def push(webhook: Webhook, head: dict[str, Any], rows: Sequence[dict[str, Any]]) -> int:
    """Post the rows, a thousand at a time, each batch with `head`, `batch` and `batches`.

    Returns
    -------
    int
        Requests that were accepted.

    Raises
    ------
    StudyError
        The address uses an environment variable that is not set.
    HoldfastError
        A batch was refused, or nobody answers. Batches before it were accepted.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "holdfast"}
    if webhook.token:
        headers["Authorization"] = f"Bearer {fill_variables(webhook.token, where='[webhook]')}"
    url = fill_variables(webhook.url, where="[webhook]")
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    for number, batch in enumerate(batches, start=1):
        body = head | {"batch": number, "batches": len(batches), "customers": batch}
        _post(
            Request(
                url, data=json.dumps(body, allow_nan=False).encode(), headers=headers, method="POST"
            ),
            number,
        )
    return len(batches)


def _post(request: Request, number: int) -> None:
    host = urlsplit(request.full_url).hostname
    fix = "nothing after this batch was sent; push again once the receiver is well"
    try:
        with build_opener(_NoRedirect).open(request, timeout=_SECONDS):
            pass
    except HTTPError as error:
        raise HoldfastError(
            f"{host} answered batch {number} with HTTP {error.code}", fix=fix
        ) from None
    except (URLError, OSError) as error:
        raise HoldfastError(
            f"{host} cannot be reached: {getattr(error, 'reason', error)}", fix=fix
        ) from None
