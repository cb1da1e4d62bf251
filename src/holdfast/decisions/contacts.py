"""Contacts: which customers of a run may be contacted at all, and the two files of a campaign."""

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import HoldfastError, InputError
from holdfast.report.exports import neutralise
from holdfast.storage import audit_log
from holdfast.storage.safe_files import os_errors_as, replace_file, write_parquet


def write_arms(
    path: Path,
    contacted: pl.DataFrame,
    held_out: pl.DataFrame,
    *,
    project: Path,
    deed: str,
    **facts: Any,
) -> Path:
    """Write whom to contact to `path`, and whom to leave alone to the same name with "-holdout";
    the ending chooses CSV or Parquet. The audit log is told first, and each file appears whole.

    Returns
    -------
    pathlib.Path
        Of those held out.

    Raises
    ------
    InputError
        The file is neither CSV nor Parquet.
    HoldfastError
        It cannot be written.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise InputError(f"{path.name} is no list", fix="end its name with .csv or .parquet")
    other = path.with_stem(f"{path.stem}-holdout")
    facts |= {"contacted": contacted.height, "held_out": held_out.height}
    problem = f"{path} cannot be written"
    with (
        audit_log.write_ahead(project, deed, **facts),
        os_errors_as(HoldfastError, problem, fix="name a file in a folder that is yours"),
    ):
        # The hold-out first: a list of contacts without it is a campaign that nobody can measure.
        for place, rows in ((other, held_out), (path, contacted)):
            replace_file(place, partial(_write, rows, path.suffix))
    return other


def _write(table: pl.DataFrame, suffix: str, path: Path) -> None:
    if suffix == ".parquet":
        write_parquet(table, path)
        return
    safe = [neutralise(name) for name, kind in table.schema.items() if kind == pl.String]
    path.write_text(table.with_columns(safe).write_csv(), encoding="utf-8")
