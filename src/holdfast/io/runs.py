"""Runs: immutable folders, and a pointer to the one that counts.

    runs/
      20261123T021500Z-ab12cd34/   appears by one rename, never changes
      champion                     run ids, the current one first; replaced by one rename
      .lock  .staging/             held and emptied by the process that is running

Every file of a run is held against the manifest's SHA-256 before anything opens it. Nothing else is
state.
"""

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import DamagedRun, ProjectBusy, RunError, RunNotFound, nearest
from holdfast.io.files import replace_file, sha256_of, sync

MANIFEST = "manifest.json"
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}(-\d+)?")


@dataclass(frozen=True)
class Run:
    """One published run: its tables, its models' parts and its papers.

    Attributes
    ----------
    path
        The run's folder.
    manifest
        `run_id`, `created_at`, fingerprints, versions, seconds and, for each file, its size and
        SHA-256.
    """

    path: Path
    manifest: Mapping[str, Any]
    _sound: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return str(self.manifest["run_id"])

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `holdfast run --json` printed."""
        return dict(json.loads(self.read("summary.json")))

    @property
    def scores(self) -> pl.DataFrame:
        """One row per customer: SCORES of `holdfast.tables`."""
        return self.table("scores")

    @property
    def reasons(self) -> pl.DataFrame:
        """One row per customer, task and rank: REASONS of `holdfast.tables`."""
        return self.table("reasons")

    def table(self, name: str) -> pl.DataFrame:
        """Read one of the run's tables.

        Raises
        ------
        RunNotFound
            The run has no such table.
        DamagedRun
            Its file differs from the manifest.
        """
        return pl.read_parquet(self.file(f"tables/{name}.parquet"))

    def parts(self, folder: str) -> dict[str, bytes]:
        """The files below `folder`, name -> content, checked."""
        prefix = f"{folder}/"
        return {
            name.removeprefix(prefix): self.read(name)
            for name in self.manifest["files"]
            if name.startswith(prefix)
        }

    def read(self, name: str) -> bytes:
        """The content of one file, checked."""
        return self.file(name).read_bytes()

    def file(self, name: str) -> Path:
        """The path of one file, after its content was found to be what was published."""
        files = self.manifest["files"]
        if name not in files:
            raise RunNotFound(f"run {self.run_id} has no {name}", fix=nearest(name, list(files)))
        path = self.path / name
        if name not in self._sound:
            self._check(path, files[name]["sha256"])
            self._sound.add(name)
        return path

    def verify(self) -> None:
        """Check every file of the run."""
        for name in self.manifest["files"]:
            self.file(name)

    def _check(self, path: Path, expected: str) -> None:
        fix = "restore the folder from a copy, or `holdfast runs rollback`"
        try:
            digest = sha256_of(path)
        except OSError as error:
            raise DamagedRun(
                f"{path.name} of run {self.run_id} cannot be read: {error.strerror}", fix=fix
            ) from None
        if digest != expected:
            raise DamagedRun(
                f"{path.name} of run {self.run_id} is not what was published (SHA-256 "
                f"{digest[:8]}, not {expected[:8]})",
                fix=fix,
            )


@dataclass(frozen=True)
class Registry:
    """The runs of one project.

    Parameters
    ----------
    folder
        The project's runs/, as a path or a word; made when the first run is staged.
    """

    folder: Path

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
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{self.folder} cannot be made: {error.strerror}",
                fix="choose a folder you may write",
            ) from None
        with self._lock():
            staging = self.folder / ".staging"
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            try:
                yield staging
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise RunError(
                        "the disk is full; nothing was published",
                        fix="free some space and run again",
                    ) from None
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
        while (self.folder / run_id).exists():
            base, _, number = run_id.partition("-")[2].partition("-")
            run_id = f"{run_id.partition('-')[0]}-{base}-{int(number or 1) + 1}"
        names = sorted(
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        )
        files = {
            name: {"bytes": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)}
            for name in names
        }
        manifest = {"run_id": run_id, **facts, "files": files}
        (folder / MANIFEST).write_text(
            json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8"
        )
        for name in (*names, MANIFEST):
            sync(folder / name)
        folder.replace(self.folder / run_id)
        sync(self.folder)
        return Run(self.folder / run_id, manifest)

    def run_ids(self) -> list[str]:
        """Every published run, newest first."""
        if not self.folder.is_dir():
            return []
        return sorted(
            (path.name for path in self.folder.iterdir() if _RUN_ID.fullmatch(path.name)),
            reverse=True,
        )

    def champion_id(self) -> str | None:
        """The run that counts, if one does."""
        return next(iter(self._champions()), None)

    def open(self, run_id: str = "champion") -> Run:
        """Open a run by its id, or the `champion`, or the `latest`.

        Raises
        ------
        RunNotFound
            There is none.
        DamagedRun
            Its manifest cannot be read.
        """
        published = self.run_ids()
        if not published:
            raise RunNotFound(
                f"no run is published in {self.folder}", fix="make one with `holdfast run`"
            )
        if run_id in ("champion", "latest"):
            run_id = (self.champion_id() if run_id == "champion" else None) or published[0]
        if run_id not in published:
            raise RunNotFound(
                f"there is no run {run_id!r}", fix=nearest(run_id, published), run_id=run_id
            )
        path = self.folder / run_id
        try:
            return Run(path, json.loads((path / MANIFEST).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise DamagedRun(
                f"the manifest of run {run_id} cannot be read: {error}", fix="restore it"
            ) from None

    def promote(self, run_id: str) -> Run:
        """Make a run the champion, after every file of it was checked."""
        run = self.open(run_id)
        run.verify()
        self._point_at([run.run_id, *(other for other in self._champions() if other != run.run_id)])
        return run

    def rollback(self) -> Run:
        """Go back to the champion before the current one.

        Raises
        ------
        RunNotFound
            There was none before.
        """
        champions = self._champions()
        before = champions[1:]
        if not before:
            raise RunNotFound(
                "there is no champion to go back to"
                + (f": none came before {champions[0]}" if champions else ""),
                fix="choose one with `holdfast runs promote RUN_ID`; published: "
                f"{', '.join(self.run_ids()) or 'none'}",
            )
        run = self.open(before[0])
        run.verify()
        self._point_at(before)
        return run

    def _champions(self) -> list[str]:
        try:
            lines = (self.folder / "champion").read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []
        return [line for line in lines if (self.folder / line / MANIFEST).is_file()]

    def _point_at(self, run_ids: list[str]) -> None:
        lines = "".join(f"{run_id}\n" for run_id in run_ids)
        replace_file(self.folder / "champion", lambda new: new.write_text(lines, encoding="utf-8"))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        # The kernel drops the lock with the process, so a kill leaves nothing to clear by hand.
        with (self.folder / ".lock").open("a+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                holder = handle.read().strip() or "unknown"
                raise ProjectBusy(
                    f"another run is at work in {self.folder} (process {holder})",
                    fix="wait for it to end",
                    process=holder,
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield
