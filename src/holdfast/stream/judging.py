"""Judging: messages become lines by the SQL that reads the batch's files, and every one is
accounted for: accepted, set aside, or dead.

Planning that SQL takes longer than running it, so that it is prepared once for each way in which
the columns arrive.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from holdfast.errors import StudyError
from holdfast.ingest.door import ERASED
from holdfast.ingest.money import create_rates
from holdfast.ingest.row_mappings import (
    NO_CUSTOMER,
    event_mapping,
    transaction_mapping,
    treatment_mapping,
)
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.sql import Field
from holdfast.ingest.timestamps import is_iso
from holdfast.ingest.validation import RowMapping
from holdfast.io.warehouse import Warehouse
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.stream.messages import Cell, Cells, Dead, Number, columns_read, lay_out
from holdfast.stream.sources.source import Record
from holdfast.study import Study
from holdfast.tables import ENGAGEMENT_KINDS

SOURCE_CODES = {"transactions": 1, "events": 2, "treatments": 3, "exports": 4}
FUTURE = "its day is after tomorrow"
_TYPES: Mapping[str, Any] = {
    "place": pl.Int32, "source": pl.Int16, "event_id": pl.String, "customer_id": pl.String,
    "day": pl.Int32, "occurred_at": pl.Datetime("us"), "order_id": pl.String,
    "product_id": pl.String, "amount_minor": pl.Int64, "is_return": pl.Boolean, "kind": pl.Int16,
    "n": pl.Int64, "campaign": pl.String, "treated": pl.Boolean,
}  # fmt: skip
LINES = pl.Schema(_TYPES)
"""`place` is that among the records, `kind` the 1-based position in ENGAGEMENT_KINDS."""
KIND = f"CAST(list_position({list(ENGAGEMENT_KINDS)}, kind) AS SMALLINT) AS kind"
FACTS = {
    "transactions": "order_id, product_id, amount_minor, is_return",
    "events": f"{KIND}, CAST(n AS BIGINT) AS n",
    "treatments": "campaign, treated",
}
"""Source -> what LINES has of it, beside who and when."""
_MAPPINGS: Mapping[str, Callable[[OpenSource, Study], RowMapping]] = {
    "transactions": transaction_mapping,
    "events": event_mapping,
    "treatments": treatment_mapping,
}
_NUMBERS = ("quantity", "unit_price", "amount", "refunded", "cost", "unit_cost", "n", "propensity")
_EXACT, _EXACT_CHARACTERS = "DECIMAL(38, 10)", 12
"""A number so short fits it, and no digit is rounded away."""
_ANSWERS = {"_row": pl.Int64, "verdict": pl.UInt16}


@dataclass(frozen=True)
class Judged:
    """What became of some messages.

    Attributes
    ----------
    lines
        LINES, the accepted ones in the order of their records.
    counts
        (source, outcome, reason) -> messages.
    """

    records: Sequence[Record]
    lines: pl.DataFrame
    dead: list[Dead]
    counts: Counter[tuple[str, str, str]]


class Judge:
    """Judges the messages of one study; works in a small database."""

    def __init__(self, study: Study, warehouse: Warehouse) -> None:
        require_streamable(study)
        self.study, self._warehouse = study, warehouse
        self._columns, self._people = columns_read(study), Pseudonyms.of(study)
        self._prepare, self._numbers = lru_cache(maxsize=32)(self._write_query), itertools.count()
        create_rates(study, warehouse)
        self._mappings = {name: self._mapping(name) for name in self._columns}
        # What is judged is small, and other work is done beside it.
        warehouse.execute("SET threads = 1")
        warehouse.execute("SET ieee_floating_point_ops = false")

    def judge(self, records: Sequence[Record], *, last_day: int) -> Judged:
        """Judge messages; what happened after `last_day` cannot have happened."""
        laid_out, dead = lay_out(records, self._columns)
        counts: Counter[tuple[str, str, str]] = Counter()
        lines = [LINES.to_frame()]
        places = {record.position: place for place, record in enumerate(records)}
        for name, cells in laid_out.items():
            answers = self._ask(name, cells)
            verdicts = self._verdicts(name, answers, last_day)
            accepted = answers.filter(verdicts.is_null())
            place = [places[cells.records[row - 1].position] for row in accepted["_row"]]
            lines.append(_as_lines(name, accepted, place))
            for row, reason in zip(answers["_row"], verdicts, strict=True):
                if reason is None:
                    continue
                if reason in self._dead_reasons(name):
                    dead.append(Dead(cells.records[row - 1], reason))
                else:
                    counts[name, "set aside", reason] += 1
        counts.update(("", "dead", each.reason) for each in dead)
        return Judged(records, pl.concat(lines).sort("place"), dead, counts)

    def keeps_bodies(self) -> bool:
        """Whether a message may be kept as it came: not where ids or columns are not kept."""
        return not (self._people.changes_ids or self._people.privacy.drop)

    def reread_people(self) -> None:
        """Look again who was erased."""
        self._people = Pseudonyms.of(self.study)

    def _dead_reasons(self, name: str) -> frozenset[str]:
        mapping = self._mappings[name]
        return frozenset({*mapping.quarantine, NO_CUSTOMER, FUTURE})

    def _verdicts(self, name: str, answers: pl.DataFrame, last_day: int) -> pl.Series:
        """Why each row is not a line; null for those that are."""
        meanings = self._mappings[name].verdicts
        reasons = pl.Series([None, *meanings[1:]], dtype=pl.String)
        verdict = reasons.gather(answers["verdict"].cast(pl.UInt32))
        table = answers.select("customer_id", "day", reason=verdict)
        late = pl.col("reason").is_null() & (pl.col("day") > last_day)
        table = table.with_columns(reason=pl.when(late).then(pl.lit(FUTURE)).otherwise("reason"))
        if self._people.erased:
            gone = self._people.find_erased(table["customer_id"].drop_nulls().unique())
            erased = pl.col("customer_id").is_in(gone)
            table = table.with_columns(
                reason=pl.when(erased).then(pl.lit(ERASED)).otherwise("reason")
            )
        return table["reason"]

    def _ask(self, name: str, cells: Cells) -> pl.DataFrame:
        """Run the batch's SQL over the cells: `_row`, `verdict` and what a line has."""
        roles = getattr(self.study, name).columns.model_dump(exclude_none=True)
        numbers = {roles[role] for role in _NUMBERS if role in roles}
        typed = frozenset(
            column for column in numbers if all(map(_is_exact, cells.columns.get(column, ())))
        )
        times = cells.columns[roles["occurred_at"]]
        iso = all(is_iso(time) for time in times if time is not None)
        query = self._prepare(name, typed, iso)
        frame = pl.DataFrame(
            [pl.Series(f"c{i}", cell, pl.String) for i, cell in enumerate(cells.columns.values())]
        ).with_columns(_file=pl.lit(0, pl.Int32), _row=pl.int_range(1, pl.len() + 1))
        con = self._warehouse.con
        con.register("arrived", frame.to_arrow())
        con.execute(f"DELETE FROM given_{query}")
        con.execute(f"INSERT INTO given_{query} BY NAME SELECT * FROM arrived")
        answers = self._warehouse.query(f"EXECUTE judge_{query}")
        if self._people.changes_ids:
            ids = answers["customer_id"].drop_nulls().unique()
            names = {each: self._people.pseudonym(each) for each in ids}
            answers = answers.with_columns(pl.col("customer_id").replace(names))
        return answers.sort("_row")

    def _write_query(self, name: str, typed: frozenset[str], iso: bool) -> int:
        query = next(self._numbers)
        fields = {
            column: Field(f"c{i}", _EXACT if column in typed else "VARCHAR")
            for i, column in enumerate(self._columns[name])
        }
        source = self._source(name, fields, f"given_{query}", iso=iso)
        cells = ", ".join(f"{each.sql} {each.type}" for each in fields.values())
        self._warehouse.execute(f"CREATE TABLE given_{query} (_file INTEGER, _row BIGINT, {cells})")
        mapping = _MAPPINGS[name](source, self.study)
        facts = f"_row, verdict, customer_id, event_id, day, occurred_at, {FACTS[name]}"
        self._warehouse.execute(
            f"PREPARE judge_{query} AS SELECT {facts} FROM ({mapping.sql(source)})"
        )
        return query

    def _mapping(self, name: str) -> RowMapping:
        fields = {c: Field(f"c{i}", "VARCHAR") for i, c in enumerate(self._columns[name])}
        return _MAPPINGS[name](self._source(name, fields, "given", iso=False), self.study)

    def _source(
        self, name: str, fields: Mapping[str, Field], view: str, *, iso: bool
    ) -> OpenSource:
        # Numbers are written as JSON writes them, whatever the study says of its files.
        form = getattr(self.study, name).csv.timestamp_format
        return OpenSource(
            name=name, view=view, fields=fields, labels=["the stream"], decimal=".",
            timestamp_format=form, iso_times=iso,
        )  # fmt: skip


def require_streamable(study: Study) -> None:
    """Refuse a study whose events could not be told apart, or not be judged one by one.

    Raises
    ------
    StudyError
        It has no [stream] or no order log, a source has no event_id, or an amount is that of a
        whole order.
    """
    if study.stream is None:
        raise StudyError(
            "the study has no [stream]", fix='add [stream] with source = "outbox", say'
        )
    log = study.transactions
    if log is None:
        raise StudyError(
            "a [snapshot] has no events that a stream could bring",
            fix="give the order log as [transactions]",
        )
    if log.amount_of == "order":
        raise StudyError(
            'transactions.amount_of = "order" needs all lines of an order at once, and a stream '
            "brings them one by one",
            fix="give each line its own amount",
        )
    for name in SOURCE_CODES:
        source = getattr(study, name, None)
        if source is not None and source.columns.event_id is None:
            raise StudyError(
                f"[{name}.columns] names no event_id, so that an event that arrives twice would "
                "count twice",
                fix=f"name the column that tells its rows apart: event_id in [{name}.columns]",
            )


def _as_lines(name: str, accepted: pl.DataFrame, place: list[int]) -> pl.DataFrame:
    frame = accepted.with_columns(
        pl.Series("place", place, pl.Int32), source=pl.lit(SOURCE_CODES[name], pl.Int16)
    )
    absent = [pl.lit(None, kind).alias(n) for n, kind in LINES.items() if n not in frame.columns]
    return frame.with_columns(absent).select(pl.col(n).cast(kind) for n, kind in LINES.items())


def _is_exact(cell: Cell) -> bool:
    return cell is None or (
        type(cell) is Number and len(cell) <= _EXACT_CHARACTERS and "e" not in cell.lower()
    )
