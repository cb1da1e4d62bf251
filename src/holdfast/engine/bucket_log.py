"""The order log in buckets: all of it on whoever works on buckets, and a sample of its customers,
whole buckets of them, in one warehouse to learn from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from holdfast.engine.beside import write_beside
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.engines import Engine, Facts, add_counts, gather, identity
from holdfast.engine.kept_rows import (
    Ledger,
    digests_of,
    empty_folder,
    facts_of,
    kept_folder,
    key_of,
    take_ledger,
    write_ledger,
)
from holdfast.engine.limits import refuse_what_needs_one_warehouse
from holdfast.engine.reading import (
    FACTS,
    Judged,
    Reading,
    judge_all,
    name_campaigns,
    roll_up_all,
)
from holdfast.engine.splits import SplitSource, count_rows_of, plan_splits
from holdfast.findings import Finding
from holdfast.ingest.contacts.exports import read_exports
from holdfast.ingest.customers import create_customers
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.findings import describe_lines, describe_sources
from holdfast.ingest.margins import create_daily_margins
from holdfast.ingest.money import create_rates
from holdfast.ingest.order_log import FINGERPRINTED, OrderLog, create_exported
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.row_mappings import (
    event_mapping,
    refuse_without_sale,
    transaction_mapping,
    treatment_mapping,
)
from holdfast.ingest.validation import (
    STRAYS_SHOWN,
    Contents,
    ValidatedSource,
    content_of,
    count_rows,
    describe_strays,
    digest_of,
    require_accepted_rows,
    require_all,
)
from holdfast.io.files import DataFile, expand_path, find_files
from holdfast.io.warehouse import Warehouse
from holdfast.storage.export_records import sent_exports
from holdfast.study import Study
from holdfast.tables import QUARANTINE

_MAPPINGS = {
    "transactions": transaction_mapping,
    "events": event_mapping,
    "treatments": treatment_mapping,
}
_ORDER = ("transactions", "events", "customers", "treatments", "exports")
_OF_CUSTOMERS = ("customers", "permissions", "addresses")


@dataclass(frozen=True)
class BucketLog:
    """A log that was read in buckets.

    Attributes
    ----------
    sample
        The log of the sampled customers, in the warehouse; what it says of rows and days is true of
        all.
    n_customers, n_sampled
        Customers with an accepted order line, and those of the sample.
    sampled
        The buckets of the sample.
    """

    reading: Reading
    sample: OrderLog
    n_customers: int
    n_sampled: int
    sampled: tuple[int, ...]

    @property
    def buckets(self) -> range:
        """Every bucket."""
        return range(self.reading.n_buckets)


def read_in_buckets(
    study: Study, engine: Engine, folder: BucketFolder, warehouse: Warehouse
) -> BucketLog:
    """Read a study's sources in buckets.

    Raises
    ------
    StudyError
        The study asks for what can only be done in one warehouse.
    DataError
        A source cannot be read, or no row of it can be used.
    """
    refuse_what_needs_one_warehouse(study)
    reader = SourceReader.of(study, warehouse)
    create_rates(study, warehouse)
    kept = kept_folder(study) if study.engine.keep_rows else None
    before = take_ledger(kept) if kept else Ledger()
    reading = plan_reading(study, reader, folder, engine, before)
    if kept:
        before, reading = _trust(
            engine, study, reader, before, replace(reading, folder=BucketFolder(kept, durable=True))
        )
    judged = judge_all(engine, reading, before)
    reading, read = judged.reading, judged.read
    if sent_exports(Path(study.project_dir)):
        name_campaigns(engine, reading, warehouse)
    beside = _read_beside(reader)
    write_beside(reading.folder, reading.n_buckets, warehouse)
    contents = content_of(_OF_CUSTOMERS, warehouse)
    facts = roll_up_all(engine, judged, before)
    if kept:
        write_ledger(kept, _new_ledger(study, judged, facts))
    customers = gather(facts, "customers")
    sampled = _choose(customers, study.engine.sample_customers)
    reading.load(sampled, warehouse)
    sources = {
        each.name: _sum_up(each, facts, read[each.name], reading) for each in reading.sources
    }
    log = _sample_log(study, reader, {**sources, **beside.sources}, facts, contents)
    log = replace(log, findings=(*log.findings, *beside.findings))
    n_sampled = sum(customers[each] for each in sampled)
    return BucketLog(reading, log, sum(customers), n_sampled, tuple(sampled))


def _trust(
    engine: Engine, study: Study, reader: SourceReader, before: Ledger, reading: Reading
) -> tuple[Ledger, Reading]:
    """What may be believed of the rows that are kept: all, or nothing, and then all is planned to
    be read again.
    """
    adding = {source.name for source in reading.sources if source.adds}
    if (
        before.key == _key(study, reading)
        and adding == set(before.files)
        and all(
            gather(
                engine.map(partial(_is_sound, reading, before), range(reading.n_buckets)), "sound"
            )
        )
    ):
        return before, reading
    empty_folder(reading.folder.path)
    reading.folder.path.mkdir(mode=0o700, parents=True)
    return Ledger(), plan_reading(study, reader, reading.folder, engine, Ledger())


def _key(study: Study, reading: Reading) -> str:
    sql = {source.name: source.sql for source in reading.sources}
    first = reading.sources[0]
    erased = " ".join(sorted(first.door.people.erased))
    rates = "" if first.rates is None else repr(first.rates.to_pylist())
    return key_of(study, sql | {"erased": erased, "rates": rates}, identity())


def _is_sound(reading: Reading, before: Ledger, bucket: int) -> Facts:
    """Whether the kept parts of a bucket are those that were written."""
    parts = [before.rolled.get(bucket), *(each.get(bucket) for each in before.judged.values())]
    digests = {name: sha for facts in parts if facts for name, sha in facts["digests"].items()}
    return {"sound": digests_of(reading.folder, list(digests), bucket) == digests}


def _new_ledger(study: Study, judged: Judged, facts: Sequence[Facts]) -> Ledger:
    reading = judged.reading
    return Ledger(
        key=_key(study, reading),
        n_buckets=reading.n_buckets,
        files={
            source.name: [facts_of(file) for file in source.files]
            for source in reading.sources
            if source.files
        },
        judged={
            source.name: judged.facts[source.name] for source in reading.sources if source.files
        },
        rolled={each["bucket"]: each for each in facts},
        decisions={name: asdict(each) for name, each in reading.decisions.items()},
    )


@dataclass(frozen=True)
class _Beside:
    """What the driver has read of each customer."""

    sources: Mapping[str, ValidatedSource]
    findings: Sequence[Finding]


def _read_beside(reader: SourceReader) -> _Beside:
    """Read the source of customers, and the recorded exports, into the driver's warehouse."""
    sources, findings = dict[str, ValidatedSource](), list[Finding]()
    if reader.study.customers is not None:
        sources["customers"], findings = create_customers(reader)
    if (exports := read_exports(reader)) is not None:
        sources["exports"] = exports
        if exports.rows.accepted:
            create_exported(exports, reader.warehouse)
    return _Beside(sources, findings)


def plan_reading(
    study: Study, reader: SourceReader, folder: BucketFolder, engine: Engine, before: Ledger
) -> Reading:
    """Cut the sources of a study into splits, and say into how many buckets; no row is read.

    Parameters
    ----------
    before
        What is known of files that were read before.
    """
    named = [name for name in FACTS if getattr(study, name) is not None]
    tables, files, n_rows = dict[str, pa.Schema](), dict[str, list[DataFile]](), 0
    for name in named:
        given = getattr(study, name)
        if given.is_of_spark:
            tables[name], rows = engine.open_table(name, given)
        else:
            path = expand_path(given.path, project_dir=study.project_dir)
            files[name] = find_files(path)
            rows = count_rows_of(files[name])
        n_rows += rows
    n_buckets = before.buckets_for(max(1, ceil(n_rows / study.engine.bucket_rows)))
    seen = {name: before.known_files(name, files[name]) for name in files}
    if not all(seen.values()):
        seen = {}  # One that has to be read again may share customers with all others.
    sources = []
    for name in named:
        opened, given = reader.open(name, tables.get(name)), getattr(study, name)
        mapping = reader.hold_to_contract(opened, _MAPPINGS[name](opened, study))
        sources.append(
            plan_splits(
                opened, mapping, reader.warehouse, files=files.get(name, []), csv=given.csv,
                sheet=given.sheet, door=reader.door(name), n_buckets=n_buckets,
                read_before=[label for label, *_ in seen.get(name, [])],
            )
        )  # fmt: skip
    return Reading(study, tuple(sources), folder, n_buckets)


def _choose(customers: Sequence[int], most: int) -> list[int]:
    """The first buckets that hold at most so many customers, and at least one bucket."""
    chosen, total = list[int](), 0
    for bucket, count in enumerate(customers):
        total += count
        if chosen and total > most:
            break
        chosen.append(bucket)
    return chosen


def _sum_up(
    source: SplitSource, facts: Sequence[Facts], read: int, reading: Reading
) -> ValidatedSource:
    """What became of all rows of a source; the table has those of the sample."""
    parts = [each["sources"][source.name] for each in facts]
    counts, verdicts = add_counts(gather(parts, "verdicts")), source.mapping.verdicts
    reasons: dict[str, int] = {}
    for each in gather(parts, "rejected"):
        for reason, count in each.items():
            reasons[reason] = reasons.get(reason, 0) + count
    rejected = sum(reasons.values())
    reasons |= {verdicts[code]: n for code, n in sorted(counts.items()) if code > 0}
    rows = count_rows(source.mapping, counts, read=read, rejected=rejected)
    quarantined = reading.folder.whole(f"quarantine_{source.name}")
    located = QUARANTINE.empty() if quarantined is None else quarantined.sort("source", "row")
    return ValidatedSource(
        name=source.name,
        table=f"validated_{source.name}",
        rows=require_all(source.name, source.labels, rows),
        reasons=reasons,
        quarantined=located,
        trimmed=sum(gather(parts, "trimmed")),
        merged=sum(gather(parts, "merged")),
        pointed=reading.decisions[source.name].pointed,
        labels=source.labels,
        fields=source.fields,
        strays=_describe_strays(source, gather(parts, "strays")),
    )


def _describe_strays(source: SplitSource, strays: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    """In words, the latest of the strays that each bucket has."""
    columns = {"_file": pl.Int32, "_row": pl.Int64, "reason": pl.String, "raw": pl.String}
    rows = [row for each in strays for row in each]
    if not rows:
        return ()
    table = pl.DataFrame(rows, schema=columns, orient="row")
    latest = table.sort("raw", "_file", "_row", descending=[True, False, False])
    return describe_strays(source.locate(latest.head(STRAYS_SHOWN)))


def _sample_log(
    study: Study,
    reader: SourceReader,
    judged: Mapping[str, ValidatedSource],
    facts: Sequence[Facts],
    contents: Contents,
) -> OrderLog:
    log, warehouse = study.transactions, reader.warehouse
    assert log is not None
    sources = [judged[name] for name in _ORDER if name in judged]
    refuse_without_sale(sources[0], log, warehouse)
    for source in sources:
        if source.name in FACTS:
            require_accepted_rows(source)
    with warehouse.working("roll the sample up to days"):
        roll_up(
            warehouse,
            with_orders=log.columns.order_id is not None,
            with_products=log.columns.product_id is not None,
        )
        create_daily_margins(sources[0], study, warehouse)
    days = [each for each in facts if each["first"] is not None]
    content = {**_add_contents(facts), **contents}
    return OrderLog(
        study=study,
        warehouse=warehouse,
        sources=tuple(sources),
        first_day=min(gather(days, "first")),
        end_day=max(gather(days, "last")) + 1,
        n_customers=sum(gather(facts, "customers")),
        findings=(
            *describe_lines(log, sources[0], warehouse),
            *describe_sources(sources, warehouse),
        ),
        fingerprint=digest_of({name: content[name] for name in FINGERPRINTED if name in content}),
        failures=reader.failures(sources),
    )


def _add_contents(facts: Sequence[Facts]) -> Contents:
    """What `content_of` gives, over all buckets."""
    names = facts[0]["content"]
    return {
        name: (
            sum(each["content"][name][0] for each in facts),
            sum(each["content"][name][1] or 0 for each in facts),
        )
        for name in names
    }
