"""Downloads bounded in size and in patience, held in memory: the largest known file has 45 MB."""

import http.client
import time
import urllib.request
from collections.abc import Callable, Sequence
from urllib.error import HTTPError

from holdfast.errors import DataError, HoldfastError, InputError

Progress = Callable[[int, int | None], None]

MAX_DOWNLOAD_BYTES = 256 * 2**20
PAUSES_SECONDS = (1.0, 2.0, 4.0)
_TIMEOUT_SECONDS = 30.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def download(
    url: str,
    *,
    on_progress: Progress | None = None,
    pauses: Sequence[float] = PAUSES_SECONDS,
) -> bytes:
    """Return the full content of `url`.

    Parameters
    ----------
    on_progress
        Called with the bytes so far and the bytes in all, None where the server does not say.
    pauses
        Seconds to wait after each attempt that failed; one more failure gives up.

    Raises
    ------
    InputError
        `url` is not http or https.
    HoldfastError
        The server refuses, or cannot be reached in `len(pauses) + 1` attempts.
    DataError
        The file is larger than 256 MiB.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url} is no web address", fix="write it as https://...")
    for pause in (*pauses, None):
        try:
            return _attempt(url, on_progress or (lambda done, total: None))
        except HTTPError as error:
            error.close()
            reason = f"HTTP {error.code} {error.reason}"
            if error.code not in _TRANSIENT:
                raise HoldfastError(
                    f"the provider refuses {url}: {reason}",
                    fix="the file may have moved: look at the data set's page",
                    url=url,
                    status=error.code,
                ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        if pause is not None:
            time.sleep(pause)
    attempts = f"{len(pauses) + 1} attempt{'s' if pauses else ''}"
    raise HoldfastError(
        f"cannot download {url}: {attempts}, the last ended with: {reason}",
        fix="check the connection and the proxy (HTTPS_PROXY), then run the same command again",
        url=url,
    )


def _attempt(url: str, on_progress: Progress) -> bytes:
    content = bytearray()
    request = urllib.request.Request(url, headers={"User-Agent": "holdfast"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        length = response.headers.get("Content-Length") or ""
        total = int(length) if length.isdigit() else None
        _check_size(url, total or 0)
        on_progress(0, total)
        while chunk := response.read1(2**18):
            content += chunk
            _check_size(url, len(content))
            on_progress(len(content), total)
    if total is not None and len(content) < total:
        raise ConnectionError(f"the connection broke at {len(content):,} of {total:,} bytes")
    return bytes(content)


def _check_size(url: str, n_bytes: int) -> None:
    if n_bytes > MAX_DOWNLOAD_BYTES:
        raise DataError(
            f"{url} is larger than {MAX_DOWNLOAD_BYTES:,} bytes", fix="it is not the file we know"
        )
