"""Reading in buckets: every row gets the verdict that it would get in one warehouse, and what each
customer did becomes ACTIVITY, bucket by bucket.

What is decided over all rows of a source (strays, ids written as floats, repeated event_ids) is
decided from counts of each bucket that add up.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from holdfast.engine.beside import load_beside
from holdfast.engine.buckets import BucketFolder, bucket_sql
from holdfast.engine.engines import Engine, Facts, add_counts, gather
from holdfast.engine.kept_rows import Ledger, digests_of
from holdfast.engine.splits import SplitSource
from holdfast.ingest.daily_activity import restore_activity, roll_up
from holdfast.ingest.order_log import add_exported, name_accepted
from holdfast.ingest.sql import literal
from holdfast.ingest.validation import content_of, find_stray_rows, require_rows
from holdfast.ingest.whole_source import (
    Kept,
    count_blanks,
    find_strays,
    have_points,
    mark_duplicates,
    remove_points,
    set_strays_aside,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import ACTIVITY

FACTS = ("transactions", "events", "treatments")
_DAYS = {"day": pl.Int32, "n": pl.Int64}


@dataclass(frozen=True)
class Decision:
    """What was decided over all rows of a source: the days that are kept, and whether ".0" is taken
    off every id.
    """

    kept: Kept = (None, None)
    pointed: bool = False


@dataclass(frozen=True)
class Reading:
    """What whoever works on a bucket needs to read its rows.

    Attributes
    ----------
    folder
        Holds `rows_<source>`, `repeats_<source>` and `activity`.
    decisions
        By source; none before all rows were judged.
    """

    study: Study
    sources: tuple[SplitSource, ...]
    folder: BucketFolder
    n_buckets: int
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    def load(self, buckets: Sequence[int], warehouse: Warehouse) -> None:
        """Create the tables of facts of some buckets, with the verdicts of their rows."""
        for source in self.sources:
            self.load_source(source, buckets, warehouse)
            name_accepted(source.name, warehouse)
        load_beside(self.folder, buckets, warehouse)
        if warehouse.has("exported"):
            add_exported(warehouse)

    def rows(self, source: SplitSource, buckets: Sequence[int]) -> pa.Table | None:
        """Rows of a source as they were judged; None where there are none."""
        rows = self.folder.arrow(f"rows_{source.name}", buckets)
        return rows if rows is None else source.in_order(rows)

    def load_source(
        self, source: SplitSource, buckets: Sequence[int], warehouse: Warehouse
    ) -> None:
        """Create the table of one source, of some buckets, with the verdicts of its rows."""
        table, decision = f"validated_{source.name}", self.decisions[source.name]
        _create(table, self.rows(source, buckets), source, warehouse)
        if source.mapping.compared:
            mark_duplicates(table, source.mapping.duplicate, warehouse)
        for bucket in buckets:
            repeats = self.folder.whole(f"repeats_{source.name}/{bucket:05d}")
            if repeats is None:
                continue
            warehouse.con.register("repeats", repeats.to_arrow())
            warehouse.execute(
                f"UPDATE {table} SET verdict = {source.mapping.repeated} FROM repeats "
                f"WHERE {table}._file = repeats._file AND {table}._row = repeats._row "
                "AND verdict = 0"
            )
            warehouse.con.unregister("repeats")
        set_strays_aside(table, source.mapping.stray, decision.kept, warehouse)
        if decision.pointed:
            remove_points(table, warehouse)
        source.door.let_in(table, source.mapping.erased, warehouse)


@contextmanager
def bucket_warehouse() -> Iterator[Warehouse]:
    """A warehouse for the rows of a bucket, on one thread: others work beside it."""
    with (
        TemporaryDirectory(prefix="holdfast-") as scratch,
        Warehouse(Path(scratch), threads=1) as warehouse,
    ):
        yield warehouse


@dataclass(frozen=True)
class Judged:
    """What became of all rows, once they were judged.

    Attributes
    ----------
    facts
        Source -> bucket -> what was told of its rows.
    """

    reading: Reading
    facts: Mapping[str, Mapping[int, Facts]]

    @property
    def read(self) -> dict[str, int]:
        """Source -> rows that were read, now or by an earlier run."""
        return {
            name: sum(each["rows"] for each in buckets.values())
            for name, buckets in self.facts.items()
        }


def judge_all(engine: Engine, reading: Reading, before: Ledger) -> Judged:
    """Judge the rows of all sources, and decide what is decided over all of them.

    Parameters
    ----------
    before
        What is known of the rows of files that were read before; they are not read again.

    Raises
    ------
    DataError
        A source cannot be read, or has no rows.
    """
    decisions, judged = {}, {}
    for source in reading.sources:
        arrived = engine.shuffle(source, partial(_keep_rows, reading, source))
        facts = {**before.judged.get(source.name, {}), **{each["bucket"]: each for each in arrived}}
        every = [facts[bucket] for bucket in sorted(facts)]
        require_rows(source.labels, sum(gather(every, "rows")))
        if source.mapping.identified:
            reading.folder.remove(f"repeats_{source.name}")
            ids = _EventIds(reading, source)
            every += engine.shuffle(ids, partial(_note_repeats, reading, source))
        decisions[source.name] = _decide(source, every)
        judged[source.name] = facts
    return Judged(replace(reading, decisions=decisions), judged)


def name_campaigns(engine: Engine, reading: Reading, warehouse: Warehouse) -> None:
    """Name the campaigns of [treatments] in a view `treatments`, which is all that the exports ask
    of them.
    """
    for source in reading.sources:
        if source.name == "treatments":
            each = engine.map(partial(_list_campaigns, reading, source), range(reading.n_buckets))
            names = sorted({name for campaigns in gather(each, "names") for name in campaigns})
            listed = ", ".join(map(literal, names))
            warehouse.execute(
                "CREATE OR REPLACE VIEW treatments AS "
                f"SELECT unnest(CAST([{listed}] AS VARCHAR[])) AS campaign"
            )


def _list_campaigns(reading: Reading, source: SplitSource, bucket: int) -> Facts:
    with bucket_warehouse() as warehouse:
        reading.load_source(source, [bucket], warehouse)
        name_accepted(source.name, warehouse)
        names = warehouse.query("SELECT DISTINCT campaign FROM treatments ORDER BY campaign")
    return {"bucket": bucket, "names": names["campaign"].to_list()}


def roll_up_all(engine: Engine, judged: Judged, before: Ledger) -> list[Facts]:
    """Roll every bucket up in which anything changed since `before`; what each tells, in order."""
    reading = judged.reading
    decisions = {name: asdict(each) for name, each in reading.decisions.items()}
    is_same = json.loads(json.dumps(decisions)) == before.decisions
    may_change_anywhere = any(each.mapping.identified for each in reading.sources)
    if not is_same or may_change_anywhere or (reading.folder.path / "beside_exported").exists():
        before = Ledger()
    changed = [
        bucket
        for bucket in range(reading.n_buckets)
        if bucket not in before.rolled
        or any(
            facts.get(bucket) != before.judged.get(name, {}).get(bucket)
            for name, facts in judged.facts.items()
        )
    ]
    rolled = dict(before.rolled)
    rolled |= {each["bucket"]: each for each in engine.map(partial(_roll_up, reading), changed)}
    return [rolled[bucket] for bucket in range(reading.n_buckets)]


def _roll_up(reading: Reading, bucket: int) -> Facts:
    """Roll the rows of a bucket up to ACTIVITY, and tell what became of them."""
    log = reading.study.transactions
    assert log is not None
    with bucket_warehouse() as warehouse:
        reading.load([bucket], warehouse)
        facts: Facts = {"bucket": bucket, "sources": {}}
        for source in reading.sources:
            facts["sources"][source.name] = _count(source, warehouse)
            _write_quarantine(reading, source, bucket, warehouse)
        content = content_of(FACTS, warehouse)
        first, last, customers = warehouse.row(
            "SELECT min(day), max(day), count(DISTINCT customer_id) FROM transactions"
        )
        facts |= {"first": first, "last": last, "customers": customers}
        facts["content"] = {name: list(counts) for name, counts in content.items()}
        if any(n_rows for n_rows, _ in content.values()):
            roll_up(
                warehouse,
                with_orders=log.columns.order_id is not None,
                with_products=log.columns.product_id is not None,
            )
            days = warehouse.query("FROM activity ORDER BY customer_id, day")
            reading.folder.write("activity", bucket, days.cast(pl.Schema(ACTIVITY.schema)))
    tables = ["activity", *(f"quarantine_{source.name}" for source in reading.sources)]
    return facts | {"digests": digests_of(reading.folder, tables, bucket)}


@contextmanager
def activity_of(folder: BucketFolder, bucket: int) -> Iterator[Warehouse | None]:
    """A warehouse with ACTIVITY of a bucket; None where nobody is in it."""
    days = folder.read("activity", bucket)
    if days.is_empty():
        yield None
        return
    with bucket_warehouse() as warehouse:
        restore_activity(warehouse, days)
        load_beside(folder, [bucket], warehouse)
        yield warehouse


def _create(table: str, rows: pa.Table | None, source: SplitSource, warehouse: Warehouse) -> None:
    arrived = source.schema.empty_table() if rows is None else rows
    warehouse.con.register("arrived", arrived)
    warehouse.execute(f"CREATE OR REPLACE TABLE {table} AS FROM arrived")
    warehouse.con.unregister("arrived")


def _keep_rows(reading: Reading, source: SplitSource, bucket: int, rows: pa.Table) -> Facts:
    """Keep the rows of a bucket beside those of earlier files, and count what decisions need."""
    name, arrived = f"rows_{source.name}", pl.DataFrame(rows.drop("bucket"))
    before = reading.folder.read(name, bucket) if source.adds else pl.DataFrame()
    if before.width:  # Done a second time, it holds what arrived already.
        new = [split.file for split in source.splits]
        arrived = pl.concat([before.filter(~pl.col("_file").is_in(new)), arrived])
    kept = arrived
    reading.folder.write(name, bucket, kept.sort("_file", "_row"))
    facts: Facts = {"bucket": bucket, "rows": kept.height}
    facts["digests"] = digests_of(reading.folder, [name], bucket)
    if source.mapping.compared or source.is_text:
        table = f"validated_{source.name}"
        with bucket_warehouse() as warehouse:
            _create(table, reading.rows(source, [bucket]), source, warehouse)
            if source.mapping.compared:
                mark_duplicates(table, source.mapping.duplicate, warehouse)
            if source.is_text:
                facts["pointed"] = have_points(table, warehouse)
            kept = warehouse.query(f"FROM {table}")
    if "day" in kept.columns:
        days = kept.filter(verdict=0)
        facts["days"] = {str(day): n for day, n in _count_by("day", days)}
    return facts


def _decide(source: SplitSource, facts: Sequence[Facts]) -> Decision:
    mapping, kept = source.mapping, Decision.kept
    if mapping.open_start or mapping.open_end:
        counts = add_counts(gather(facts, "days"))
        counted = {"day": list(counts), "n": list(counts.values())}
        days = pl.DataFrame(counted, schema=_DAYS).filter(pl.col("n") > 0)
        with bucket_warehouse() as warehouse:
            warehouse.con.register("counted", days.to_arrow())
            kept = find_strays(
                "counted", warehouse, open_start=mapping.open_start, open_end=mapping.open_end
            )
    pointed = [each for each in gather(facts, "pointed") if each is not None]
    return Decision(kept, bool(pointed) and all(pointed))


def _count_by(name: str, rows: pl.DataFrame) -> Iterator[tuple[int, int]]:
    yield from rows.group_by(name).len().sort(name).iter_rows()


def _count(source: SplitSource, warehouse: Warehouse) -> Facts:
    """Rows with each verdict, and ids with blanks around them."""
    table = f"validated_{source.name}"
    counts = warehouse.query(f"SELECT verdict, count(*) FROM {table} GROUP BY ALL ORDER BY ALL")
    trimmed, merged = count_blanks(table, warehouse)
    reasons = warehouse.query(
        f"SELECT _reason, count(*) FROM {table} WHERE _reason IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    return {
        "verdicts": {str(code): n for code, n in counts.iter_rows()},
        "rejected": dict(reasons.iter_rows()),
        "trimmed": trimmed,
        "merged": merged,
        "strays": find_stray_rows(table, source.mapping.stray, warehouse).rows(),
    }


def _write_quarantine(
    reading: Reading, source: SplitSource, bucket: int, warehouse: Warehouse
) -> None:
    """Write what was not understood, with the file and the line where it stands."""
    verdicts = source.mapping.verdicts
    rows = warehouse.query(
        "SELECT list_extract(?, _file + 1) AS source, coalesce(_line, _row) AS row, "
        "coalesce(_reason, list_extract(?, verdict + 1)) AS reason, _raw AS raw "
        f"FROM validated_{source.name} WHERE _reason IS NOT NULL OR "
        f"verdict BETWEEN 1 AND {len(source.mapping.quarantine)} ORDER BY source, row",
        list(source.labels),
        verdicts,
    )
    reading.folder.write(f"quarantine_{source.name}", bucket, rows)


@dataclass(frozen=True)
class _EventIds:
    """The event_ids of a source's accepted rows, to be shuffled by the id."""

    reading: Reading
    source: SplitSource

    @property
    def name(self) -> str:
        return f"ids_{self.source.name}"

    @property
    def splits(self) -> Sequence[int]:
        return range(self.reading.n_buckets)

    @property
    def n_buckets(self) -> int:
        return self.reading.n_buckets

    @property
    def schema(self) -> pa.Schema:
        numbers = dict.fromkeys(("bucket", "_file", "day", "_of"), pa.int32())
        return pa.schema({**numbers, "_row": pa.int64(), "event_id": pa.string()})

    def judge_split(self, index: int) -> Iterator[pa.RecordBatch]:
        """The ids of the accepted rows of one bucket, each with the bucket of the id."""
        rows = self.reading.rows(self.source, [index])
        if rows is None:
            return
        with bucket_warehouse() as warehouse:
            warehouse.con.register("kept", rows)
            sent = warehouse.con.sql(
                f"SELECT {bucket_sql('event_id', self.reading.n_buckets)} AS bucket, _file, day, "
                f"CAST({index} AS INTEGER) AS _of, _row, event_id FROM kept "
                "WHERE verdict = 0 ORDER BY _file, _row"
            ).to_arrow_table()
        yield from sent.cast(self.schema).to_batches()


def _note_repeats(reading: Reading, source: SplitSource, bucket: int, ids: pa.Table) -> Facts:
    """Note, for the bucket of each customer, which rows repeat an event_id, of which the first
    stays; and take them off their days.
    """
    rows = pl.DataFrame(ids).sort("_file", "_row")
    again = rows.filter(~pl.col("event_id").is_first_distinct())
    for (of,), part in again.partition_by("_of", as_dict=True).items():
        places = part.select("_file", "_row")
        reading.folder.write(f"repeats_{source.name}/{of:05d}", bucket, places)
    return {"bucket": bucket, "days": {str(day): -n for day, n in _count_by("day", again)}}
