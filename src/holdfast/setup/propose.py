"""Init: from a file that nobody has described to a commented holdfast.toml, with every guess open
to correction.
"""

import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import polars as pl
from pydantic import ValidationError

from holdfast.errors import DataError, StudyError, nearest
from holdfast.ingest.sources import Stream, common_columns, text_files
from holdfast.io.excel import first_rows
from holdfast.io.files import DataFile, find_files
from holdfast.io.queries import open_query
from holdfast.setup.column_roles import column_for, find_misnamed, log_columns
from holdfast.setup.csv_dialect import decimal_of, detect_dialect
from holdfast.setup.customers_study import customers_study
from holdfast.setup.file_sample import Sample
from holdfast.setup.log_study import log_study
from holdfast.setup.snapshot_study import find_label, snapshot_study, summary_columns
from holdfast.setup.study_writer import Draft, Guess, path_in
from holdfast.study import Csv, Database, Postgres, Study
from holdfast.study.study import to_study_error

__all__ = ["Guess", "Proposal", "propose"]

_SAMPLE_ROWS, _SAMPLE_CELLS = 2_000_000, 30_000_000
"""Of a file, or of a wide one; more is not looked at."""
_KINDS = ("log", "snapshot")
Table = TypeVar("Table", Csv, Database, Postgres)
_FORMAT = "transactions.csv.timestamp_format"
_SHORT = {"transactions.timestamp_format": _FORMAT}
"""What is given under a shorter key than it has in the study."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A study for a file.

    Attributes
    ----------
    toml
        A commented holdfast.toml; it validates.
    kind
        "log" or "snapshot".
    guesses
        What was guessed, in the order of the file.
    columns
        The file's.
    lacks
        What the file lacks so that a run could answer at all; mostly nothing.
    """

    toml: str
    kind: str
    guesses: tuple[Guess, ...]
    columns: tuple[str, ...]
    lacks: tuple[str, ...] = ()


def propose(
    path: Path | None, *, project_dir: Path, given: Mapping[str, str] | None = None
) -> Proposal:
    """Look at a file (or a glob, or a query) and propose a study for it. Nothing is asked and
    nothing is written.

    Parameters
    ----------
    path
        None: `given` has the query, as in {"transactions.database.query": "SELECT ..."}.
    project_dir
        Where holdfast.toml will lie; a file below it is named relative to it.
    given
        What is known better or besides, by its dotted key in the study:
        {"transactions.columns.customer_id": "cust"}. The key "kind" takes "log" or "snapshot",
        and "customers.path" a file of customers, which is looked at, too.

    Raises
    ------
    DataError
        The file cannot be read, or does not show who the customer, when the purchase or what the
        label is; the message has the key to give.
    StudyError
        What is given has no place in a study, or a wrong value.
    """
    given_keys = {_SHORT.get(key, key): value for key, value in (given or {}).items()}
    csv, sheet, taken_on, label = None, None, datetime.now(UTC).date(), "a query"
    if path is None:
        rows, complete = _first_rows(open_query(given_query(given_keys)))
    else:
        files = find_files(str(path))
        csv, sheet = _dialect(files, given_keys)
        rows, complete = _rows(files, csv, sheet)
        taken_on, label = file_day(files[0].path), path.name
    decimal, timestamp_format = csv.decimal if csv else ".", given_keys.get(_FORMAT)
    with closing(
        Sample(rows, decimal=decimal, timestamp_format=timestamp_format, complete=complete)
    ) as sample:
        kind = given_keys.pop("kind", None) or _kind(sample)
        draft = _begin(given_keys, kind, project_dir, label)
        where = path_in(project_dir, path) if path is not None else None
        if kind == "log":
            log_study(draft, sample, path=where, csv=csv)
        else:
            snapshot_study(draft, sample, path=where, taken_on=taken_on, csv=csv)
        draft.section("transactions" if kind == "log" else "snapshot")
        draft.put("sheet", sheet, "of the workbook")
        if (people := draft.given.get("customers.path")) and kind == "log":
            _propose_customers(draft, Path(people), project_dir)
    Study.from_dict(tomllib.loads(draft.text))
    return Proposal(
        toml=draft.text,
        kind=kind,
        guesses=tuple(draft.guesses),
        columns=tuple(rows.columns),
        lacks=tuple(draft.lacks),
    )


def _propose_customers(draft: Draft, path: Path, project_dir: Path) -> None:
    """Look at the file of customers beside the log."""
    files = find_files(str(path))
    csv, sheet = _dialect(files, {})
    rows, complete = _rows(files, csv, sheet)
    with closing(Sample(rows, decimal=csv.decimal if csv else ".", complete=complete)) as sample:
        customers_study(draft, sample, path=path_in(project_dir, path), csv=csv)
        draft.section("customers")
        draft.put("sheet", sheet, "of the workbook")


def _begin(given: Mapping[str, str], kind: str, project_dir: Path, label: str) -> Draft:
    if kind not in _KINDS:
        raise StudyError(f"there is no kind of study '{kind}'", fix=nearest(kind, _KINDS))
    draft = Draft(given)
    draft.comment(f"Proposed by `holdfast init` for {label}. Look first at the lines marked (?).")
    draft.section("study")
    draft.put("name", project_dir.absolute().name or "shop", "the folder")
    return draft


def given_query(given: Mapping[str, str]) -> Database | Postgres:
    """The query that is given instead of a file.

    Raises
    ------
    StudyError
        There is none.
    """
    for section in ("database", "postgres"):
        keys = {
            key.rpartition(".")[2]: value for key, value in given.items() if f".{section}." in key
        }
        if "query" in keys:
            if section == "postgres":
                return _validate(Postgres, keys, section)
            return _validate(Database, keys, section)
    raise StudyError("there is neither a file nor a query", fix="name a file with --data FILE")


def _dialect(files: Sequence[DataFile], given: Mapping[str, str]) -> tuple[Csv | None, str | None]:
    """How the text files are written, what is given before what is detected, and the sheet of a
    workbook; None for Parquet.
    """
    if files[0].kind == "parquet":
        return None, None
    given_keys = {
        key.partition(".csv.")[2]: value for key, value in given.items() if ".csv." in key
    }
    sheet = next((value for key, value in given.items() if key.endswith(".sheet")), None)
    if files[0].kind == "excel":
        name, title_rows, texts = first_rows(files[0], sheet)
        cells = [cell for column in texts for cell in column.drop_nulls()]
        detected = Csv(decimal=decimal_of(cells), skip_lines=title_rows)
        sheet = sheet or name
    else:
        detected = detect_dialect(files[0])
    detected_keys = detected.model_dump(exclude_unset=True)
    return _validate(Csv, {**detected_keys, **given_keys}, "csv"), sheet


def _validate(table: type[Table], keys: Mapping[str, object], name: str) -> Table:
    try:
        return table.model_validate(keys)
    except ValidationError as error:
        raise to_study_error(error, within=("transactions", name)) from None


def _rows(
    files: Sequence[DataFile], csv: Csv | None, sheet: str | None
) -> tuple[pl.DataFrame, bool]:
    """Return the first rows, and whether they are all."""
    if csv is None:
        paths = [file.path for file in files]
        _, total = common_columns(list(map(str, paths)))
        rows = pl.scan_parquet(paths, glob=False).head(_SAMPLE_ROWS).collect()
        return rows, total == rows.height
    return _first_rows(text_files(files, csv, sheet))


def _first_rows(stream: Stream) -> tuple[pl.DataFrame, bool]:
    """Return the first rows of a stream, and whether they are all."""
    batches = stream.batches()
    read: list[pl.DataFrame] = []
    enough = min(_SAMPLE_ROWS, _SAMPLE_CELLS // len(stream.names))
    while sum(each.height for each in read) < enough and (batch := next(batches, None)):
        read.append(pl.DataFrame(batch))
    rows = pl.concat(read) if read else pl.DataFrame()
    if rows.is_empty():
        raise DataError(f"{stream.labels[0]} has no rows", fix="name a file with rows")
    complete = rows.height <= enough and next(batches, None) is None
    cells = rows.head(enough).drop("_file", "_row")
    return cells.rename({f"c{i}": name for i, name in enumerate(stream.names)}), complete


def _kind(sample: Sample) -> str:
    """A log has a date, and customers who come back; a snapshot has one row for each, or no date at
    all.

    Raises
    ------
    DataError
        The rows are customers, summed up, and nothing says who left.
    """
    columns = log_columns(sample, {})
    customer = columns.get("customer_id")
    is_one_each = customer is not None and sample.count_repeated([customer.column]) == 0
    label = find_label(sample)
    is_labelled = label is not None and (label.is_named or "order_id" not in columns)
    if is_one_each and is_labelled:
        return "snapshot"
    if customer is not None and is_one_each and not column_for(sample, "recency"):
        _refuse_summary(sample, customer.column)
    if "occurred_at" not in columns:
        labelled = is_labelled or column_for(sample, "recency")
        return "snapshot" if labelled or not find_misnamed(sample, "occurred_at") else "log"
    return "snapshot" if customer is None and is_labelled else "log"


def _refuse_summary(sample: Sample, customer: str) -> None:
    """Refuse one row a customer as a log, and offer it as a snapshot."""
    summed = [name for name in summary_columns(sample) if name != customer]
    if len(summed) < 2:
        return
    raise DataError(
        f"this is no log of orders: each of its {sample.height:,} rows is another customer "
        f"('{customer}'), summed up in {', '.join(summed)}",
        fix="give the orders themselves, one row each; or take it as a snapshot with --set "
        "kind=snapshot, and say who left with --set snapshot.labels.churned=CONDITION",
        columns=summed,
    )


def file_day(path: Path) -> date:
    """The day on which a file was last changed."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
