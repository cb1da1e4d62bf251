"""The door: nobody who was erased comes in again, and ids become pseudonyms where the study says.

What is refused here is counted like any other row that is set aside, but nothing of it is kept.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from holdfast.errors import StudyError, nearest
from holdfast.ingest.sources import OpenSource
from holdfast.io.csv import CsvFiles, any_cell_size
from holdfast.io.warehouse import Warehouse
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.study import Study

ERASED = "erased on request"
_WITHHELD = json.dumps({"line": "withheld: see [privacy]"})


@dataclass(frozen=True)
class Door:
    """Lets the rows of one source in.

    Attributes
    ----------
    customer_column
        The source's own column of the customers' ids.
    """

    people: Pseudonyms
    customer_column: str

    def let_in(self, table: str, code: int, warehouse: Warehouse) -> None:
        """Set the rows of everybody who was erased aside, with this verdict and empty, and give all
        others their pseudonyms.
        """
        people = self.people
        if not (people.erased or people.changes_ids):
            return
        ids = warehouse.query(
            f"SELECT DISTINCT customer_id FROM {table} WHERE customer_id IS NOT NULL"
        )["customer_id"].to_list()
        names = {each: people.pseudonym(each) if people.changes_ids else each for each in ids}
        # A customer may have been erased before the study had pseudonyms.
        gone = [each for each in ids if people.find_erased({each, names[each]})]
        if gone:
            warehouse.execute(
                f"UPDATE {table} SET verdict = {code}, customer_id = NULL, _raw = NULL "
                "WHERE customer_id IN (SELECT unnest(?))",
                gone,
            )
        if people.changes_ids:
            _rename(table, names, warehouse)

    def withhold(self, rejected: pl.DataFrame, source: OpenSource) -> pl.DataFrame:
        """Keep no line, of those that are no rows, which may name somebody who was erased, and none
        at all where ids or columns are not kept.
        """
        if self.people.changes_ids or self.people.privacy.drop:
            return rejected.with_columns(raw=pl.lit(_WITHHELD))
        if not self.people.erased or not isinstance(source.stream, CsvFiles):
            return rejected
        delimiter, quote = source.stream.dialect.delimiter, source.stream.dialect.quote
        raw = [
            _WITHHELD if self.people.find_erased(_cells(text, delimiter, quote)) else text
            for text in rejected["raw"]
        ]
        return rejected.with_columns(raw=pl.Series(raw, dtype=pl.String))

    def hide(self, source: OpenSource) -> OpenSource:
        """Take the columns that are not kept out of the source, and the ids out of what quarantine
        keeps of a row.
        """
        dropped = [name for name in self.people.privacy.drop if name in source.fields]
        source.dropped = frozenset(dropped)
        source.fields = {n: column for n, column in source.fields.items() if n not in dropped}
        if self.people.changes_ids:
            source.unshown = frozenset({self.customer_column})
        return source


def require_dropped(study: Study, sources: Mapping[str, OpenSource]) -> None:
    """Refuse a study that drops a column which no source has: it may be kept under another name.

    Raises
    ------
    StudyError
        No source has it.
    """
    privacy = study.privacy
    for name in privacy.drop if privacy else ():
        if not any(name in source.dropped for source in sources.values()):
            there = sorted({field for source in sources.values() for field in source.fields})
            raise StudyError(
                f"privacy.drop names '{name}', a column that no source has",
                fix=nearest(name, there),
            )


def _rename(table: str, names: Mapping[str, str], warehouse: Warehouse) -> None:
    frame = pl.DataFrame({"was": list(names), "becomes": list(names.values())})
    warehouse.con.register("pseudonyms", frame.to_arrow())
    warehouse.execute(
        f"UPDATE {table} SET customer_id = becomes FROM pseudonyms WHERE customer_id = was"
    )
    warehouse.con.unregister("pseudonyms")


def _cells(text: str, delimiter: str, quote: str) -> set[str]:
    line = str(json.loads(text).get("line", ""))
    with any_cell_size():
        try:
            cells = next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
        except csv.Error:
            cells = []
    parts = {cell.strip().strip(quote).strip() for cell in (*cells, *line.split(delimiter))}
    return parts | {part.removesuffix(".0") for part in parts}
