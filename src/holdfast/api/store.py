"""The store: which run is served. It follows the champion within a second and never lets go of the
last good run.
"""

import asyncio
import contextlib
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from holdfast.api.served import Served
from holdfast.errors import HoldfastError
from holdfast.io.runs import MANIFEST, Registry, Run
from holdfast.io.serving_copy import keep, kept_runs

_LOOK_EVERY = 0.2
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
        The champion's id, as last seen.
    """

    def __init__(self, runs: Path) -> None:
        self.registry = Registry(runs)
        self.current: Served | None = None
        self.wanted: str | None = None
        self._unserved = self._altered = ""
        self._inspected: tuple[str, dict[str, tuple[int, int]]] | None = None
        self._ready: OrderedDict[str, Served] = OrderedDict()
        self._lock = Lock()
        self._signature = (-1, -1)

    @property
    def trouble(self) -> str:
        """Why the champion is not served, or what has become of its published files; empty when all
        is well.
        """
        return self._unserved or self._altered

    def prepare(self, run_id: str) -> Served:
        """Copy, check and load a run, so that serving it is only a change of a reference.

        Raises
        ------
        HoldfastError
            The run is not there, or damaged.
        """
        with self._lock:
            if run_id not in self._ready:
                self._ready[run_id] = Served.load(keep(self.registry.open(run_id)))
            self._ready.move_to_end(run_id)
            while len(self._ready) > _READY:
                self._ready.popitem(last=False)
            return self._ready[run_id]

    def refresh(self) -> None:
        """Serve the champion, if it is sound; otherwise go on with what is served, and say why."""
        try:
            self.wanted = self.registry.open().run_id
            if self.current is None or self.current.run_id != self.wanted:
                self.current = self.prepare(self.wanted)
            self._unserved = ""
        except (HoldfastError, OSError) as error:
            self._unserved = str(error)
            if self.current is None:
                self._fall_back()

    def _fall_back(self) -> None:
        """After a start without a sound champion, serve the latest copy that an earlier server
        made.
        """
        for run in kept_runs(self.registry.folder):
            with contextlib.suppress(HoldfastError, OSError):
                run.verify()
                self.current = Served.load(run)
                return

    def inspect(self) -> None:
        """Look whether the published files of the served run are still as they were."""
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

    async def follow(self) -> None:
        """Keep looking; for as long as the server lives."""
        looks = 0
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            looks += 1
            signature = _stat(self.registry.folder / "champion")
            again = bool(self._unserved or self.current is None) and looks % _INSPECT_EVERY == 0
            if signature != self._signature or again:
                self._signature = signature
                await asyncio.to_thread(self.refresh)
            if looks % _INSPECT_EVERY == 0:
                await asyncio.to_thread(self.inspect)


def _stat(path: Path) -> tuple[int, int]:
    """Size and time of change; -1 where there is nothing."""
    try:
        stat = path.stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns
