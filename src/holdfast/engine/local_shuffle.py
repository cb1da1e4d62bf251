"""The shuffle of one machine: a file for about a million rows, less where they are long, in which
the rows of each bucket lie together, so that they are read without the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

_ROWS_AT_ONCE, _BYTES_AT_ONCE = 1_000_000, 2**28


@dataclass(frozen=True)
class Parcel:
    """A file of rows, in the format of Arrow IPC.

    Attributes
    ----------
    of
        Bucket -> the number of the batch with its rows.
    """

    path: Path
    of: dict[int, int]


def send_rows(batches: Iterator[pa.RecordBatch], folder: Path, name: str) -> list[Parcel]:
    """Write rows with an int32 column `bucket` into files of this folder; within a bucket they keep
    their order.

    Parameters
    ----------
    name
        What the names of the files begin with.
    """
    return [
        _write(table, folder / f"{name}-{number}.arrow")
        for number, table in enumerate(_in_tables(batches))
    ]


def read_bucket(parcels: Sequence[Parcel], bucket: int) -> pa.Table:
    """The rows of a bucket, in the order of the parcels; at least one of them must have some."""
    batches = []
    for parcel in parcels:
        if bucket in parcel.of:
            with pa.memory_map(str(parcel.path)) as file, pa.ipc.open_file(file) as reader:
                batches.append(reader.get_batch(parcel.of[bucket]))
    return pa.Table.from_batches(batches)


def _write(rows: pa.Table, path: Path) -> Parcel:
    buckets = rows.column("bucket").to_numpy()
    ordered = rows.take(pa.array(np.argsort(buckets, kind="stable"))).combine_chunks()
    present, counts = np.unique(buckets, return_counts=True)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(str(path), rows.schema, options=options) as writer:
        first = 0
        for count in counts.tolist():
            (batch,) = ordered.slice(first, count).to_batches()
            writer.write_batch(batch)
            first += count
    return Parcel(path, {bucket: number for number, bucket in enumerate(present.tolist())})


def _in_tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches by about a million rows, or 256 MiB."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        table = pa.Table.from_batches(waiting)
        if table.num_rows >= _ROWS_AT_ONCE or table.nbytes >= _BYTES_AT_ONCE:
            yield table
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
