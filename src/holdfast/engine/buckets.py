"""Buckets: which customers are worked on together, and where what is made of them lies.

The number of buckets follows from the data and not from the cluster, so that results do not depend
on who computed them. What lies in the folder must be seen by every machine that works, under the
same path.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.storage.safe_files import replace_file, write_parquet


def bucket_sql(name: str, n_buckets: int) -> str:
    """SQL (DuckDB) of the bucket of a customer: the first 8 bytes of the MD5 of the name, as one
    number, modulo the number of buckets. An id written as a float falls to the id without ".0".
    """
    plain = f"CASE WHEN ends_with({name}, '.0') THEN {name}[:-3] ELSE {name} END"
    return f"CAST(CAST('0x' || left(md5({plain}), 16) AS UBIGINT) % {n_buckets} AS INTEGER)"


@dataclass(frozen=True)
class BucketFolder:
    """Tables in parts, one file a bucket: `<table>/part-00017.parquet`.

    Parameters
    ----------
    path
        An existing folder.
    durable
        Whether the disk must have a part before it gets its name; a run waits for the disk once,
        when it is published.
    """

    path: Path
    durable: bool = False

    def part(self, table: str, bucket: int) -> Path:
        """The file of one bucket, whether it is there or not."""
        return self.path / table / f"part-{bucket:05d}.parquet"

    def write(self, table: str, bucket: int, rows: pl.DataFrame) -> None:
        """Write a bucket's part of a table, in the place of one that is there; of no rows there is
        none. Who writes it again writes the same.
        """
        path = self.part(table, bucket)
        if rows.is_empty():
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, lambda new: write_parquet(rows, new), durable=self.durable)

    def read(self, table: str, bucket: int, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """A bucket's part of a table; a table without columns where there is none."""
        path = self.part(table, bucket)
        wanted = None if columns is None else list(columns)
        return pl.read_parquet(path, columns=wanted) if path.exists() else pl.DataFrame()

    def arrow(self, table: str, buckets: Iterable[int]) -> pa.Table | None:
        """Parts of a table one after the other; None where there is none."""
        paths = [path for each in buckets if (path := self.part(table, each)).exists()]
        return pa.concat_tables([pq.read_table(path) for path in paths]) if paths else None

    def whole(self, table: str) -> pl.DataFrame | None:
        """All parts of a small table, in order of the buckets; None where there is none."""
        paths = self.paths(table)
        return pl.concat([pl.read_parquet(path) for path in paths]) if paths else None

    def paths(self, table: str) -> list[Path]:
        """The files of a table, in order of the buckets."""
        return sorted((self.path / table).glob("part-*.parquet"))

    def remove(self, table: str) -> None:
        """Remove all parts of a table."""
        shutil.rmtree(self.path / table, ignore_errors=True)
