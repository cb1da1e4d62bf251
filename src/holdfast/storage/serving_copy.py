"""Kept runs: a private, checked copy of what a server reads of a run.

A published folder may be overwritten, truncated or removed under a running server, and a truncated
file that is mapped into memory kills the process. So a server maps a copy: checked, shared by all
its processes, and still there when the run is not. Copies lie in runs/.serving; where that cannot
be written, in a folder of the system's temporary one that nobody else may enter.

A copy holds the manifest as it was published, so the digest that vouches for the run vouches for
the copy. Whoever serves a copy holds a lock on it, and a copy that is held is never removed.
"""

import atexit
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import BinaryIO

from holdfast.errors import DamagedRun, RunError
from holdfast.storage.manifest import MANIFEST, RUN_ID
from holdfast.storage.runs import Run, read_run
from holdfast.storage.safe_files import hold, open_inside, sha256_of

COPIES = 3
_LEFT_OUT = (
    "charts/", "report.html", "customer_segments.csv", "tables/scores", "tables/contributions",
    "tables/predictions", "tables/quarantine",
)  # fmt: skip


def keep(run: Run) -> Run:
    """Return the run's copy; make it first if there is none, or none that is sound.

    The copy is held against removal for as long as what is returned lives.

    Raises
    ------
    DamagedRun
        A file is missing or differs from the manifest.
    """
    with _hold_copies(run.path.parent) as folder:
        try:
            copy = _open(folder / run.run_id, run.digest)
        except DamagedRun:
            copy = _copy(run, folder)
        _use(copy)
        _forget_old(folder)
    return copy


def reopen(runs: Path, run_id: str, digest: str) -> Run:
    """Return a copy that an earlier server made, where the run itself is gone or damaged.

    Parameters
    ----------
    digest
        Of the manifest that was promoted; empty where an older Holdfast kept none.

    Raises
    ------
    DamagedRun
        There is none, or it differs.
    """
    if not RUN_ID.fullmatch(run_id):
        raise DamagedRun(f"{run_id!r:.80} is no run's id", fix="promote a run")
    with _hold_copies(runs) as folder:
        copy = _open(folder / run_id, digest)
        _use(copy)
    return copy


def forget(runs: Path, run_id: str) -> bool:
    """Remove a run's copy unless it is in use; whether there is none now."""
    if not (runs / ".serving" / run_id).exists():
        return True
    with _hold_copies(runs) as folder:
        return _remove_unused(folder / run_id)


def copy_folders(runs: Path) -> list[Path]:
    """The folders in which this user's servers have copies of these runs."""
    folders = [runs / ".serving", _name_elsewhere(runs.resolve())]
    return [
        folder for folder in folders if folder.is_dir() and folder.lstat().st_uid == os.getuid()
    ]


def forget_copies(runs: Path, is_unwanted: Callable[[Path], bool]) -> int:
    """Remove the copies that must not be there, in use or not; how many there were. A server goes
    on from memory until it has loaded the run that is the champion now.
    """
    count = 0
    for folder in copy_folders(runs):
        try:
            with hold(folder / ".lock"):
                unwanted = [
                    path for path in folder.iterdir() if path.is_dir() and is_unwanted(path)
                ]
                for path in unwanted:
                    shutil.rmtree(path)
                    count += 1
        except OSError as error:
            raise RunError(
                f"the server's copies in {folder} cannot be removed: {error.strerror}",
                fix="remove that folder, and start the server again",
            ) from None
    return count


def is_in_use(runs: Path, run_id: str) -> bool:
    """Whether a server has the run's copy loaded."""
    try:
        with (runs / ".serving" / run_id / MANIFEST).open("rb+") as manifest:
            return not _is_free(manifest)
    except OSError:
        return False


@contextmanager
def _hold_copies(runs: Path) -> Iterator[Path]:
    folder = runs
    try:
        folder = _folder(runs)
        with hold(folder / ".lock"):
            yield folder
    except OSError as error:
        raise RunError(
            f"the server's copies in {folder} cannot be written: {error.strerror}",
            fix="free some space, or let the server write there",
        ) from None


def _folder(runs: Path) -> Path:
    folder = runs / ".serving"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
            folder.chmod(0o700)
        (folder / ".lock").touch()
    except OSError:
        return _elsewhere(runs.resolve())
    return folder if _is_private(folder) else _elsewhere(runs.resolve())


@cache
def _elsewhere(runs: Path) -> Path:
    """A folder that all servers of this user share; one of this process where somebody else made
    that one, or opened it to others.
    """
    folder = _name_elsewhere(runs)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_private(folder):
            folder = Path(tempfile.mkdtemp(prefix="holdfast-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _name_elsewhere(runs: Path) -> Path:
    name = hashlib.sha256(str(runs).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"holdfast-{os.getuid()}-{name}"


def _is_private(folder: Path) -> bool:
    """Whether it is a folder of this user, no link, which nobody else may enter."""
    facts = folder.lstat()
    return (
        stat.S_ISDIR(facts.st_mode)
        and facts.st_uid == os.getuid()
        and stat.S_IMODE(facts.st_mode) == 0o700
    )


def _open(folder: Path, digest: str) -> Run:
    """Open a copy and check every file of it."""
    copy = read_run(folder)
    if digest and copy.digest != digest:
        raise DamagedRun(f"the copy of run {copy.run_id} is another's", fix="start again")
    copy = _without_papers(copy)
    copy.verify()
    return copy


def _without_papers(run: Run) -> Run:
    files = run.manifest["files"]
    kept = {name: facts for name, facts in files.items() if not name.startswith(_LEFT_OUT)}
    return replace(run, manifest={**run.manifest, "files": kept})


def _copy(run: Run, folder: Path) -> Run:
    part, place = folder / ".part", folder / run.run_id
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(mode=0o700)
    copy = replace(_without_papers(run), path=part, _sound={})
    for name in copy.manifest["files"]:
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        with run.open_file(name) as published, (part / name).open("xb") as ours:
            shutil.copyfileobj(published, ours)
    # The copy is checked, not the original: what was checked is what is served.
    copy.verify()
    with open_inside(run.path, MANIFEST) as published, (part / MANIFEST).open("xb") as ours:
        shutil.copyfileobj(published, ours)
    if sha256_of(part / MANIFEST) != run.digest:
        raise DamagedRun(f"the manifest of run {run.run_id} has changed", fix="try again")
    # Nothing is lost with an unsound copy: what others have mapped of it stays theirs.
    shutil.rmtree(place, ignore_errors=True)
    part.replace(place)
    return replace(copy, path=place)


def _use(copy: Run) -> None:
    """Hold a copy against removal until `copy` is no more, and make it the last used."""
    descriptor = os.open(copy.path / MANIFEST, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    weakref.finalize(copy, os.close, descriptor)
    os.utime(copy.path / MANIFEST)


def _forget_old(folder: Path) -> None:
    copies = [path for path in folder.iterdir() if RUN_ID.fullmatch(path.name)]
    for copy in sorted(copies, key=_moment_of_use)[:-COPIES]:
        _remove_unused(copy)


def _moment_of_use(copy: Path) -> int:
    """Nanoseconds; 0 for one that is half removed."""
    manifest = copy / MANIFEST
    return manifest.stat().st_mtime_ns if manifest.is_file() else 0


def _remove_unused(copy: Path) -> bool:
    try:
        with (copy / MANIFEST).open("rb+") as manifest:
            if not _is_free(manifest):
                return False
            shutil.rmtree(copy, ignore_errors=True)
    except FileNotFoundError:
        shutil.rmtree(copy, ignore_errors=True)
    return True


def _is_free(manifest: BinaryIO) -> bool:
    try:
        fcntl.flock(manifest, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
