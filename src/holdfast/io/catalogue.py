"""What Holdfast knows of public data sets: see catalogue.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.io.unpack import read_csv, read_fixed_width, read_workbook

_TYPES: Mapping[str, pl.DataType] = {
    "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(), "float64": pl.Float64(),
    "string": pl.String(), "datetime[ms]": pl.Datetime("ms"), "datetime[us]": pl.Datetime("us"),
}  # fmt: skip


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
            fields = self.fixed_width.items()
            return read_fixed_width(
                content, {name: (start, stop, _TYPES[kind]) for name, (start, stop, kind) in fields}
            )
        if self.workbook:
            return read_workbook(
                content, self.workbook["sheets"], _with_types(self.workbook["columns"])
            )
        return (
            pl.read_csv(content) if self.csv is None else read_csv(content, _with_types(self.csv))
        )


def _with_types(columns: Mapping[str, str]) -> dict[str, pl.DataType]:
    return {name: _TYPES[kind] for name, kind in columns.items()}


@cache
def catalogue() -> tuple[Dataset, ...]:
    """Every data set Holdfast knows, those that can be fetched first."""
    text = Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = tomllib.loads(text)
    return tuple(
        Dataset(name=name, **{**entry, "total": Decimal(entry["total"])})
        for name, entry in entries.items()
    )
