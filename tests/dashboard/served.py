"""A dashboard, started as a user starts it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(study: Path) -> Iterator[str]:
    """Serve a study's project; gives the address."""
    port = _free_port()
    arguments = ["dashboard", "-c", str(study), "--port", str(port)]
    command = [sys.executable, "-m", "holdfast.cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                with urlopen(f"{address}/_stcore/health", timeout=1):
                    break
            except (URLError, OSError):
                assert running.poll() is None, "the dashboard ended while it started"
                time.sleep(0.2)
        yield address
        running.terminate()
