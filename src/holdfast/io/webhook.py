"""A webhook: rows are posted as JSON to the one address that the study names.

No other address can be asked for: a redirect is not followed, the address that is connected to is
the one that was checked (a name may be answered differently the next time it is looked up), and a
private one must be listed in the study.
"""

import hashlib
import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult

from holdfast.errors import HoldfastError, StudyError
from holdfast.io.files import fill_variables
from holdfast.io.network import LOCAL_NAMES, is_public
from holdfast.study import Webhook
from holdfast.study.settings import read_push_url

BATCH = 1000
"""Rows in one request."""
_SECONDS = 10


def push(webhook: Webhook, head: dict[str, Any], rows: Sequence[dict[str, Any]]) -> int:
    """Post the rows, a thousand at a time, each batch with `head`, `batch` and `batches`.

    Each has an Idempotency-Key of its content: pushed again, the same batch has the same key, and a
    receiver that keeps the keys takes it once.

    Returns
    -------
    int
        Requests that were accepted.

    Raises
    ------
    StudyError
        The address uses a variable that is not set, or is none that may be pushed to.
    HoldfastError
        A batch was refused, or nobody answers. `parts` has the batches `accepted` before it.
    """
    url = fill_variables(webhook.url, where="[webhook]")
    headers = {}
    if webhook.token:
        headers["Authorization"] = f"Bearer {fill_variables(webhook.token, where='[webhook]')}"
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    for number, batch in enumerate(batches, start=1):
        content = head | {"batch": number, "batches": len(batches), "customers": batch}
        body = json.dumps(content, allow_nan=False).encode()
        key = {"Idempotency-Key": hashlib.sha256(body).hexdigest()}
        try:
            post_json(url, body, headers=headers | key, allow=webhook.allow, key="webhook.url")
        except StudyError:
            raise
        except HoldfastError as error:
            raise HoldfastError(
                f"{error.problem} (batch {number} of {len(batches)})",
                fix=f"{number - 1} of {len(batches)} batches were accepted; push again once the "
                "receiver is well",
                accepted=number - 1,
                batches=len(batches),
            ) from None
    return len(batches)


def post_json(
    url: str, body: bytes, *, headers: Mapping[str, str], allow: Sequence[str], key: str
) -> str:
    """Post JSON, once, to a receiver that the study names.

    Parameters
    ----------
    url
        Its variables filled in.
    allow
        Names or addresses inside a network that may be posted to.
    key
        Of the study, that the address is from: what an error calls it, since the address itself
        may be a secret.

    Returns
    -------
    str
        What the receiver answered.

    Raises
    ------
    StudyError
        It is no address that may be posted to.
    HoldfastError
        The receiver refused, or nobody answers.
    """
    parts = read_push_url(url, key=key)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kind = HTTPConnection if parts.scheme == "http" else HTTPSConnection
    connection = kind(str(parts.hostname), _port(parts), timeout=_SECONDS)
    ours = {"Content-Type": "application/json", "User-Agent": "holdfast"}
    try:
        # It sends on a socket that is open, and looks nothing up.
        connection.sock = _connect(parts, allow=allow, key=key)
        connection.request("POST", path, body=body, headers=ours | dict(headers))
        status = connection.getresponse().status
    except (OSError, HTTPException, ValueError) as error:
        raise HoldfastError(f"{parts.hostname} cannot be reached: {_describe(error)}") from None
    finally:
        connection.close()
    answer = f"{parts.hostname} answered with HTTP {status}"
    if not 200 <= status < 300:
        raise HoldfastError(answer)
    return answer


def _describe(error: Exception) -> str:
    """Why nobody was reached; the secret is in the words of an error about a header."""
    if not isinstance(error, OSError | HTTPException):
        return "the address or the token has letters that HTTP cannot carry"
    return f"{getattr(error, 'strerror', None) or error}"[:200]


def _connect(parts: SplitResult, *, allow: Sequence[str], key: str) -> socket.socket:
    """Connect to an address that was checked.

    Raises
    ------
    StudyError
        The name leads to an address inside a network, which the study does not list.
    """
    host, port = str(parts.hostname), _port(parts)
    looked_up = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in looked_up))
    for address in addresses:
        if not _is_allowed(host, address, allow):
            raise StudyError(
                f"{key} leads to {address}, an address inside a network",
                fix=f'if it is yours, write allow = ["{host}"] under [{key.removesuffix(".url")}]',
            )
    plain = _reach(addresses, port)
    if parts.scheme == "http":
        return plain
    try:
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _reach(addresses: Sequence[str], port: int) -> socket.socket:
    """Connect to the first address that answers."""
    *others, last = addresses
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout=_SECONDS)
    return socket.create_connection((last, port), timeout=_SECONDS)


def _is_allowed(host: str, address: str, allow: Sequence[str]) -> bool:
    at = ip_address(address.partition("%")[0])
    local = host in LOCAL_NAMES and at.is_loopback
    return local or host in allow or address in allow or is_public(at)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
