"""Engines: who works on splits and buckets."""

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa

import holdfast
from holdfast.engine.local_shuffle import Parcel, read_bucket, send_rows
from holdfast.errors import StudyError
from holdfast.study.sources import Source

LIBRARIES = ("duckdb", "polars", "numpy", "pyarrow", "narwhals", "lightgbm", "scikit-learn")
"""On their versions results hang."""
Facts = dict[str, Any]
"""What somebody who worked on a bucket tells: plain values, few of them."""

Arrive = Callable[[int, pa.Table], Facts]


class Sent(Protocol):
    """Rows that are read in splits and sent to buckets; `schema` has an int32 column `bucket`."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def splits(self) -> Sequence[Any]:
        """Its parts; none where the engine reads a table of its own."""

    @property
    def schema(self) -> pa.Schema:
        """Of the rows."""

    @property
    def n_buckets(self) -> int:
        """How many buckets there are."""

    def judge_split(self, index: int) -> Iterator[pa.RecordBatch]:
        """Read one of the parts."""


class Engine(Protocol):
    """Works on the parts of a run. Whatever it is given may be done twice, to the same effect."""

    def open_table(self, name: str, source: Source) -> tuple[pa.Schema, int]:
        """Look at a table that the engine itself reads, later, by this name.

        Returns
        -------
        tuple
            Its columns, and how many rows it has.
        """

    def shuffle(self, source: Sent, arrive: Arrive) -> list[Facts]:
        """Read a source split by split, and hand each bucket's rows, in any order, to `arrive`;
        what it tells of each bucket that has rows, in order of the buckets.
        """

    def map(self, work: Callable[[int], Facts], buckets: Sequence[int]) -> list[Facts]:
        """Work on each bucket; what is told of each, in their order."""


class LocalEngine:
    """Works on one bucket for each core at a time, and shuffles by files.

    Parameters
    ----------
    scratch
        An existing folder.
    workers
        None: one for each core.
    """

    def __init__(self, scratch: Path, *, workers: int | None = None) -> None:
        self._scratch, self._workers = scratch, workers or cpu_count() or 1

    def open_table(self, name: str, source: Source) -> tuple[pa.Schema, int]:
        """As `Engine` says: this machine reads none."""
        raise StudyError(
            f"[{name}] names {source.table or source.path}, which only Spark reads",
            fix="run with --engine spark, or name files",
        )

    def shuffle(self, source: Sent, arrive: Arrive) -> list[Facts]:
        """As `Engine` says."""
        with TemporaryDirectory(prefix=f"arrived_{source.name}-", dir=self._scratch) as folder:

            def send(index: int) -> list[Parcel]:
                return send_rows(source.judge_split(index), Path(folder), f"{index:05d}")

            sent = self._each(send, range(len(source.splits)))
            parcels = [parcel for each in sent for parcel in each]

            def receive(bucket: int) -> Facts:
                return arrive(bucket, read_bucket(parcels, bucket))

            return self._each(receive, sorted({bucket for each in parcels for bucket in each.of}))

    def map(self, work: Callable[[int], Facts], buckets: Sequence[int]) -> list[Facts]:
        """As `Engine` says."""
        return self._each(work, buckets)

    def _each(self, work: Callable[[int], Any], numbers: Sequence[int]) -> list[Any]:
        if self._workers == 1 or len(numbers) < 2:
            return [work(number) for number in numbers]
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(work, numbers))


def gather(facts: Sequence[Facts], name: str) -> list[Any]:
    """One fact of each bucket that tells it."""
    return [each[name] for each in facts if name in each]


def add_counts(counts: Sequence[Mapping[Any, int]]) -> dict[int, int]:
    """Add counts up by their number; JSON makes words of numbers, and they are made numbers."""
    total: dict[int, int] = {}
    for each in counts:
        for key, count in each.items():
            total[int(key)] = total.get(int(key), 0) + count
    return total


@cache
def identity() -> dict[str, str]:
    """What computes here: the versions of Python and of the libraries on which results hang, and a
    digest of Holdfast's own code.
    """
    code, root = hashlib.sha256(), Path(holdfast.__file__).parent
    for path in sorted(root.rglob("*")):
        if path.suffix in (".py", ".toml"):
            code.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    ours = {"holdfast": f"{holdfast.__version__} ({code.hexdigest()[:8]})"}
    python = ".".join(platform.python_version_tuple()[:2])
    return {**ours, "python": python, **{name: version(name) for name in LIBRARIES}}
