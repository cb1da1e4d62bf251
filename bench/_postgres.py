"""A PostgreSQL of the benchmark's own, which nobody else uses and which can be restarted."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SETTINGS = "track_commit_timestamp = on\nshared_buffers = 512MB\nmax_connections = 60\n"


@dataclass(frozen=True)
class Cluster:
    """A cluster in a folder; fsync is on, as PostgreSQL has it."""

    programs: Path
    folder: Path
    port: int

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def control(self, *arguments: str) -> None:
        """Run pg_ctl and wait for it."""
        log = str(self.folder / "log")
        _as_postgres(self.programs / "pg_ctl", "-D", self.folder, "-l", log, "-w", *arguments)

    def restart(self, *, crash: bool) -> None:
        """Restart it, as after an update or as after a crash."""
        self.control("restart", "-m", "immediate" if crash else "fast")


@contextmanager
def private_postgres(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and stop and remove it afterwards.

    Raises
    ------
    SystemExit
        PostgreSQL's programs are not on this machine.
    """
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    program = shutil.which("initdb") or max(installed, default="")
    if not program:
        raise SystemExit("bench.stream needs PostgreSQL's server programs (initdb, pg_ctl)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        cluster = Cluster(Path(program).parent, folder, free.getsockname()[1])
    folder.mkdir()
    for each in (folder, *folder.parents):
        if each.owner() == "root" and os.getuid() == 0 and each.is_relative_to("/tmp"):
            each.chmod(0o755)
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    _as_postgres(
        cluster.programs / "initdb", "-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8"
    )
    with (folder / "postgresql.conf").open("a") as settings:
        settings.write(f"{_SETTINGS}port = {cluster.port}\nunix_socket_directories = ''\n")
    cluster.control("start")
    try:
        yield cluster
    finally:
        cluster.control("stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _as_postgres(*command: object) -> None:
    """Run a program that refuses to be root."""
    who = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*who, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd="/")
