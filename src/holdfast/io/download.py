"""Downloads that go on where they stopped, bounded in size and in patience.

Beside `NAME.part` lies `NAME.part.json` with the address and the validator (ETag or Last-Modified)
that its bytes belong to. `If-Range` makes the server send the rest when they still do, and the
whole file when they do not.
"""

import http.client
import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError

from holdfast.errors import DataError, HoldfastError, InputError

Progress = Callable[[int, int | None], None]

MAX_DOWNLOAD_BYTES = 256 * 2**20
PAUSES_SECONDS = (1.0, 2.0, 4.0)
_TIMEOUT_SECONDS = 30.0
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Interrupted(Exception):
    """The transfer ended early; the bytes so far are kept."""


def download(
    url: str,
    part: Path,
    *,
    on_progress: Progress | None = None,
    pauses: Sequence[float] = PAUSES_SECONDS,
) -> None:
    """Bring `part` to the full content of `url`, going on from what is already there.

    Parameters
    ----------
    on_progress
        Called with the bytes so far and the bytes in all, None where the server does not say.
    pauses
        Seconds to wait after each failed attempt that brought nothing new; one more failure gives
        up. An attempt that brought new bytes starts the pauses again.

    Raises
    ------
    InputError
        `url` is not http or https.
    HoldfastError
        The server refuses, or cannot be reached in `len(pauses) + 1` attempts. What arrived stays
        in `part`.
    DataError
        The file is larger than 256 MiB.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url} is no web address", fix="write it as https://...")
    furthest, waits, attempts = _size(part), list(pauses), 0
    while True:
        attempts += 1
        try:
            return _attempt(url, part, on_progress or _ignore)
        except HTTPError as error:
            error.close()
            if error.code not in _MAY_PASS:
                raise _refused(url, error) from None
            reason = f"HTTP {error.code} {error.reason}"
        except (URLError, _Interrupted) as error:
            reason = str(getattr(error, "reason", error))
        if _size(part) > furthest:
            furthest, waits = _size(part), list(pauses)
        if not waits:
            raise _gave_up(url, part, reason, attempts=attempts)
        time.sleep(waits.pop(0))


def discard(part: Path) -> None:
    """Forget a download and what was known of it."""
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, on_progress: Progress) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "holdfast", **_resume(url, part)})
    try:
        response = _opener().open(request, timeout=_TIMEOUT_SECONDS)
    except HTTPError as error:
        if error.code != 416:
            raise
        error.close()
        if error.headers.get("Content-Range") == f"bytes */{_size(part)}":
            return
        discard(part)
        raise _Interrupted("the server has a shorter file now") from None
    except (ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException) as error:
        raise _Interrupted(str(error) or type(error).__name__) from None
    with response:
        _receive(response, url, part, on_progress)


def _receive(
    response: http.client.HTTPResponse, url: str, part: Path, on_progress: Progress
) -> None:
    done = _size(part) if response.status == 206 else 0
    if response.status == 206 and not (response.headers.get("Content-Range") or "").startswith(
        f"bytes {done}-"
    ):
        discard(part)
        raise _Interrupted("the server sent another range than was asked for")
    length = response.headers.get("Content-Length")
    total = done + int(length) if length and length.isdigit() else None
    if done == 0:
        discard(part)
        _note(url, part, response)
    with part.open("ab") as file:
        _check_size(url, part, total or 0)
        on_progress(done, total)
        while chunk := _read(response):
            file.write(chunk)
            done += len(chunk)
            _check_size(url, part, done)
            on_progress(done, total)
    if total is not None and done < total:
        raise _Interrupted(f"the connection broke at {done:,} of {total:,} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(2**18)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(str(error) or type(error).__name__) from None


def _resume(url: str, part: Path) -> dict[str, str]:
    """The headers that ask for the rest, if it is known what the bytes so far belong to."""
    try:
        notes = json.loads(_notes(part).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if (
        not _size(part)
        or not isinstance(notes, dict)
        or notes.get("url") != url
        or not notes.get("validator")
    ):
        return {}
    return {"Range": f"bytes={_size(part)}-", "If-Range": str(notes["validator"])}


def _note(url: str, part: Path, response: http.client.HTTPResponse) -> None:
    etag = response.headers.get("ETag") or ""
    # A weak ETag promises equal meaning, not equal bytes: If-Range does not take it (RFC 9110,
    # 13.1.5).
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
    _notes(part).write_text(json.dumps({"url": url, "validator": validator}), encoding="utf-8")


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS through the user's proxy; unlike `urlopen`, neither files nor FTP, not even by
    a redirect.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def _check_size(url: str, part: Path, n_bytes: int) -> None:
    if n_bytes > MAX_DOWNLOAD_BYTES:
        discard(part)
        raise DataError(
            f"{url} is larger than {MAX_DOWNLOAD_BYTES:,} bytes", fix="it is not the file we know"
        )


def _refused(url: str, error: HTTPError) -> HoldfastError:
    return HoldfastError(
        f"the provider refuses {url}: HTTP {error.code} {error.reason}",
        fix="the file may have moved: look at the data set's page",
        url=url,
        status=error.code,
    )


def _gave_up(url: str, part: Path, reason: str, *, attempts: int) -> HoldfastError:
    going_on = (
        f": it goes on after {_size(part):,} bytes if the server can" if _resume(url, part) else ""
    )
    return HoldfastError(
        f"cannot download {url}: {attempts} attempt{'s' if attempts > 1 else ''}, the last ended "
        f"with: {reason}",
        fix="check the connection and the proxy (HTTPS_PROXY), then run the same command "
        f"again{going_on}",
        url=url,
        attempts=attempts,
        received_bytes=_size(part),
    )


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _ignore(done: int, total: int | None) -> None:
    """Nobody watches the progress."""
