"""The store: which run is served. It follows the published run within a second and never lets go
of the last good run.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from threading import Lock

from holdfast.api.served import Served
from holdfast.errors import DamagedRun, HoldfastError
from holdfast.storage.manifest import MANIFEST
from holdfast.storage.runs import Registry, Run
from holdfast.storage.serving_copy import keep, reopen

LOOK_EVERY = 0.2
_INSPECT_EVERY = 10
"""Looks between two inspections of the published files: every two seconds."""
_READY = 2


class Store:
    """Holds one run at a time; `current` changes in one step.

    Attributes
    ----------
    current
        None until a run was found.
    wanted
        The published run's id, as last seen.
    failures
        What the worker does beside answering, and how it failed last; empty when all of it works.
    """

    def __init__(self, runs: Path) -> None:
        self.registry = Registry(runs)
        self.current: Served | None = None
        self.wanted: str | None = None
        self.failures: dict[str, str] = {}
        self._unserved = self._altered = ""
        self._inspected: tuple[str, dict[str, tuple[int, int]]] | None = None
        self._ready: OrderedDict[str, Served] = OrderedDict()
        self._lock = Lock()
        self._signature = (-1, -1)
        self._looks = 0

    @property
    def trouble(self) -> str:
        """Why the published run is not served, or what has become of its files; empty when all is
        well.
        """
        return self._unserved or self._altered or next(iter(self.failures.values()), "")

    def prepare(self, run_id: str) -> Served:
        """Copy, check and load a run, so that serving it is only a change of a reference.

        Raises
        ------
        HoldfastError
            The run is not there, or damaged.
        """
        with self._lock:
            run = self.registry.open(run_id)
            served = self._ready.get(run.run_id)
            if served is None or not _is_of(served, run) or not served.is_whole():
                self._ready[run.run_id] = _load(keep(run))
            self._ready.move_to_end(run.run_id)
            while len(self._ready) > _READY:
                self._ready.popitem(last=False)
            return self._ready[run.run_id]

    def refresh(self) -> None:
        """Serve the published run, if it is sound; otherwise what was served before; say why."""
        try:
            self.wanted = self.registry.champion_id()
            run = self.registry.open()
            if self.current is None or not _is_of(self.current, run):
                self.current = self.prepare(run.run_id)
            self._forget_removed_runs()
            self._unserved = ""
        except (HoldfastError, OSError) as error:
            self._unserved = str(error)
            if self.current is None:
                self._fall_back()

    def _forget_removed_runs(self) -> None:
        """A run that is gone may name customers who were erased."""
        with self._lock:
            for run_id in set(self._ready).difference(self.registry.run_ids()):
                del self._ready[run_id]

    def _fall_back(self) -> None:
        """After a start without a sound champion, serve the copy that an earlier server made of it,
        or of a published run before it.
        """
        try:
            run_ids = [entry.run_id for entry in self.registry.champions()]
        except HoldfastError:
            return
        for run_id in run_ids:
            with suppress(HoldfastError, OSError):
                digest = self.registry.digest_of(run_id)
                self.current = _load(reopen(self.registry.folder, run_id, digest))
                return

    def inspect(self) -> None:
        """Look whether the published files of the served run are still as they were, and whether
        its copy is.
        """
        if self.current is None:
            return
        run = Run(self.registry.folder / self.current.run_id, self.current.run.manifest)
        published = run.manifest["files"]
        files = {name: _stat(run.path / name) for name in (MANIFEST, *published)}
        if self._inspected is None or self._inspected[0] != run.run_id:
            self._inspected = run.run_id, files
        altered = [
            name
            for name, (size, _) in files.items()
            if files[name] != self._inspected[1][name]
            or (name in published and size != published[name]["bytes"])
        ]
        self._altered = (
            f"{altered[0]} of run {run.run_id} is gone or was changed; its checked copy is served"
            if altered
            else ""
        )
        if not self.current.is_whole():
            self._copy_again(self.current.run_id)

    def _copy_again(self, run_id: str) -> None:
        try:
            self.current = self.prepare(run_id)
        except (HoldfastError, OSError) as error:
            self._altered = f"the copy that is served was changed and cannot be made again: {error}"

    async def look(self) -> None:
        """Serve another champion if the pointer has changed, and inspect the files now and then."""
        self._looks += 1
        signature = _stat(self.registry.folder / "champion")
        again = bool(self._unserved or self.current is None) and self._looks % _INSPECT_EVERY == 0
        if signature != self._signature or again:
            self._signature = signature
            await asyncio.to_thread(self.refresh)
        if self._looks % _INSPECT_EVERY == 0:
            await asyncio.to_thread(self.inspect)


def _load(copy: Run) -> Served:
    """Load a copy; whatever it holds that no run of ours would hold is damage."""
    try:
        return Served.load(copy)
    except (HoldfastError, OSError, MemoryError):
        raise
    except Exception as error:
        raise DamagedRun(
            f"run {copy.run_id} cannot be served ({type(error).__name__})",
            fix="run again, or `holdfast runs rollback`",
        ) from error


def _is_of(served: Served, run: Run) -> bool:
    return (served.run_id, served.run.digest) == (run.run_id, run.digest)


def _stat(path: Path) -> tuple[int, int]:
    """Size and time of change; -1 where there is nothing."""
    try:
        stat = path.stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns
