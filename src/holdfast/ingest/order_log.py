"""The order log and the sources beside it become the tables of fact, and every row is accounted
for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import polars as pl

from holdfast.errors import DataError, StudyError
from holdfast.findings import Finding
from holdfast.ingest.contacts.exports import read_exports
from holdfast.ingest.customers import create_customers
from holdfast.ingest.daily_activity import roll_up
from holdfast.ingest.findings import describe_lines, describe_sources
from holdfast.ingest.margins import create_daily_margins, describe_margins
from holdfast.ingest.money import create_rates
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.row_mappings import (
    event_mapping,
    refuse_without_sale,
    transaction_mapping,
    treatment_mapping,
)
from holdfast.ingest.sources import OpenSource, open_source
from holdfast.ingest.sql import identifier, literal
from holdfast.ingest.study_data import StudyData
from holdfast.ingest.timestamps import FIRST_DAY, LAST_DAY, RANGE
from holdfast.ingest.validation import (
    RowMapping,
    ValidatedSource,
    fingerprint,
    require_accepted_rows,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, Transactions
from holdfast.study.sources import TransactionColumns
from holdfast.tables import TRANSACTIONS
from holdfast.windows import date_of

_DATES_ONLY = 0.99
FINGERPRINTED = (
    "transactions", "events", "customers", "permissions", "addresses", "treatments",
)  # fmt: skip
"""Tables whose rows the fingerprint of a log is of."""
_TREATMENT_COLUMNS = (
    "customer_id, day, campaign, treated, propensity, CAST(cost_minor AS BIGINT) AS cost_minor, "
    "offer, assigned, delivered, accepted, cluster"
)
FACT_COLUMNS = {
    "transactions": ", ".join(TRANSACTIONS.schema),
    "events": "customer_id, day, kind, CAST(n AS BIGINT) AS n",
    "treatments": _TREATMENT_COLUMNS,
}
"""Table of facts -> the columns that it has of the accepted rows of its source."""
# An export that held nobody out says nothing of its offer, and is a contact all the same.
_EXPORT_COLUMNS = _TREATMENT_COLUMNS.replace(
    "offer,",
    "CASE WHEN NOT bool_and(treated) OVER (PARTITION BY campaign) THEN offer END AS offer,",
)


@dataclass(frozen=True, kw_only=True)
class OrderLog(StudyData):
    """An order log and what lies beside it, in the warehouse as TRANSACTIONS, EVENTS, CUSTOMERS,
    TREATMENTS (as given) and ACTIVITY.

    Attributes
    ----------
    study, warehouse
        What it was read by; what holds it.
    first_day, end_day
        First day of the order log; first day after it.
    n_customers
        Customers with an accepted order line.
    """

    kind: ClassVar[Literal["log", "snapshot"]] = "log"
    study: Study = field(repr=False)
    warehouse: Warehouse = field(repr=False, compare=False)
    first_day: int

    @property
    def size(self) -> str:
        """How much came in, in words."""
        return f"{super().size}, to {date_of(self.end_day - 1)}"

    @property
    def columns(self) -> TransactionColumns:
        """The columns of the order log."""
        assert self.study.transactions is not None
        return self.study.transactions.columns

    @property
    def scale(self) -> int:
        """Minor units in a unit of the currency."""
        return int(10**self.study.minor_digits)

    @property
    def local_time(self) -> str:
        """SQL of a line's moment in the study's time zone."""
        zone = self.study.time_zone
        if zone == "UTC":
            return "occurred_at"
        return f"timezone({literal(zone)}, timezone('UTC', occurred_at))"

    def count_at_midnight(self) -> int:
        """Lines at exactly 00:00:00, of all lines."""
        local = self.local_time
        sql = f"SELECT count(*) FROM transactions WHERE {local} = date_trunc('day', {local})"
        return int(self.warehouse.row(sql)[0])

    @property
    def has_dates_only(self) -> bool:
        """Whether all but all lines are at midnight."""
        return self.count_at_midnight() >= _DATES_ONLY * self.sources[0].rows.accepted

    @contextmanager
    def read_again(self, transactions: Transactions) -> Iterator[OpenSource]:
        """Look at the source of the orders once more, for what is not kept of a line."""
        source = open_source(
            transactions,
            self.warehouse,
            name="transactions_again",
            project_dir=self.study.project_dir,
        )
        with source.reading(self.warehouse):
            yield source

    def query(self, sql: str) -> pl.DataFrame:
        """Rows of the warehouse."""
        return self.warehouse.query(sql)

    def sample(self, customers: int) -> str:
        """Write the SQL condition of about so many customers."""
        return f"hash(customer_id) % {max(1, self.n_customers // customers)} = 0"


def read_order_log(study: Study, warehouse: Warehouse) -> OrderLog:
    """Read the study's sources and create transactions, events, customers, treatments (as given)
    and activity.

    Raises
    ------
    DataError
        A source cannot be read, breaks its contract, or no row of it can be used.
    StudyError
        The study names something that the sources do not have.
    """
    if study.transactions is None:
        raise StudyError(
            "this study has a [snapshot], not [transactions]", fix="read it with read_snapshot"
        )
    columns = study.transactions.columns
    reader = SourceReader.of(study, warehouse)
    sources, findings = _read_sources(reader, study.transactions)
    with warehouse.working("roll the tables up to days"):
        roll_up(
            warehouse,
            with_orders=columns.order_id is not None,
            with_products=columns.product_id is not None,
        )
        create_daily_margins(sources[0], study, warehouse)
        first, last, n_customers = warehouse.row(
            "SELECT min(day), max(day), count(DISTINCT customer_id) FROM transactions"
        )
    _refuse_impossible_days(first, last, sources[0])
    warehouse.give_back()
    facts = (*FINGERPRINTED, "daily_margins") if study.has_line_margins else FINGERPRINTED
    return OrderLog(
        study=study,
        warehouse=warehouse,
        sources=tuple(sources),
        first_day=first,
        end_day=last + 1,
        n_customers=n_customers,
        findings=(*findings, *describe_sources(sources, warehouse)),
        fingerprint=fingerprint(facts, warehouse),
        failures=reader.failures(sources),
    )


def read_campaign_names(study: Study) -> list[str]:
    """The names of the campaigns of [treatments], without the order log."""
    if study.treatments is None:
        return []
    with Warehouse.temporary() as warehouse:
        source = SourceReader.of(study, warehouse).open("treatments")
        name = identifier(source.column(study.treatments.columns.campaign, role="campaign"))
        with source.reading(warehouse):
            rows = warehouse.query(f"SELECT DISTINCT {name} AS campaign FROM {source.view}")
    return rows["campaign"].drop_nulls().sort().to_list()


def _read_sources(
    reader: SourceReader, log: Transactions
) -> tuple[list[ValidatedSource], list[Finding]]:
    create_rates(reader.study, reader.warehouse)
    source = reader.open("transactions")
    lines = reader.validate(source, transaction_mapping(source, reader.study))
    refuse_without_sale(lines, log, reader.warehouse)
    require_accepted_rows(lines)
    name_accepted("transactions", reader.warehouse)
    sources, findings = [lines], list(describe_lines(log, lines, reader.warehouse))
    findings += describe_margins(lines, reader.study, reader.warehouse)
    if reader.study.events is not None:
        sources.append(_read_beside(reader, "events", event_mapping))
    if reader.study.customers is not None:
        customers, customer_findings = create_customers(reader)
        sources, findings = [*sources, customers], [*findings, *customer_findings]
    if reader.study.treatments is not None:
        sources.append(_read_beside(reader, "treatments", treatment_mapping))
    if (exports := read_exports(reader)) is not None:
        sources.append(exports)
        if exports.rows.accepted:
            create_exported(exports, reader.warehouse)
            add_exported(reader.warehouse)
    return sources, findings


def create_exported(exports: ValidatedSource, warehouse: Warehouse) -> None:
    """Create `exported`: the accepted rows of the exports, laid out as treatments."""
    with warehouse.working("write the recorded exports"):
        warehouse.execute(
            f"CREATE OR REPLACE TABLE exported AS "
            f"SELECT {_EXPORT_COLUMNS} FROM {exports.table} WHERE verdict = 0"
        )


def add_exported(warehouse: Warehouse) -> None:
    """Let the rows of `exported` be treatments, beside those of the study if any."""
    rows = "FROM exported"
    if warehouse.has("validated_treatments"):
        of_study = f"SELECT {_TREATMENT_COLUMNS} FROM validated_treatments WHERE verdict = 0"
        rows = f"{of_study} UNION ALL {rows}"
    with warehouse.working("add the recorded exports to the treatments"):
        warehouse.execute(f"CREATE OR REPLACE VIEW treatments AS {rows}")


def _read_beside(
    reader: SourceReader,
    name: str,
    mapping: Callable[[OpenSource, Study], RowMapping],
) -> ValidatedSource:
    source = reader.open(name)
    rows = require_accepted_rows(reader.validate(source, mapping(source, reader.study)))
    name_accepted(name, reader.warehouse)
    return rows


def name_accepted(name: str, warehouse: Warehouse) -> None:
    """Name the accepted rows of a source after it: a view, for the rows of a large log are not
    worth writing twice.
    """
    with warehouse.working(f"name the table {name}"):
        warehouse.execute(
            f"CREATE OR REPLACE VIEW {name} AS "
            f"SELECT {FACT_COLUMNS[name]} FROM validated_{name} WHERE verdict = 0"
        )


def _refuse_impossible_days(first: int, last: int, lines: ValidatedSource) -> None:
    """Raise DataError on days that no row can have: DuckDB trusts a Parquet file's statistics, and
    its pages lie.
    """
    if first < FIRST_DAY or last > LAST_DAY:
        raise DataError(
            f"{lines.labels[0]} is damaged: it has days outside {RANGE} that its own statistics "
            "rule out",
            fix="fetch or write it again",
        )
