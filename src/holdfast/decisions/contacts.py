"""Contacts: which customers of a run may be contacted at all, and the two files of a campaign."""

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.campaigns.audience import drop_forbidden
from holdfast.campaigns.experiments.assignment import GLOBAL_SALT, hold_out
from holdfast.errors import HoldfastError, InputError
from holdfast.report.exports import neutralise
from holdfast.report.formatting import plural
from holdfast.serving.load import read_table
from holdfast.storage import audit_log
from holdfast.storage.run_folder import Run
from holdfast.storage.safe_files import os_errors_as, replace_file, write_parquet
from holdfast.study import Study


def drop_untouchable(
    customers: pl.DataFrame, run: Run, study: Study
) -> tuple[pl.DataFrame, list[str]]:
    """Drop who may not be contacted or is held out of every campaign.

    Returns
    -------
    tuple
        The others, and sentences on how many were dropped.
    """
    allowed, why_not = drop_forbidden(customers, read_table(run, "permissions"))
    held = hold_out(allowed["customer_id"], salt=GLOBAL_SALT, share=study.campaigns.global_holdout)
    notes = []
    if why_not:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in why_not.items())
        n = plural(sum(why_not.values()), "customer")
        notes.append(f"{n} may not be contacted and are left out: {reasons}")
    if held.any():
        n = plural(int(held.sum()), "customer")
        notes.append(f"{n} left out, held out of every campaign")
    return allowed.filter(~pl.Series(held)), notes


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
