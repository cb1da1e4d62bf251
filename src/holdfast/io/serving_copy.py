"""Kept runs: a private, checked copy of what a server reads of a run.

A published folder may be overwritten, truncated or removed under a running server, and a truncated
file that is mapped into memory kills the process. So a server maps a copy: checked once, shared by
all its processes, and still there when the run is not. Copies lie in runs/.serving; where that
cannot be written, in the system's temporary folder.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from holdfast.errors import DamagedRun
from holdfast.io.runs import MANIFEST, Run

COPIES = 3
_LEFT_OUT = (
    "charts/", "report.html", "customer_segments.csv", "tables/scores.parquet",
    "tables/contributions.parquet", "tables/predictions.parquet", "tables/quarantine.parquet",
)  # fmt: skip


def keep(run: Run) -> Run:
    """Return the run's copy; make it first if there is none.

    Raises
    ------
    DamagedRun
        A file is missing or differs from the manifest.
    """
    folder = _folder(run.path.parent)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / run.run_id / MANIFEST).is_file():
            _copy(run, folder)
            for old in _latest_first(folder)[COPIES:]:
                shutil.rmtree(old, ignore_errors=True)
    return _open(folder / run.run_id)


def kept_runs(runs: Path) -> list[Run]:
    """The copies there are, the latest made first."""
    return [_open(copy) for copy in _latest_first(_folder(runs))]


def _open(folder: Path) -> Run:
    return Run(folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8")))


def _folder(runs: Path) -> Path:
    try:
        folder = runs / ".serving"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError:
        name = hashlib.sha256(str(runs.resolve()).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"holdfast-{os.getuid()}-{name}"
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _copy(run: Run, folder: Path) -> None:
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    files = {
        name: facts
        for name, facts in run.manifest["files"].items()
        if not name.startswith(_LEFT_OUT)
    }
    try:
        for name in files:
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.path / name, part / name)
    except OSError as error:
        raise DamagedRun(
            f"{error.filename} of run {run.run_id} cannot be read: {error.strerror}",
            fix="restore it, or roll back",
        ) from None
    copy = Run(part, {**run.manifest, "files": files})
    # The copy is checked, not the original: what was checked is what is served.
    copy.verify()
    (part / MANIFEST).write_text(json.dumps(copy.manifest), encoding="utf-8")
    part.replace(folder / run.run_id)


def _latest_first(folder: Path) -> list[Path]:
    manifests = folder.glob(f"*/{MANIFEST}")
    latest_first = sorted(manifests, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [manifest.parent for manifest in latest_first]
