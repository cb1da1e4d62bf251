"""The server: where it listens, how many workers it has, and how it ends."""

import os
import shutil
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from holdfast.api.settings import Settings as Settings
from holdfast.errors import InputError, MissingExtra
from holdfast.io.network import is_loopback, require_free_port, say_once_listening
from holdfast.storage.keys import KeyFile

_GRACE_SECONDS = 10
_CONNECTIONS = 1000
"""Of one worker, at once; what comes beyond them is answered 503 at the door."""
_LOGGING = Path(__file__).with_name("static") / "logging.json"


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve the published run of a project until asked to stop.

    Without any key the server listens on this machine only, whatever `host` says, and says so.

    Raises
    ------
    InputError
        There is no project, the rate is none that the workers can share, or the port is in use.
    RunError
        The keys are damaged, or were lost.
    MissingExtra
        The extra `api` is not installed.
    """
    _check(settings)
    project, workers = Path(settings.project), settings.workers
    if not KeyFile(project).are_used() and not is_loopback(host):
        _say(
            f"no keys: listening on 127.0.0.1 instead of {host}; make one with `holdfast keys "
            "create --role reader`"
        )
        host = "127.0.0.1"
    require_free_port(host, port)
    replace(settings, loopback=is_loopback(host)).to_environment()
    counted = tempfile.mkdtemp(prefix="holdfast-metrics-") if workers > 1 else None
    if counted:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = counted
    sentence = (
        f"serving {project} on http://{host}:{port} with {workers} "
        f"worker{'s' * (workers > 1)}; docs at /docs"
    )
    # Asked to end before uvicorn listens for it, the process still ends in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        say_once_listening(host, port, [sentence])
        _run(host, port, workers)
    finally:
        if counted:
            shutil.rmtree(counted, ignore_errors=True)


def _check(settings: Settings) -> None:
    """Refuse what cannot be served, before anything is started."""
    try:
        import uvicorn  # noqa: F401

        from holdfast.api.limits import read_rate
    except ImportError:
        raise MissingExtra("api", needed_for="`holdfast serve`") from None
    project = Path(settings.project)
    if not (project / "holdfast.toml").is_file() and not (project / "runs").is_dir():
        what = f"{project} holds neither holdfast.toml nor runs/"
        raise InputError(what, fix="name the study with -c")
    read_rate(settings.rate, workers=settings.workers)


def _run(host: str, port: int, workers: int) -> None:
    import uvicorn

    uvicorn.run(
        "holdfast.api.app:create",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http="holdfast.api.protocol:Protocol",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=str(_LOGGING),
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=75,
        limit_concurrency=_CONNECTIONS,
        lifespan="on",
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
