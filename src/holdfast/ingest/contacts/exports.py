"""Recorded exports are treatments: both arms of every audience and list that left, beside those of
[treatments].

Where [treatments] has a campaign of the same name, the study's own record wins: it knows what was
delivered. What was withdrawn is not read. Times are UTC, and a day is the business's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from holdfast.errors import DataError, StudyError, first_line, system_error
from holdfast.ingest import sql
from holdfast.ingest.door import Door
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.row_mappings import treatment_mapping
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.validation import RowMapping, ValidatedSource, validate_rows
from holdfast.io.files import expand_path
from holdfast.io.warehouse import Warehouse
from holdfast.storage.export_records import FOLDER, campaign_of, sent_exports, treatments_file
from holdfast.study import Study
from holdfast.study.sources import Treatments

NAME = "exports"
OF_THE_STUDY = "its campaign is in [treatments]"
AGAIN = "exported before in the same campaign on the same day"
_TYPES: Mapping[str, Any] = {
    "customer_id": pl.String, "occurred_at": pl.Datetime("us"), "campaign": pl.String,
    "treated": pl.Boolean, "propensity": pl.Float64, "cost": pl.Float64, "offer": pl.String,
}  # fmt: skip
_COLUMNS = dict(zip(_TYPES, _TYPES, strict=True))


@dataclass(frozen=True)
class _Export:
    campaign: str
    path: Path


def read_exports(reader: SourceReader) -> ValidatedSource | None:
    """Read what was exported and not withdrawn; None where there is nothing.

    The accepted rows are in its table, laid out as those of [treatments].

    Raises
    ------
    StudyError
        [treatments] names the exports themselves.
    DataError
        An export is damaged.
    """
    study, warehouse = reader.study, reader.warehouse
    exports = _find(study)
    rows = [_read(export, number) for number, export in enumerate(exports)]
    if not sum(table.height for table in rows):
        return None
    _refuse_twice(study)
    source = _open(pl.concat(rows), [str(export.path) for export in exports], warehouse)
    mapping = _mapping(source, study, _of_the_study(exports, warehouse))
    read = validate_rows(source, mapping, warehouse, Door(reader.people, "customer_id"))
    warehouse.con.unregister(source.view)
    return read


def _find(study: Study) -> list[_Export]:
    """The exports that have a table, the earliest first."""
    if not study.campaigns.read_exports:
        return []
    project = Path(study.project_dir)
    exports = (
        _Export(campaign_of(entry), treatments_file(project, entry["export_id"]))
        for entry in reversed(sent_exports(project))
    )
    return [export for export in exports if export.path.is_file()]


def _read(export: _Export, number: int) -> pl.DataFrame:
    """One export: c0, c1, ... as in `_TYPES`. Those of older versions name no offer."""
    try:
        table = pl.read_parquet(export.path, glob=False)
        if "offer" not in table.columns:
            table = table.with_columns(offer=pl.lit(None, pl.String))
        cells = [pl.col(name).cast(kind).alias(f"c{i}") for i, (name, kind) in _numbered_columns()]
        places = [
            pl.lit(number, pl.Int32).alias("_file"),
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("_row"),
        ]
        rows = table.select(*places, *cells)
        return rows.with_columns(pl.col("c1").dt.replace_time_zone("UTC"))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise system_error(error) or DataError(
            f"{export.path} cannot be read: {first_line(error)}",
            fix=f"restore it from a copy, or withdraw it with `holdfast experiment withdraw "
            f"{export.path.stem}`",
        ) from None


def _numbered_columns() -> list[tuple[int, tuple[str, Any]]]:
    return list(enumerate(_TYPES.items()))


def _open(rows: pl.DataFrame, labels: Sequence[str], warehouse: Warehouse) -> OpenSource:
    view = f"source_{NAME}"
    warehouse.con.register(view, rows.to_arrow())
    kinds = dict(
        warehouse.query(f"SELECT column_name, column_type FROM (DESCRIBE {view})").iter_rows()
    )
    fields = {name: sql.Field(f"c{i}", kinds[f"c{i}"]) for i, (name, _) in _numbered_columns()}
    return OpenSource(
        NAME, view, fields, labels, ".", streamed=rows.height, unshown=frozenset({"customer_id"})
    )


def _mapping(source: OpenSource, study: Study, of_the_study: str) -> RowMapping:
    section = Treatments.model_validate({"path": f"{FOLDER}/*.parquet", "columns": _COLUMNS})
    mapping = treatment_mapping(source, study.model_copy(update={"treatments": section}))
    # One audience as CSV and as Parquet, say. Who is in both arms stays, and is told later.
    again = (
        "row_number() OVER (PARTITION BY customer_id, campaign, day, treated "
        "ORDER BY _file, _row) > 1"
    )
    return replace(
        mapping,
        layers=[*mapping.layers, {"_again": again}],
        set_aside={**mapping.set_aside, OF_THE_STUDY: of_the_study, AGAIN: "_again"},
    )


def _of_the_study(exports: Sequence[_Export], warehouse: Warehouse) -> str:
    """The condition of rows whose campaign [treatments] has: by the export's name, or by that of
    one of its offers.
    """
    if not warehouse.has("treatments"):
        return "false"
    names = set(warehouse.query("SELECT DISTINCT campaign FROM treatments")["campaign"])
    files = [str(i) for i, export in enumerate(exports) if export.campaign in names]
    return (
        f"_file IN ({', '.join(files) or -1}) "
        "OR campaign IN (SELECT DISTINCT campaign FROM treatments)"
    )


def _refuse_twice(study: Study) -> None:
    """Raise where [treatments] names the tables of the exports: they would count twice."""
    source = study.treatments
    if source is None or source.path is None or not source.path.endswith(".parquet"):
        return
    named = Path(expand_path(source.path, project_dir=study.project_dir)).parent
    if named.absolute() == (Path(study.project_dir) / FOLDER).absolute():
        raise StudyError(
            f"[treatments] names {source.path}, and recorded exports are read without it",
            fix="take [treatments] out of the study, or write read_exports = false under "
            "[campaigns]",
        )
