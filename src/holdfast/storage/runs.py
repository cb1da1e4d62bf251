"""Runs: immutable folders, and a pointer to the one that counts.

    runs/
      20261123T021500Z-ab12cd34/   appears by one rename, never changes
      champion                     the run that counts, then those before it; replaced by one rename
      published                    every run in the order of publication; replaced by one rename
      .lock  .staging/             held and emptied by the process that is running
      .lists.lock                  held while champion or published change

Both lists name the SHA-256 of each run's manifest, and the manifest that of each file: nothing is
read that differs. Nothing else is state.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

from holdfast.errors import (
    DamagedRun,
    MachineError,
    ProjectBusy,
    RunError,
    RunNotFound,
    nearest,
    system_error,
)
from holdfast.storage.manifest import FIX, RUN_ID, parse_manifest, write_manifest
from holdfast.storage.run_folder import Run, read_run
from holdfast.storage.run_lists import Entry, read_list, write_list
from holdfast.storage.safe_files import hold, os_errors_as, sync

__all__ = ["Registry", "Run", "read_run"]

Around = Callable[[Run], AbstractContextManager[None]]


@dataclass(frozen=True)
class Registry:
    """The runs of one project.

    Parameters
    ----------
    folder
        The project's runs/, as a path or a word; made when the first run is staged.
    tell
        Is told in a sentence when a run of an older Holdfast gets its digest.
    """

    folder: Path
    tell: Callable[[str], object] = field(default=lambda _: None, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Hold the project and hand out an empty folder to build a run in.

        What a killed process left behind is removed first; what is left in it afterwards is removed
        too.

        Raises
        ------
        ProjectBusy
            Another process holds the project.
        """
        with _saying(self.folder, "made"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock():
            staging = self.folder / ".staging"
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(mode=0o700)
            try:
                yield staging
            except Exception as error:
                if machine := system_error(error):
                    problem = f"{machine.problem}; nothing was published"
                    raise MachineError(problem, fix=machine.fix, **machine.parts) from None
                raise
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def publish(self, folder: Path, *, run_id: str, facts: Mapping[str, Any]) -> Run:
        """Make a finished folder visible as a run, by one rename.

        Parameters
        ----------
        folder
            Inside the staging folder, complete but for the manifest.
        facts
            What the manifest says besides the run's id and its files.
        """
        run = self._finish(folder, self.free_id(run_id), facts)
        with self._changing():
            self._put_in_place(folder, run, [*self._read("published"), _entry(run)])
            champions = self._champions()
            if not all(entry.digest for entry in champions):
                self._point_at(champions)
        return run

    def free_id(self, run_id: str) -> str:
        """The id, or the first after it that no run has: `<id>-2`."""
        moment, digits, *number = run_id.split("-")
        ids = (f"{moment}-{digits}-{n}" for n in count(int(number[0]) + 1 if number else 2))
        return next(each for each in chain([run_id], ids) if not (self.folder / each).exists())

    def publish_beside(self, folder: Path, old: Run, *, facts: Mapping[str, Any]) -> Run:
        """Publish what was made from a run, in the next free id and just before it in every order;
        `supersede` then takes the old one away. A process that is killed in between leaves both.

        Parameters
        ----------
        folder, facts
            As for `publish`.
        """
        run = self._finish(folder, self.free_id(old.run_id), {**facts, "replaces": old.digest})
        with self._changing():
            # Runs of an older Holdfast are in no list; from now on their order is.
            ordered = [Entry(each, self.digest_of(each)) for each in reversed(self.run_ids())]
            place = [each.run_id for each in ordered].index(old.run_id)
            self._put_in_place(folder, run, [*ordered[:place], _entry(run), *ordered[place:]])
        return run

    def supersede(self, old: Run, new: Run) -> None:
        """Put a run into an older one's place among champions and published runs, and remove that
        one.
        """
        with self._changing():
            champions = self.champions()
            if old.run_id in [entry.run_id for entry in champions]:
                swapped = [_entry(new) if e.run_id == old.run_id else e for e in champions]
                self._point_at(list({entry.run_id: entry for entry in swapped}.values()))
            self._take_away([old.run_id])

    def _finish(self, folder: Path, run_id: str, facts: Mapping[str, Any]) -> Run:
        """Write the manifest of a folder that is to be published, and wait for the disk."""
        content = write_manifest(folder, {"run_id": run_id, **facts})
        for path in (*folder.rglob("*"), folder):
            path.chmod(0o700 if path.is_dir() else 0o600)
            sync(path)
        digest = hashlib.sha256(content).hexdigest()
        return Run(self.folder / run_id, parse_manifest(content), digest)

    def _put_in_place(self, folder: Path, run: Run, published: list[Entry]) -> None:
        # Listed first: a process that is killed here leaves a line that means nothing, and not a
        # run that nothing vouches for.
        others = [
            entry for entry in published if entry.run_id != run.run_id or entry == _entry(run)
        ]
        self._list_published(others, about_to=run.run_id)
        folder.replace(run.path)
        sync(self.folder)

    def run_ids(self) -> list[str]:
        """Every published run, the last published first; those of an older Holdfast, which kept no
        order, by name after them.
        """
        with _saying(self.folder, "read"):
            paths = self.folder.iterdir() if self.folder.exists() else ()
            names = {path.name for path in paths if RUN_ID.fullmatch(path.name)}
        listed = [each.run_id for each in reversed(self._read("published")) if each.run_id in names]
        return [*dict.fromkeys(listed), *sorted(names.difference(listed), reverse=True)]

    def champion_id(self) -> str | None:
        """The run that counts, if one does."""
        entries = self.champions()
        return entries[0].run_id if entries else None

    def champions(self) -> list[Entry]:
        """The run that counts, then those before it, whether they are there or not."""
        return self._read("champion")

    def open(self, run_id: str = "champion") -> Run:
        """Open a run by its id, or the `champion` (the published run), or the `latest`.

        Raises
        ------
        RunNotFound
            There is none.
        DamagedRun
            Its manifest cannot be read, or is not the one that was published.
        """
        published = self.run_ids()
        if not published:
            raise RunNotFound(
                f"there is no run in {self.folder}", fix="make one with `holdfast run`"
            )
        if run_id == "champion":
            run_id = self._find_champion(published)
        elif run_id == "latest":
            run_id = published[0]
        if run_id not in published:
            raise RunNotFound(
                f"there is no run {run_id!r}", fix=nearest(run_id, published), run_id=run_id
            )
        run = read_run(self.folder / run_id)
        expected = self.digest_of(run_id)
        if expected and run.digest != expected:
            raise DamagedRun(
                f"the manifest of run {run_id} is not what was published (SHA-256 "
                f"{run.digest[:8]}, not {expected[:8]})",
                fix=FIX,
            )
        return run

    def digest_of(self, run_id: str) -> str:
        """SHA-256 of the manifest that was promoted or published under this id; empty where none
        was kept.
        """
        entries = (*self.champions(), *reversed(self._read("published")))
        kept = (entry.digest for entry in entries if entry.run_id == run_id and entry.digest)
        return next(kept, "")

    def promote(self, run_id: str, *, around: Around = lambda _: nullcontext()) -> Run:
        """Make a run the published one, after every file of it was checked.

        Parameters
        ----------
        around
            Entered with the run just before it counts, and left once it does: what must be ready,
            or recorded, first. If it raises, nothing has changed.
        """
        run = self.open(run_id)
        run.verify()
        with self._changing():
            # It may have been removed or renewed while it was checked.
            if self.open(run.run_id).digest != run.digest:
                raise DamagedRun(f"run {run.run_id} changed while it was checked", fix="try again")
            others = [entry for entry in self._champions() if entry.run_id != run.run_id]
            if not self.digest_of(run.run_id):
                self._tell_checked(run)
            with around(run):
                self._point_at([Entry(run.run_id, run.digest), *others])
        return run

    def rollback(self, *, around: Around = lambda _: nullcontext()) -> Run:
        """Go back to the run that was published before the current one.

        Parameters
        ----------
        around
            As in `promote`.

        Raises
        ------
        RunNotFound
            There was none before.
        """
        self._champions_before()
        with self._changing():
            before = self._champions_before()
            run = self.open(before[0].run_id)
            run.verify()
            with around(run):
                self._point_at(before)
        return run

    def _champions_before(self) -> list[Entry]:
        current = self.champion_id()
        before = [entry for entry in self._champions() if entry.run_id != current]
        if not before:
            problem = "there is no published run to go back to"
            problem += f": none came before {current}" if current else ""
            fix = "publish one with `holdfast runs promote RUN_ID`; runs: "
            raise RunNotFound(problem, fix=fix + (", ".join(self.run_ids()) or "none"))
        return before

    def remove(self, run_ids: Collection[str]) -> None:
        """Remove runs for good; each vanishes by one rename.

        Raises
        ------
        RunError
            The published run is among them, or a folder cannot be removed.
        """
        with self._changing():
            if self.champion_id() in run_ids:
                raise RunError("the published run is not removed", fix="promote another run first")
            self._take_away(run_ids)

    def _take_away(self, run_ids: Collection[str]) -> None:
        removed = self.folder / ".removed"
        shutil.rmtree(removed, ignore_errors=True)
        removed.mkdir(mode=0o700)
        try:
            for run_id in run_ids:
                (self.folder / run_id).rename(removed / run_id)
            sync(self.folder)
            self._point_at([entry for entry in self.champions() if entry.run_id not in run_ids])
            self._list_published(self._read("published"))
        finally:
            # What is to go does not stay where nobody looks because a list cannot be written.
            shutil.rmtree(removed)

    def _find_champion(self, published: list[str]) -> str:
        """The champion's id; the newest run never stands in for it."""
        champion = self.champion_id()
        if champion is None:
            raise RunNotFound(
                f"no run in {self.folder} is the published one",
                fix="publish one with `holdfast runs promote latest`; runs: "
                f"{', '.join(published[:5])}",
            )
        if champion not in published:
            raise RunNotFound(
                f"the published run {champion!r:.80} is not in {self.folder}",
                fix="restore its folder, or `holdfast runs rollback`",
                run_id=champion[:80],
            )
        return champion

    def _read(self, name: str) -> list[Entry]:
        with _saying(self.folder / name, "read"):
            return read_list(self.folder / name)

    def _champions(self) -> list[Entry]:
        """Those of the pointer that are there."""
        return [entry for entry in self.champions() if self._is_there(entry)]

    def _is_there(self, entry: Entry) -> bool:
        return bool(RUN_ID.fullmatch(entry.run_id)) and (self.folder / entry.run_id).is_dir()

    def _list_published(self, entries: list[Entry], *, about_to: str = "") -> None:
        kept = [each for each in entries if each.run_id == about_to or self._is_there(each)]
        write_list(self.folder / "published", kept)

    def _point_at(self, entries: list[Entry]) -> None:
        write_list(self.folder / "champion", [self._vouch(entry) for entry in entries])

    def _vouch(self, entry: Entry) -> Entry:
        """Give a line of an older Holdfast its digest, once every file was checked."""
        if entry.digest:
            return entry
        try:
            run = self.open(entry.run_id)
            run.verify()
        except RunError:
            return entry
        self._tell_checked(run)
        return Entry(run.run_id, run.digest)

    def _tell_checked(self, run: Run) -> None:
        self.tell(
            f"run {run.run_id} was published without a digest of its manifest: its "
            f"{len(run.manifest['files'])} files were checked, and it is held to the digest from "
            "now on"
        )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one thread of one process at a time change the lists."""
        with _saying(self.folder, "changed"), hold(self.folder / ".lists.lock"):
            yield

    @contextmanager
    def _lock(self) -> Iterator[None]:
        path = self.folder / ".lock"
        with ExitStack() as held:
            with _saying(self.folder, "written"):
                try:
                    handle = held.enter_context(hold(path, wait=False))
                except BlockingIOError:
                    holder = path.read_text(encoding="utf-8").strip() or "unknown"
                    problem = f"another run is at work in {self.folder} (process {holder})"
                    raise ProjectBusy(problem, fix="wait for it to end", process=holder) from None
                handle.truncate(0)
                handle.write(str(os.getpid()))
                handle.flush()
            yield


def _entry(run: Run) -> Entry:
    return Entry(run.run_id, run.digest)


@contextmanager
def _saying(path: Path, what: str) -> Iterator[None]:
    """Say why a folder or a list is not as it should be."""
    fix = "see that it is there, and that you may read and write it"
    if what == "read":
        fix = "restore it, or move it away and `holdfast runs promote RUN_ID`"
    with os_errors_as(RunError, f"{path} cannot be {what}", fix=fix):
        yield
