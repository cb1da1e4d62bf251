"""Public data sets: where each comes from, how it becomes one Parquet file, and the figures it is
recognised by.

    provider ─→ the provider's data file ─→ frame ─→ figures ─→ NAME.parquet
                its SHA-256                          all or      appears by
                                                     nothing     one rename

A copy that differs in one figure of the catalogue is refused and leaves nothing behind.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from holdfast.errors import DataError, HoldfastError, InputError, MissingExtra, first_line, nearest
from holdfast.io.download import PAUSES_SECONDS, Progress, download
from holdfast.io.unpack import CHANGED, advice, extract, read_csv, read_fixed_width, read_workbook
from holdfast.storage.safe_files import replace_file, sha256_of, write_parquet


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One entry of the catalogue.

    Attributes
    ----------
    kind
        Grain of the rows: order log, order lines, snapshot or randomised test.
    rows, customers, total
        What a copy must come to; `total` is the sum of `total_of`, to the cent.
    customer, amount
        SQL that names a row's customer (None: each row is one) and the amount behind `total`.
    url
        The provider's own address; None where the provider asks for a login, and `by_hand` says how
        to get it.
    member
        Name of the data file inside the provider's zip; None where the download is the data file.
    sha256
        Of the provider's data file (not of the zip around it); None where it could not be
        confirmed.
    figures
        Further counts a copy must come to: what -> (count, how to count it, in SQL).
    fixed_width, csv, workbook
        The format: fields with start, stop and type; columns that are numbers; sheets and columns.
    """

    name: str
    title: str
    kind: str
    provider: str
    page: str
    licence: str
    citation: str
    rows: int
    customers: int
    total: Decimal
    total_of: str
    amount: str
    customer: str | None = None
    url: str | None = None
    by_hand: str = ""
    member: str | None = None
    sha256: str | None = None
    figures: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    fixed_width: Mapping[str, tuple[int, int, str]] | None = None
    csv: Mapping[str, str] | None = None
    workbook: Mapping[str, Mapping[str, str]] | None = None

    def read(self, content: bytes) -> pl.DataFrame:
        """Read the provider's data file."""
        if self.fixed_width:
            return read_fixed_width(content, self.fixed_width)
        if self.workbook:
            return read_workbook(content, self.workbook["sheets"], self.workbook["columns"])
        return pl.read_csv(content) if self.csv is None else read_csv(content, self.csv)


@cache
def catalogue() -> tuple[Dataset, ...]:
    """Every data set Holdfast knows, those that can be fetched first."""
    text = Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text).items()
    return tuple(
        Dataset(name=name, **{**entry, "total": Decimal(entry["total"])}) for name, entry in entries
    )


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
        The provider cannot be reached or refuses, or `directory` cannot be written.
    DataError
        What came is not the data set we know: expected and found are said, and nothing is left
        behind.
    """
    datasets = {dataset.name: dataset for dataset in catalogue()}
    if name not in datasets:
        raise InputError(f"no data set is called '{name}'", fix=nearest(name, list(datasets)))
    return retrieve(datasets[name], directory, base_url=base_url, on_progress=on_progress)


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
    if dataset.workbook and find_spec("fastexcel") is None:
        raise MissingExtra("datasets", needed_for=f"reading '{dataset.name}'")
    url = f"{base_url.rstrip('/')}/{dataset.url.rpartition('/')[2]}" if base_url else dataset.url
    path = directory / f"{dataset.name}.parquet"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not _is_sound(dataset, path):
            content = download(url, on_progress=on_progress, pauses=pauses)
            replace_file(path, partial(write_parquet, _read(dataset, content)))
    except DataError as error:
        raise DataError(
            f"'{dataset.name}': {error.problem} (from {url})", fix=error.fix, **error.parts
        ) from None
    except OSError as error:
        raise HoldfastError(
            f"cannot write '{dataset.name}' into {directory}: {error.strerror or error}",
            fix="free some space, or choose another directory",
        ) from None
    return FetchedDataset(path, dataset.rows, dataset.customers, dataset.total, sha256_of(path))


def _is_sound(dataset: Dataset, path: Path) -> bool:
    try:
        _recognise(dataset, pl.read_parquet(path))
    except (OSError, DataError, pl.exceptions.PolarsError):
        return False
    return True


def _read(dataset: Dataset, content: bytes) -> pl.DataFrame:
    """Return one row per row of the provider's data file, in its order."""
    data = extract(content, dataset.member) if dataset.member else content
    _check_sha256(dataset, data)
    try:
        frame = dataset.read(data)
        _recognise(dataset, frame)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"not in the format we know: {first_line(error)}", fix=advice(data)
        ) from None
    return frame


def _check_sha256(dataset: Dataset, data: bytes) -> None:
    digest = hashlib.sha256(data).hexdigest()
    if dataset.sha256 not in (None, digest):
        raise DataError(
            f"not the file we know: SHA-256 {digest}, expected {dataset.sha256}",
            fix=advice(data),
            expected=dataset.sha256,
            actual=digest,
        )


def _recognise(dataset: Dataset, frame: pl.DataFrame) -> None:
    """Refuse a frame that differs from the catalogue in any figure."""
    customers = pl.len()
    if dataset.customer is not None:
        customers = pl.sql_expr(dataset.customer).drop_nulls().n_unique()
    total = pl.sql_expr(dataset.amount).sum().round(2)
    figures = {
        "rows": (dataset.rows, pl.len()),
        "customers": (dataset.customers, customers),
        f"total {dataset.total_of}": (dataset.total, total),
        **{what: (count, pl.sql_expr(sql)) for what, (count, sql) in dataset.figures.items()},
    }
    counts = frame.select(measure.alias(what) for what, (_, measure) in figures.items())
    counted = counts.row(0, named=True)
    wrong = {
        what: expected
        for what, (expected, _) in figures.items()
        if Decimal(str(counted[what])) != expected
    }
    if wrong:
        differences = (
            f"{what} {counted[what]:,}, expected {count:,}" for what, count in wrong.items()
        )
        raise DataError(
            f"not the data set we know: {'; '.join(differences)}",
            fix=CHANGED,
            expected=wrong,
            actual={what: counted[what] for what in wrong},
        )
