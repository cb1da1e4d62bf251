"""A run's folder: its tables, its models' parts and its papers, each read only as it was
published.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from io import BufferedReader
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import DamagedRun, HoldfastError, RunNotFound, nearest
from holdfast.storage.manifest import FIX, read_manifest
from holdfast.storage.safe_files import open_inside
from holdfast.tables import notebook_html


@dataclass(frozen=True, repr=False)
class Run:
    """One published run: its tables, its models' parts and its papers.

    Attributes
    ----------
    path
        The run's folder.
    manifest
        `run_id`, `created_at`, fingerprints, versions, seconds and, for each file, its size and
        SHA-256.
    digest
        SHA-256 of the manifest as it lies on disk.
    """

    path: Path
    manifest: Mapping[str, Any]
    digest: str = ""
    _sound: dict[str, tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        facts = self.manifest
        return (
            f"<Run {facts['run_id']} of {facts.get('study')!r:.100}: "
            f"{facts.get('customers') or 0:,} customers on {facts.get('cutoff_date')}>"
        )

    def _repr_html_(self) -> str:
        """For a notebook: the run in a row, its segments, and what its models proved on unseen
        data.
        """
        try:
            return notebook_html(repr(self)[1:-1], *_main_tables(self))
        except HoldfastError as error:
            return f"<p>{escape(str(error))}</p>"

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
        return self.read_json("summary.json")

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
            Its file differs from the manifest, or holds no table.
        """
        path = self.file(f"tables/{name}.parquet")
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise self._damage(path.name, f"cannot be read: {error}") from None

    @property
    def table_names(self) -> list[str]:
        """Its tables, each in one file or in parts."""
        named = (Path(name) for name in self.manifest["files"] if name.startswith("tables/"))
        return list(dict.fromkeys(each.parts[1].removesuffix(".parquet") for each in named))

    def has_table(self, name: str) -> bool:
        """Whether the run has a table of that name, in one file or in parts."""
        file = f"tables/{name}.parquet"
        return file in self.manifest["files"] or bool(self._parts_of(file))

    def _parts_of(self, name: str) -> list[str]:
        """The files of a table that lies in parts, `tables/<table>/part-00000.parquet`; none where
        it does not.
        """
        prefix = f"{name.removesuffix('.parquet')}/part-"
        return [each for each in self.manifest["files"] if each.startswith(prefix)]

    def parts(self, folder: str) -> dict[str, bytes]:
        """The files below `folder`, name -> content, checked."""
        prefix = f"{folder}/"
        return {
            name.removeprefix(prefix): self.read(name)
            for name in self.manifest["files"]
            if name.startswith(prefix)
        }

    def read(self, name: str) -> bytes:
        """The content of one file; what was checked is what is returned."""
        with self.open_file(name) as file:
            content = file.read()
        self._compare(name, hashlib.sha256(content).hexdigest())
        return content

    def read_json(self, name: str) -> dict[str, Any]:
        """The JSON object that one file holds, checked."""
        try:
            return dict(json.loads(self.read(name)))
        except (ValueError, TypeError, RecursionError):
            raise self._damage(name, "holds no JSON object") from None

    def file(self, name: str) -> Path:
        """The path of one file, after its content was found to be what was published; it is checked
        again only when the disk says that it was touched. Of a table in parts, the folder.
        """
        if name not in self.manifest["files"] and (parts := self._parts_of(name)):
            (folder,) = {self.file(part).parent for part in parts}
            return folder
        path = self.path / name
        if name not in self._sound or self._sound[name] != _signature(path):
            with self.open_file(name) as file:
                signature = _signature(file.fileno())
                self._compare(name, hashlib.file_digest(file, "sha256").hexdigest())
            self._sound[name] = signature
        return path

    def verify(self) -> None:
        """Check every file of the run, whatever was checked before."""
        self._sound.clear()
        for name in self.manifest["files"]:
            self.file(name)

    def is_untouched(self) -> bool:
        """Whether every file that was checked still is the one that was."""
        return all(
            signature == _signature(self.path / name) for name, signature in self._sound.items()
        )

    def open_file(self, name: str) -> BufferedReader:
        """Open a file that has the kind and size it should have, so that reading it ends; its
        content is not checked.
        """
        files = self.manifest["files"]
        if name not in files:
            raise RunNotFound(f"run {self.run_id} has no {name}", fix=nearest(name, list(files)))
        try:
            file = open_inside(self.path, name)
        except OSError as error:
            raise self._damage(name, f"cannot be read: {error.strerror}") from None
        size, expected = os.fstat(file.fileno()).st_size, files[name]["bytes"]
        if size != expected:
            file.close()
            what = f"is not what was published ({size:,} bytes, not {expected:,})"
            raise self._damage(name, what)
        return file

    def _compare(self, name: str, digest: str) -> None:
        expected = self.manifest["files"][name]["sha256"]
        if digest != expected:
            what = f"is not what was published (SHA-256 {digest[:8]}, not {expected[:8]})"
            raise self._damage(name, what)

    def _damage(self, name: str, what: str) -> DamagedRun:
        return DamagedRun(f"{Path(name).name} of run {self.run_id} {what}", fix=FIX)


def read_run(folder: Path) -> Run:
    """Open the run that lies in a folder, whatever the lists say of it.

    Raises
    ------
    DamagedRun
        Its manifest cannot be read.
    """
    return Run(folder, *read_manifest(folder))


def _signature(file: Path | int) -> tuple[int, ...]:
    """What changes when a file is touched; a link in its place has another. Nothing for one that
    is gone.
    """
    try:
        facts = os.fstat(file) if isinstance(file, int) else file.lstat()
    except OSError:
        return ()
    changes = (facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return (facts.st_dev, facts.st_ino, *changes)


def _main_tables(run: Run) -> list[pl.DataFrame]:
    names = ("customers", "cutoff_date", "share_at_risk", "expected_revenue", "at_stake")
    first = {name: run.summary.get(name) for name in names}
    first["currency"] = run.summary["study"]["currency"]
    proved = run.table("evidence").filter(pl.col("model") == "champion")
    means = proved.group_by("task", "metric", maintain_order=True).agg(
        mean=pl.col("value").mean(), tests=pl.len()
    )
    return [pl.DataFrame([first]), run.table("segments"), means]
