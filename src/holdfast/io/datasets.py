"""Public data sets: where each comes from, how it becomes one Parquet file, and the figures it is
recognised by.

    provider ─→ NAME.part ─→ the provider's data file ─→ frame ─→ figures ─→ NAME.parquet
                goes on where   its SHA-256                       all or      appears by
                it stopped                                        nothing     one rename

A copy that differs in one figure of the catalogue is refused and leaves nothing behind.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from holdfast.errors import DataError, HoldfastError, InputError, MissingExtra, ProjectBusy, nearest
from holdfast.io.catalogue import Dataset, catalogue
from holdfast.io.download import PAUSES_SECONDS, Progress, discard, download
from holdfast.io.runs import sha256_of
from holdfast.io.unpack import CHANGED, advice, extract

__all__ = ["Dataset", "FetchedDataset", "catalogue", "fetch", "retrieve"]


@dataclass(frozen=True)
class FetchedDataset:
    """A data set on this machine; `sha256` is that of the Parquet file at `path`."""

    path: Path
    rows: int
    customers: int
    total: Decimal
    sha256: str


def fetch(
    name: str, directory: Path, *, base_url: str | None = None, on_progress: Progress | None = None
) -> FetchedDataset:
    """Download a data set of the catalogue into `directory` as NAME.parquet, unless a sound copy
    lies there already.

    Parameters
    ----------
    base_url
        A mirror: the provider's file name is asked for below this address instead.
    on_progress
        Called with the bytes so far and the bytes in all, None where the server does not say.

    Raises
    ------
    InputError
        No data set has that name, or its provider asks for a login; the fix says how to get it by
        hand.
    MissingExtra
        The format needs a package that is not installed.
    HoldfastError
        The provider cannot be reached or refuses, or `directory` cannot be written. The same call
        goes on later.
    DataError
        What came is not the data set we know: expected and found are said, and nothing is left
        behind.
    ProjectBusy
        Another process is fetching into `directory`.
    """
    known = {dataset.name: dataset for dataset in catalogue()}
    if name not in known:
        raise InputError(f"no data set is called '{name}'", fix=nearest(name, list(known)))
    return retrieve(known[name], directory, base_url=base_url, on_progress=on_progress)


def retrieve(
    dataset: Dataset,
    directory: Path,
    *,
    base_url: str | None = None,
    on_progress: Progress | None = None,
    pauses: Sequence[float] = PAUSES_SECONDS,
) -> FetchedDataset:
    """Do what `fetch` does, for a data set that need not be in the catalogue."""
    if dataset.url is None:
        raise InputError(
            f"'{dataset.name}' cannot be fetched: {dataset.provider} asks for a login",
            fix=dataset.by_hand,
        )
    if dataset.needs and find_spec(dataset.needs) is None:
        raise MissingExtra("datasets", needed_for=f"reading '{dataset.name}'")
    url = f"{base_url.rstrip('/')}/{dataset.url.rpartition('/')[2]}" if base_url else dataset.url
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _held(directory):
            return _already_there(dataset, directory) or _fetch(
                dataset, directory, url, on_progress, pauses
            )
    except OSError as error:
        raise HoldfastError(
            f"cannot write '{dataset.name}' into {directory}: {error.strerror or error}",
            fix="free some space, or choose another directory",
        ) from None


def _fetch(
    dataset: Dataset,
    directory: Path,
    url: str,
    on_progress: Progress | None,
    pauses: Sequence[float],
) -> FetchedDataset:
    part = directory / f"{dataset.name}.part"
    download(url, part, on_progress=on_progress, pauses=pauses)
    try:
        with _scratch(directory / f".{dataset.name}") as scratch:
            staged = _convert(dataset, part, scratch)
            fetched = staged.replace(_target(dataset, directory))
    except DataError as error:
        discard(part)
        raise DataError(f"{error.problem} (from {url})", fix=error.fix, **error.parts) from None
    discard(part)
    return _described(dataset, fetched)


def _already_there(dataset: Dataset, directory: Path) -> FetchedDataset | None:
    path = _target(dataset, directory)
    if not path.exists():
        return None
    try:
        _recognise(dataset, pl.read_parquet(path))
    except (DataError, pl.exceptions.PolarsError):
        return None
    return _described(dataset, path)


def _described(dataset: Dataset, path: Path) -> FetchedDataset:
    return FetchedDataset(path, dataset.rows, dataset.customers, dataset.total, sha256_of(path))


def _convert(dataset: Dataset, part: Path, scratch: Path) -> Path:
    """Write what was downloaded as Parquet, one row per row of the provider's data file, in its
    order.
    """
    data = part
    if dataset.member:
        data = scratch / dataset.member
        extract(part, member=dataset.member, to=data)
    _hold_against_sha256(dataset, data)
    try:
        frame = dataset.read(data)
        _recognise(dataset, frame)
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(
            f"'{dataset.name}' has not the format we know: {reason}", fix=advice(data)
        ) from None
    staged = scratch / "data.parquet"
    frame.write_parquet(staged)
    with staged.open("rb") as written:
        os.fsync(written.fileno())
    return staged


def _hold_against_sha256(dataset: Dataset, data: Path) -> None:
    if dataset.sha256 and (found := sha256_of(data)) != dataset.sha256:
        raise DataError(
            f"'{dataset.name}' is not the file we know: SHA-256 {found}, expected {dataset.sha256}",
            fix=advice(data),
            expected=dataset.sha256,
            found=found,
        )


def _recognise(dataset: Dataset, frame: pl.DataFrame) -> None:
    """Refuse a frame that differs from the catalogue in any figure."""
    figures = {
        "rows": (dataset.rows, pl.len()),
        "customers": (dataset.customers, dataset.customer.drop_nulls().n_unique()),
        f"total {dataset.total_of}": (dataset.total, dataset.amount.sum().round(2)),
        **dataset.figures,
    }
    found = frame.select(measure.alias(what) for what, (_, measure) in figures.items()).row(
        0, named=True
    )
    wrong = {
        what: expected
        for what, (expected, _) in figures.items()
        if Decimal(str(found[what])) != expected
    }
    if wrong:
        said = "; ".join(
            f"{what} {found[what]:,}, expected {expected:,}" for what, expected in wrong.items()
        )
        raise DataError(
            f"'{dataset.name}' is not the data set we know: {said}",
            fix=CHANGED,
            expected=wrong,
            found={what: found[what] for what in wrong},
        )


def _target(dataset: Dataset, directory: Path) -> Path:
    return directory / f"{dataset.name}.parquet"


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """An empty folder that does not outlive the block, nor a predecessor that was killed in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    """Keep other processes from fetching into the same directory; the lock is on the folder and
    leaves no file.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ProjectBusy(
            f"another process is fetching into {directory}", fix="wait for it to end"
        ) from None
    finally:
        os.close(descriptor)
