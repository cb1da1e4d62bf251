"""Ingest: the study's sources become the tables of fact, and every row is accounted for."""

from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import DataError, StudyError
from holdfast.findings import Finding
from holdfast.ingest import findings as ingest_findings
from holdfast.ingest.contract import broken_limits, held, named_contract
from holdfast.ingest.customers import create_customers
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.row_mappings import (
    events_reading,
    refuse_without_sale,
    transactions_reading,
    treatments_reading,
)
from holdfast.ingest.snapshot import IngestedSnapshot, ingest_snapshot, snapshot_features
from holdfast.ingest.sources import OnRows, Opened, open_source
from holdfast.ingest.timestamps import FIRST_DAY, LAST_DAY, RANGE
from holdfast.ingest.validation import (
    Judged,
    JudgedBy,
    Reading,
    Rows,
    fingerprint,
    judge,
    usable,
    written_quarantine,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import Events, Source, Study, Transactions, Treatments
from holdfast.tables import TRANSACTIONS

__all__ = ["Ingested", "IngestedSnapshot", "Rows", "ingest", "ingest_snapshot", "snapshot_features"]

_FACTS = ("transactions", "events", "customers", "treatments")


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What came in.

    Attributes
    ----------
    rows
        Over all sources; read = accepted + set_aside + quarantined, in each source too.
    reasons
        Source -> reason -> rows that were set aside or quarantined for it.
    quarantine
        The QUARANTINE table, a Parquet file in the scratch folder.
    first_day, end_day
        First day of the order log; first day after it.
    n_customers
        Customers with an accepted line.
    fingerprint
        SHA-256 of the accepted rows, whatever their order and the format they came in.
    judged
        The outcome for each source.
    failures
        Limits of the study or of its contract that are exceeded; a run is refused then.
    """

    rows: Rows
    reasons: dict[str, dict[str, int]]
    quarantine: Path
    first_day: int
    end_day: int
    n_customers: int
    findings: tuple[Finding, ...]
    fingerprint: str
    judged: tuple[Judged, ...] = field(repr=False)
    failures: tuple[str, ...] = ()


def ingest(study: Study, warehouse: Warehouse, *, on_progress: OnRows | None = None) -> Ingested:
    """Read the study's sources and create transactions, events, customers, treatments (as given)
    and activity.

    Parameters
    ----------
    on_progress
        Told the name of a source and its rows so far, now and then.

    Raises
    ------
    DataError
        A source cannot be read, breaks its contract, or no row of it can be used.
    StudyError
        The study names something that the sources do not have.
    """
    log = study.transactions
    if log is None:
        raise StudyError(
            "this study has a [snapshot], not [transactions]", fix="read it with ingest_snapshot"
        )

    def opened(source: Source, name: str) -> Opened:
        return open_source(
            source, warehouse, name=name, project_dir=study.project_dir, on_rows=on_progress
        )

    contract = named_contract(study)
    promised = contract.inputs if contract else {}

    def all_judged(source: Opened, reading: Reading) -> Judged:
        return judge(
            source, held(reading, source, study, promised.get(source.name), warehouse), warehouse
        )

    def judged_by(source: Opened, reading: Reading) -> Judged:
        return usable(all_judged(source, reading))

    judged, findings = _read_transactions(
        opened(log, "transactions"), study, log, warehouse, all_judged
    )
    if study.events is not None:
        judged += _read_events(
            opened(study.events, "events"), study, study.events, warehouse, judged_by
        )
    if study.customers is not None:
        source = opened(study.customers, "customers")
        found, said = create_customers(source, study, study.customers, warehouse, judged_by)
        judged, findings = [*judged, found], [*findings, *said]
    if study.treatments is not None:
        source = opened(study.treatments, "treatments")
        judged += _read_treatments(source, study, study.treatments, warehouse, judged_by)
    with warehouse.working("roll the tables up to days"):
        columns = log.columns
        roll_up(
            warehouse,
            with_orders=columns.order_id is not None,
            with_products=columns.product_id is not None,
        )
        first, last, customers = warehouse.row(
            "SELECT min(day), max(day), count(DISTINCT customer_id) FROM transactions"
        )
    _refuse_impossible(first, last, judged[0])
    return Ingested(
        rows=sum((each.rows for each in judged[1:]), judged[0].rows),
        reasons={each.name: each.reasons for each in judged},
        quarantine=written_quarantine(judged, warehouse),
        first_day=first,
        end_day=last + 1,
        n_customers=customers,
        findings=(*findings, *ingest_findings.of_sources(judged, warehouse)),
        fingerprint=fingerprint(_FACTS, warehouse),
        judged=tuple(judged),
        failures=broken_limits(judged, contract, study),
    )


def _read_transactions(
    source: Opened, study: Study, log: Transactions, warehouse: Warehouse, judged_by: JudgedBy
) -> tuple[list[Judged], list[Finding]]:
    judged = judged_by(source, transactions_reading(source, study, log))
    refuse_without_sale(judged, log, warehouse)
    usable(judged)
    _name_accepted(judged, ", ".join(TRANSACTIONS.schema), warehouse)
    return [judged], ingest_findings.of_lines(log, judged, warehouse)


def _read_events(
    source: Opened, study: Study, log: Events, warehouse: Warehouse, judged_by: JudgedBy
) -> list[Judged]:
    judged = judged_by(source, events_reading(source, study, log))
    _name_accepted(judged, "customer_id, day, kind, CAST(n AS BIGINT) AS n", warehouse)
    return [judged]


def _read_treatments(
    source: Opened, study: Study, log: Treatments, warehouse: Warehouse, judged_by: JudgedBy
) -> list[Judged]:
    judged = judged_by(source, treatments_reading(source, study, log))
    cost = "CAST(cost_minor AS BIGINT) AS cost_minor"
    _name_accepted(judged, f"customer_id, day, campaign, treated, propensity, {cost}", warehouse)
    return [judged]


def _name_accepted(judged: Judged, columns: str, warehouse: Warehouse) -> None:
    """Name the accepted rows of a source after it: a view, for the rows of a large log are not
    worth writing twice.
    """
    with warehouse.working(f"name the table {judged.name}"):
        warehouse.con.execute(
            f"CREATE OR REPLACE VIEW {judged.name} AS SELECT {columns} FROM {judged.table} WHERE "
            "verdict = 0"
        )


def _refuse_impossible(first: int, last: int, judged: Judged) -> None:
    """Raise DataError on days that no row can have: DuckDB trusts a Parquet file's statistics, and
    its pages lie.
    """
    if first < FIRST_DAY or last > LAST_DAY:
        raise DataError(
            f"{judged.labels[0]} is damaged: it has days outside {RANGE} that its own statistics "
            "rule out",
            fix="fetch or write it again",
        )
