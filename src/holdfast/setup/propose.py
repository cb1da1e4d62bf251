"""Init: from a file that nobody has described to a commented holdfast.toml, with every guess open
to correction.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from holdfast.errors import DataError, StudyError, nearest
from holdfast.expressions import quote
from holdfast.ingest import sql
from holdfast.ingest.sources import common_columns
from holdfast.io.csv import CsvFiles
from holdfast.io.files import DataFile, find_files
from holdfast.setup.column_roles import LOG_ROLES, column_for, find_misnamed, log_columns
from holdfast.setup.csv_dialect import detect_dialect
from holdfast.setup.file_sample import Sample
from holdfast.setup.study_writer import Draft, Guess, path_in, to_toml
from holdfast.study import Csv, Study

__all__ = ["Guess", "Proposal", "propose"]

_SAMPLE_ROWS = 2_000_000
_KINDS = ("log", "snapshot")


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
    """

    toml: str
    kind: str
    guesses: tuple[Guess, ...]


def propose(path: Path, *, project_dir: Path, given: Mapping[str, str] | None = None) -> Proposal:
    """Look at a file (or a glob) and propose a study for it. Nothing is asked and nothing is
    written.

    Parameters
    ----------
    project_dir
        Where holdfast.toml will lie; a file below it is named relative to it.
    given
        What is known better or besides, by its dotted key in the study:
        {"transactions.columns.customer_id": "cust"}. The key "kind" takes "log" or "snapshot".

    Raises
    ------
    DataError
        The file cannot be read, or does not show who the customer, when the purchase or what the
        label is; the message has the key to give.
    StudyError
        What is given has no place in a study, or a wrong value.
    """
    given_keys = dict(given or {})
    files = find_files(str(path))
    csv = _dialect(files, given_keys)
    rows, complete = _rows(files, csv)
    sample = Sample(rows, decimal=csv.decimal if csv else ".", complete=complete)
    try:
        kind = given_keys.pop("kind", None) or _kind(sample)
        if kind not in _KINDS:
            raise StudyError(f"there is no kind of study '{kind}'", fix=nearest(kind, _KINDS))
        draft = Draft(given_keys)
        draft.comment(
            f"Proposed by `holdfast init` for {path.name}. Look first at the lines marked (?)."
        )
        draft.section("study")
        draft.put("name", project_dir.absolute().name or "shop", "the folder")
        where = path_in(project_dir, path)
        if kind == "log":
            log_study(draft, sample, path=where, csv=csv)
        else:
            snapshot_study(draft, sample, path=where, taken_on=file_day(files[0].path), csv=csv)
    finally:
        sample.close()
    Study.from_dict(tomllib.loads(draft.text))
    return Proposal(toml=draft.text, kind=kind, guesses=tuple(draft.guesses))


def _dialect(files: Sequence[DataFile], given: Mapping[str, str]) -> Csv | None:
    """How the text files are written, what is given before what is detected; None for Parquet."""
    if files[0].kind == "parquet":
        return None
    given_keys = {
        key.partition(".csv.")[2]: value for key, value in given.items() if ".csv." in key
    }
    return Csv.model_validate({**detect_dialect(files[0]).model_dump(), **given_keys})


def _rows(files: Sequence[DataFile], csv: Csv | None) -> tuple[pl.DataFrame, bool]:
    """Return the first rows, and whether they are all."""
    if csv is None:
        paths = [file.path for file in files]
        _, total = common_columns(list(map(str, paths)))
        rows = pl.scan_parquet(paths, glob=False).head(_SAMPLE_ROWS).collect()
        return rows, total == rows.height
    stream = CsvFiles(files, csv)
    batches = (batch for batch in stream.batches() if batch.num_rows)
    first = next(batches, None)
    if first is None:
        raise DataError(f"{files[0].path} has no rows", fix="name a file with rows")
    cells = pl.DataFrame(first.slice(0, _SAMPLE_ROWS)).drop("_file", "_row")
    complete = first.num_rows <= _SAMPLE_ROWS and next(batches, None) is None
    return cells.rename({f"c{i}": name for i, name in enumerate(stream.names)}), complete


def _kind(sample: Sample) -> str:
    """A log has a date, and customers who come back; a snapshot has one row for each, or no date at
    all.
    """
    columns, churned = log_columns(sample, {}), column_for(sample, "churned")
    customer = columns.get("customer_id")
    if "occurred_at" not in columns:
        labelled = churned or column_for(sample, "recency")
        return "snapshot" if labelled or not find_misnamed(sample, "occurred_at") else "log"
    if customer is None:
        return "snapshot" if churned else "log"
    return "snapshot" if churned and sample.count_repeated([customer]) == 0 else "log"


_HORIZONS = (30, 90, 180, 365)
_CHURN_HORIZONS = (30, 60, 90, 120, 180, 365)
_LEAST_HISTORY = 90
_MOSTLY = 0.9
_YES = ("yes", "true", "1", "y", "t")
_HOLDS = {
    "customer_id": "ids",
    "occurred_at": "dates in nearly all rows",
    "churned": "two outcomes",
}


def log_study(draft: Draft, sample: Sample, *, path: str, csv: Csv | None) -> None:
    """Propose a study of an order log.

    Raises
    ------
    DataError
        No column names the customer, or none says when.
    """
    prefix = "transactions.columns."
    given = {
        key.removeprefix(prefix): name for key, name in draft.given.items() if ".columns." in key
    }
    columns = log_columns(sample, given)
    customer = _require(
        columns.get("customer_id"), f"{prefix}customer_id", "names the customer", sample
    )
    when = _require(columns.get("occurred_at"), f"{prefix}occurred_at", "says when", sample)
    formats = sample.time_formats(when)
    chosen = min(formats, key=lambda each: sample.descents(when, each)) if formats else None
    _general(draft)
    horizons, why = list(_HORIZONS), "as far as the log goes; only its beginning was looked at"
    if sample.complete:
        days = sample.days(when, chosen)
        horizons, why = _horizons(days), f"the log spans {days} days"
    draft.put("horizons_days", horizons, why, sure=sample.complete)
    draft.section("transactions")
    draft.put("path", path, "the file")
    _duplicates(draft, sample)
    if csv is not None:
        _csv(draft, csv, "transactions")
        others = ", ".join(str(each) for each in formats if each != chosen)
        why = f"reads every date; {others} would do too" if others else "reads every date"
        draft.put("timestamp_format", chosen, why, sure=not others)
    _columns(draft, columns)
    _returns_and_rules(draft, sample, columns)
    draft.section("churn")
    knows_gaps = sample.complete and {customer, when} <= set(sample.names)
    gap = sample.usual_gap(customer, when, chosen) if knows_gaps else None
    draft.put("horizon_days", *_churn_horizon(gap, horizons))
    draft.section("value")
    draft.put("horizon_days", horizons[:3][-1], "revenue is predicted for so long")


def _duplicates(draft: Draft, sample: Sample) -> None:
    repeated, why = sample.count_repeated(sample.names), "no row repeats another"
    if repeated:
        why = (
            f"{repeated:,} of {sample.height:,} rows repeat an earlier one: purchases, or double "
            'entries ("drop")?'
        )
    draft.put("exact_duplicates", "keep", why, sure=not repeated)


def snapshot_study(
    draft: Draft, sample: Sample, *, path: str, taken_on: date, csv: Csv | None
) -> None:
    """Propose a study of a snapshot.

    Raises
    ------
    DataError
        No column names the customer, or nothing says who left.
    """
    customer_key, churned_key = "snapshot.columns.customer_id", "snapshot.labels.churned"
    customer = draft.given.get(customer_key) or column_for(sample, "customer_id")
    customer = _require(customer, customer_key, "names the customer", sample)
    churned, why, hidden = _churn_rule(sample)
    churned = draft.given.get(churned_key) or churned
    churned = _require(churned, churned_key, "says who left", sample)
    value = column_for(sample, "value")
    _general(draft)
    draft.section("snapshot")
    draft.put("path", path, "the file")
    taken = "the day on which the file was last changed: when was it taken?"
    draft.put("as_of", taken_on.isoformat(), taken, sure=False)
    labels = [*hidden, *([value] if value else [])]
    for hidden_from in ("hidden_from_churn", "hidden_from_value"):
        draft.put(hidden_from, labels, "what the labels are made of")
    if csv is not None:
        _csv(draft, csv, "snapshot")
    draft.section("snapshot.columns")
    unique = sample.count_repeated([customer]) == 0
    draft.put("customer_id", customer, "one row each" if unique else "but it repeats", sure=unique)
    draft.section("snapshot.labels")
    draft.put("churned", churned, why, sure=bool(hidden) and why.startswith("a column"))
    draft.put("value", quote(value) if value else None, "a column of that name")


def _require(column: str | None, key: str, meaning: str, sample: Sample) -> str:
    if column:
        return column
    role = key.rpartition(".")[2]
    near = find_misnamed(sample, role)
    if near is None:
        raise DataError(
            f"no column of the file {meaning} by its name; it has {', '.join(sample.names)}",
            fix=f"give {key}",
            key=key,
        )
    raise DataError(
        f"'{near}' is named so, but {_disagreement(sample, near, role)}",
        fix=f"correct its cells, or give another with --set {key}=COLUMN",
        key=key,
    )


def _disagreement(sample: Sample, name: str, role: str) -> str:
    """How the content of a column disagrees with its name."""
    if role == "customer_id" and sample.distinct(name) == 1:
        return "it holds one customer only: there is nobody to tell apart"
    values = sample.values(name)[:3]
    shown = ", ".join(value if len(value) <= 30 else f"{value[:29]}…" for value in values)
    return f"it does not hold {_HOLDS[role]}; its commonest are {shown}" if shown else "it is empty"


def _general(draft: Draft) -> None:
    draft.put("currency", "USD", "the file does not say", sure=False)
    draft.put("time_zone", "UTC", "of the business; the file does not say", sure=False)


def _horizons(days: int) -> list[int]:
    # A label in training and one in testing, and some history before both.
    return [each for each in _HORIZONS if 2 * each + _LEAST_HISTORY <= days] or [_HORIZONS[0]]


def _churn_horizon(gap: float | None, horizons: list[int]) -> tuple[int, str]:
    """Two usual gaps, as the nearest length that people plan by and that the log can prove."""
    if gap is None:
        return horizons[:2][-1], "a customer who buys nothing for so long has left"
    provable = [days for days in _CHURN_HORIZONS if days <= horizons[-1]]
    days = min(provable, key=lambda each: abs(each - 2 * gap))
    if days < 1.5 * gap:
        return days, f"the usual gap is {gap:,.0f} days; the log is too short for twice as long"
    return days, f"the usual gap is {gap:,.0f} days: silent for about twice as long has left"


def _csv(draft: Draft, csv: Csv, kind: str) -> None:
    draft.section(f"{kind}.csv")
    latin = csv.encoding == "latin-1"
    draft.put(
        "encoding",
        csv.encoding,
        "the bytes are no UTF-8" if latin else "so the bytes read",
        sure=not latin,
    )
    draft.put("delimiter", csv.delimiter, "gives every row the header's number of cells")
    if csv.quote != '"':
        draft.put("quote", csv.quote, "stands around cells")
    draft.put("decimal", csv.decimal, "as the numbers have it")


def _columns(draft: Draft, columns: dict[str, str]) -> None:
    draft.section("transactions.columns")
    for role in LOG_ROLES:
        draft.put(role, columns.get(role), "by its name and content")
    if "amount" not in columns and not {"quantity", "unit_price"} <= set(columns):
        draft.comment(
            "amount = ...  # no amounts were found: purchases count, revenue does not (?)"
        )


def _returns_and_rules(draft: Draft, sample: Sample, columns: dict[str, str]) -> None:
    order, product = columns.get("order_id"), columns.get("product_id")
    cancelled = sample.count(order, "C%") if order else 0
    if order and 0 < cancelled < sample.count_filled(order) / 2:
        draft.section("transactions.returns")
        draft.put(
            "when", f"{quote(order)} LIKE 'C%'", f"{cancelled:,} rows: cancellations?", sure=False
        )
    bare = sample.values(product, without_digits=True) if product else []
    if product and 0 < len(bare) <= (1 - _MOSTLY) * sample.distinct(product):
        draft.section("transactions.set_aside")
        rule = to_toml(f"{quote(product)} IN {sql.literals(bare[:10])}")
        draft.comment(
            f'"not a product" = {rule}  # codes without a digit: postage and the like? (?)'
        )


def _churn_rule(sample: Sample) -> tuple[str | None, str, list[str]]:
    """Return an expression for who left, why, and the columns it reads."""
    if column := column_for(sample, "churned"):
        yes = next((each for each in sample.values(column)[:20] if each.lower() in _YES), None)
        rule = f"{quote(column)} = {sql.literal(yes)}" if yes else quote(column)
        return rule, "a column of that name", [column]
    if column := column_for(sample, "recency"):
        why = f"no column says it; '{column}' days without a purchase is a formula"
        return f"{quote(column)} > 90", why, [column]
    return None, "", []


def file_day(path: Path) -> date:
    """The day on which a file was last changed."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
