"""Export: the scores, segments and plan of a run as tables of a database, its customers as a
workbook, its report as a PDF. What lists customers is in the audit log before it leaves.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import HoldfastError, InputError
from holdfast.io.postgres_tables import KeyedTable, replace_rows
from holdfast.report.exports.customer_rows import sort_customers
from holdfast.report.exports.pdf import print_pdf
from holdfast.report.exports.workbook import SheetColumn, write_workbook
from holdfast.serving.answers import explain_no_value
from holdfast.serving.customer_search import read_scores
from holdfast.serving.load import load_study, read_table
from holdfast.storage import audit_log
from holdfast.storage.run_folder import Run
from holdfast.storage.safe_files import os_errors_as, replace_file

_ESTIMATED = (
    "expected_revenue", "value_tier", "value_if_kept", "at_stake", "average_ltv", "total_ltv",
)  # fmt: skip
"""What a run without a model of value fills with 0, and knows nothing of."""
_SHEET = (
    SheetColumn("customer_id", "Customer", width=18),
    SheetColumn("segment", "Segment", width=16),
    SheetColumn("churn_probability", "Churn probability", "share", 12),
    SheetColumn("expected_revenue", "Expected revenue", "money"),
    SheetColumn("at_stake", "Revenue at stake", "money"),
    SheetColumn("last_purchase_date", "Last purchase", "date", 12),
    SheetColumn("next_purchase_date", "Next purchase expected by", "date", 12),
    SheetColumn("evidence_level", "Evidence", width=11),
    SheetColumn("may_be_contacted", "May be contacted", width=22),
    SheetColumn("why", "Strongest reason", width=80),
)


def export_to_postgres(run: Run, dsn_env: str, schema: str, *, project: Path) -> dict[str, Any]:
    """Bring customer_scores, segments and plan of a schema to what the run says, all at once.

    Whoever the run no longer scores is removed: neither an erased customer nor one who stopped
    buying long ago stays behind with an old figure.

    Parameters
    ----------
    dsn_env
        Variable of the environment that holds the connection string.

    Returns
    -------
    dict
        Table -> `rows` it has now, and `removed`.

    Raises
    ------
    HoldfastError
        As of `replace_rows`; the tables are as before.
    """
    tables = _list_tables(run)
    facts: dict[str, Any] = {"run_id": run.run_id, "schema": schema, "rows": tables[0].rows.height}
    with audit_log.write_ahead(project, "export to PostgreSQL", **facts):
        done = replace_rows(dsn_env, schema, tables)
    return {name: asdict(each) for name, each in done.items()}


def _list_tables(run: Run) -> list[KeyedTable]:
    facts = {
        "run_id": pl.lit(run.run_id),
        "scored_at": pl.lit(_creation_time(run)),
        "currency": pl.lit(load_study(run).currency),
    }
    scores = _say_who_may_be_contacted(_estimates(run, read_scores(run)), run)
    segments = _estimates(run, run.table("segments"))
    return [
        KeyedTable(name=name, key=key, rows=_with_dates(table, facts), meaning=f"a row a {what}")
        for name, key, what, table in (
            ("customer_scores", "customer_id", "customer", scores),
            ("segments", "segment", "segment", segments),
            ("plan", "customer_id", "customer in the plan", read_table(run, "plan")),
        )
    ]


def _estimates(run: Run, table: pl.DataFrame) -> pl.DataFrame:
    """The table, without the zeros that stand where nobody's revenue was estimated."""
    if explain_no_value(run.summary) is None:
        return table
    missing = [name for name in _ESTIMATED if name in table.columns]
    return table.with_columns(pl.lit(None, table.schema[name]).alias(name) for name in missing)


def _say_who_may_be_contacted(scores: pl.DataFrame, run: Run) -> pl.DataFrame:
    """With `may_contact`; null where the run does not know."""
    permissions = read_table(run, "permissions").select("customer_id", "may_contact")
    return scores.join(permissions, on="customer_id", how="left", maintain_order="left")


def _with_dates(table: pl.DataFrame, facts: Mapping[str, pl.Expr]) -> pl.DataFrame:
    """Numbers of days as dates, numbers that are none as nulls, and the facts of the run."""
    days = [name for name in table.columns if name.endswith("_day")]
    dates = (pl.col(name).cast(pl.Date).alias(f"{name[:-4]}_date") for name in days)
    finite = pl.col(pl.Float64).fill_nan(None)
    return table.with_columns(finite).with_columns(*dates, **facts).drop(days)


def export_workbook(run: Run, path: Path, *, project: Path) -> int:
    """Write the run's customers, the most at stake first, as an Excel workbook; how many they are.

    Raises
    ------
    InputError
        The name does not end with .xlsx, or a sheet cannot hold so many.
    HoldfastError
        The file cannot be written; it appears whole or not at all.
    """
    if path.suffix != ".xlsx":
        raise InputError(
            f"{path.name} is no workbook",
            fix="end its name with .xlsx; the same list as CSV is customer_segments.csv in the "
            "run's folder",
        )
    customers, study = list_customers(run), load_study(run)
    facts: dict[str, Any] = {"run_id": run.run_id, "file": path.name, "rows": customers.height}
    title = f"Customers of {study.name}, run {run.run_id}"
    write = partial(write_workbook, customers, columns=_SHEET, title=title,
                    created=_creation_time(run), currency=study.currency)  # fmt: skip
    with (
        audit_log.write_ahead(project, "export of a workbook", **facts),
        os_errors_as(
            HoldfastError, f"{path} cannot be written", fix="name a file in a folder that is yours"
        ),
    ):
        replace_file(path, lambda new: write(path=new))
    return customers.height


def export_pdf(run: Run, path: Path) -> None:
    """Print the run's report as a PDF, which appears whole or not at all.

    Raises
    ------
    MissingBrowser
        No Chromium is installed.
    HoldfastError
        It prints nothing, or the file cannot be written.
    """
    page = run.file("report.html")
    with os_errors_as(
        HoldfastError, f"{path} cannot be written", fix="name a file in a folder that is yours"
    ):
        replace_file(path, partial(print_pdf, page))


def list_customers(run: Run) -> pl.DataFrame:
    """A row per scored customer, the most at stake first: the scores, `last_purchase_date` and
    `next_purchase_date` of a log, `why` (the strongest reason) and `may_be_contacted` (yes, or why
    not).
    """
    scores = sort_customers(_estimates(run, read_scores(run)))
    reasons = read_table(run, "reasons").filter(task="churn", rank=1)
    besides = [reasons.select("customer_id", why="sentence")]
    bought = read_table(run, "purchases")
    if not bought.is_empty():
        besides.append(bought.group_by("customer_id").agg(last_purchase_day=pl.col("day").max()))
    permissions = read_table(run, "permissions")
    if not permissions.is_empty():
        yes = pl.when("may_contact").then(pl.lit("yes")).otherwise("why_not")
        besides.append(permissions.select("customer_id", may_be_contacted=yes))
    for table in besides:
        scores = scores.join(table, on="customer_id", how="left", maintain_order="left")
    return _with_dates(scores, {})


def _creation_time(run: Run) -> datetime:
    return datetime.strptime(run.manifest["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
