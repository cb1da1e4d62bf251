"""The order log and the sources beside it become the tables of fact, and every row is accounted
for.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from holdfast.errors import DataError, StudyError
from holdfast.findings import Finding
from holdfast.ingest import findings as ingest_findings
from holdfast.ingest.contract import broken_limits, named_contract, with_contract
from holdfast.ingest.customers import create_customers
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.row_mappings import (
    event_mapping,
    refuse_without_sale,
    transaction_mapping,
    treatment_mapping,
)
from holdfast.ingest.sources import OnRows, OpenSource, open_source
from holdfast.ingest.study_data import StudyData
from holdfast.ingest.timestamps import FIRST_DAY, LAST_DAY, RANGE
from holdfast.ingest.validation import (
    RowMapping,
    RowValidator,
    ValidatedSource,
    fingerprint,
    require_accepted_rows,
    validate_rows,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import Events, Source, Study, Transactions, Treatments
from holdfast.tables import TRANSACTIONS

_FACTS = ("transactions", "events", "customers", "treatments")


@dataclass(frozen=True, kw_only=True)
class OrderLog(StudyData):
    """An order log and what lies beside it, in the warehouse as TRANSACTIONS, EVENTS, CUSTOMERS,
    TREATMENTS (as given) and ACTIVITY.

    Attributes
    ----------
    first_day, end_day
        First day of the order log; first day after it.
    n_customers
        Customers with an accepted order line.
    """

    kind: ClassVar[Literal["log", "snapshot"]] = "log"
    first_day: int


def read_order_log(
    study: Study, warehouse: Warehouse, *, on_progress: OnRows | None = None
) -> OrderLog:
    """Read the study's sources and create transactions, events, customers, treatments (as given)
    and activity.

    Parameters
    ----------
    on_progress
        Called with the name of a source and its rows so far, now and then.

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
            "this study has a [snapshot], not [transactions]", fix="read it with read_snapshot"
        )

    def opened(source: Source, name: str) -> OpenSource:
        return open_source(
            source, warehouse, name=name, project_dir=study.project_dir, on_rows=on_progress
        )

    contract = named_contract(study)
    promised = contract.inputs if contract else {}

    def all_judged(source: OpenSource, reading: RowMapping) -> ValidatedSource:
        return validate_rows(
            source,
            with_contract(reading, source, study, promised.get(source.name), warehouse),
            warehouse,
        )

    def judged_by(source: OpenSource, reading: RowMapping) -> ValidatedSource:
        return require_accepted_rows(all_judged(source, reading))

    validated, findings = _read_transactions(
        opened(log, "transactions"), study, log, warehouse, all_judged
    )
    if study.events is not None:
        validated += _read_events(
            opened(study.events, "events"), study, study.events, warehouse, judged_by
        )
    if study.customers is not None:
        source = opened(study.customers, "customers")
        found, said = create_customers(source, study, study.customers, warehouse, judged_by)
        validated, findings = [*validated, found], [*findings, *said]
    if study.treatments is not None:
        source = opened(study.treatments, "treatments")
        validated += _read_treatments(source, study, study.treatments, warehouse, judged_by)
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
    _refuse_impossible(first, last, validated[0])
    return OrderLog(
        sources=tuple(validated),
        first_day=first,
        end_day=last + 1,
        n_customers=customers,
        findings=(*findings, *ingest_findings.of_sources(validated, warehouse)),
        fingerprint=fingerprint(_FACTS, warehouse),
        failures=broken_limits(validated, contract, study),
    )


def _read_transactions(
    source: OpenSource,
    study: Study,
    log: Transactions,
    warehouse: Warehouse,
    judged_by: RowValidator,
) -> tuple[list[ValidatedSource], list[Finding]]:
    validated = judged_by(source, transaction_mapping(source, study, log))
    refuse_without_sale(validated, log, warehouse)
    require_accepted_rows(validated)
    _name_accepted(validated, ", ".join(TRANSACTIONS.schema), warehouse)
    return [validated], ingest_findings.of_lines(log, validated, warehouse)


def _read_events(
    source: OpenSource, study: Study, log: Events, warehouse: Warehouse, judged_by: RowValidator
) -> list[ValidatedSource]:
    validated = judged_by(source, event_mapping(source, study, log))
    _name_accepted(validated, "customer_id, day, kind, CAST(n AS BIGINT) AS n", warehouse)
    return [validated]


def _read_treatments(
    source: OpenSource, study: Study, log: Treatments, warehouse: Warehouse, judged_by: RowValidator
) -> list[ValidatedSource]:
    validated = judged_by(source, treatment_mapping(source, study, log))
    cost = "CAST(cost_minor AS BIGINT) AS cost_minor"
    _name_accepted(validated, f"customer_id, day, campaign, treated, propensity, {cost}", warehouse)
    return [validated]


def _name_accepted(validated: ValidatedSource, columns: str, warehouse: Warehouse) -> None:
    """Name the accepted rows of a source after it: a view, for the rows of a large log are not
    worth writing twice.
    """
    with warehouse.working(f"name the table {validated.name}"):
        warehouse.con.execute(
            f"CREATE OR REPLACE VIEW {validated.name} AS "
            f"SELECT {columns} FROM {validated.table} WHERE verdict = 0"
        )


def _refuse_impossible(first: int, last: int, validated: ValidatedSource) -> None:
    """Raise DataError on days that no row can have: DuckDB trusts a Parquet file's statistics, and
    its pages lie.
    """
    if first < FIRST_DAY or last > LAST_DAY:
        raise DataError(
            f"{validated.labels[0]} is damaged: it has days outside {RANGE} that its own "
            "statistics rule out",
            fix="fetch or write it again",
        )
