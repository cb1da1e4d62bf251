"""Engines: who works on splits and buckets."""

import hashlib
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

import holdfast
from holdfast.engine.buckets import BucketFolder
from holdfast.errors import StudyError
from holdfast.study.sources import Source

LIBRARIES = ("duckdb", "polars", "numpy", "pyarrow", "narwhals", "lightgbm", "scikit-learn")
"""On their versions results hang."""
Facts = dict[str, Any]
"""What somebody who worked on a bucket tells: plain values, few of them."""
_ROWS_AT_ONCE = 1_000_000

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
        folder = BucketFolder(self._scratch / f"arrived_{source.name}")
        folder.path.mkdir()
        self._each(lambda index: _send(source, index, folder), range(len(source.splits)))
        arrived = sorted({int(path.stem.split("-")[1]) for path in folder.path.glob("*/*.parquet")})

        def receive(bucket: int) -> Facts:
            paths = sorted(folder.path.glob(f"*/{folder.part('', bucket).name}"))
            rows = pa.concat_tables([pq.read_table(path).cast(source.schema) for path in paths])
            for path in paths:
                path.unlink()
            return arrive(bucket, rows)

        return self._each(receive, arrived)

    def map(self, work: Callable[[int], Facts], buckets: Sequence[int]) -> list[Facts]:
        """As `Engine` says."""
        return self._each(work, buckets)

    def _each(self, work: Callable[[int], Any], numbers: Sequence[int]) -> list[Any]:
        if self._workers == 1 or len(numbers) < 2:
            return [work(number) for number in numbers]
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(work, numbers))


def _send(source: Sent, index: int, folder: BucketFolder) -> None:
    """Write the rows of a split into a file for each bucket."""
    for number, table in enumerate(_in_tables(source.judge_split(index))):
        rows = pl.DataFrame(table)
        for (bucket,), part in rows.partition_by("bucket", as_dict=True).items():
            folder.write(f"{index:05d}-{number}", bucket, part)


def _in_tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches by about a million rows."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


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
