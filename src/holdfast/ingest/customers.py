"""Customers: what is known of them besides what they did, from which day on, when and why their
contract ended.
"""

from holdfast.errors import StudyError
from holdfast.expressions import quote
from holdfast.findings import Finding
from holdfast.ingest import sql
from holdfast.ingest.column_types import TypedColumn, blank_finding, typed_columns
from holdfast.ingest.contacts.addresses import address_part, create_addresses
from holdfast.ingest.contacts.permissions import (
    create_permissions,
    describe_permissions,
    permission_part,
)
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.row_mappings import WITHOUT_CUSTOMER, customer_part, time_part
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import FIRST_DAY, day_sql, local_time_sql
from holdfast.ingest.validation import Part, RowMapping, ValidatedSource, require_accepted_rows
from holdfast.study import Study
from holdfast.study.sources import Customers
from holdfast.windows import date_of

REPEATED = "the customer has several different rows known from the same day"
_RESERVED = ("customer_id", "known_from_day", "cutoff_day")


def create_customers(reader: SourceReader) -> tuple[ValidatedSource, list[Finding]]:
    """Create the table CUSTOMERS: one row per customer and day from which its attributes were
    known.

    Numbers are DOUBLE, a yes or no is BOOLEAN, a date is the number of its day, all else words.
    Without `known_from`, attributes count as known from 1970-01-01, and a finding says so.

    Raises
    ------
    StudyError
        An attribute has the name of a column of Holdfast, or one name is written in two ways.
    """
    log, warehouse, source = reader.study.customers, reader.warehouse, reader.open("customers")
    assert log is not None
    _check_names(log.attributes)
    fields = {name: source.column(name, role="attributes") for name in log.attributes}
    source.keep(warehouse)
    columns = typed_columns(fields, source, warehouse, zone=reader.study.time_zone)
    mapping = _customer_mapping(source, reader.study, log, columns)
    rows = require_accepted_rows(reader.validate(source, mapping))
    names = [f"a{i} AS {quote(column.name)}" for i, column in enumerate(columns)]
    with warehouse.working("write the table customers"):
        warehouse.execute(f"""
            CREATE OR REPLACE TABLE customers AS
            SELECT {", ".join(["customer_id", "day AS known_from_day", *names])}
            FROM {rows.table} WHERE verdict = 0 ORDER BY customer_id, day
        """)
        if log.columns.ended_on is not None:
            warehouse.execute(_endings_sql(rows.table))
        if log.columns.of_address:
            create_addresses(rows.table, log, warehouse)
        if log.columns.of_permission:
            create_permissions(rows.table, warehouse)
        warehouse.execute(f"DROP TABLE {rows.table}; DROP TABLE {source.view}")
    return rows, [
        *blank_finding(columns, source=source.labels[0]),
        *_undated_attributes_finding(log),
        *describe_permissions(log.columns, warehouse),
    ]


def _customer_mapping(
    source: OpenSource, study: Study, log: Customers, columns: list[TypedColumn]
) -> RowMapping:
    known_from = log.columns.known_from
    part = Part({}, {"day": f"CAST({FIRST_DAY} AS INTEGER)"})
    if known_from is not None:
        part = time_part(source, study, known_from, role="known_from")
    for i, column in enumerate(columns):
        part |= column.part(f"a{i}", decimal=source.decimal)
    part |= customer_part(source, log.columns.customer_id) | _ending_part(source, study, log)
    part |= permission_part(source, log.columns) | address_part(source, log)
    return RowMapping(
        layers=[
            part.read,
            part.derived,
            {"_differ": sql.differ(source.fields.values(), "customer_id, day")},
        ],
        quarantine={**part.problems, REPEATED: "customer_id IS NOT NULL AND _differ"},
        set_aside=WITHOUT_CUSTOMER,
        compared=list(source.fields.values()),
    )


def _ending_part(source: OpenSource, study: Study, log: Customers) -> Part:
    """Read when and why a contract ended; what is not a date there was not understood."""
    ended_on, reason = log.columns.ended_on, log.columns.end_reason
    if ended_on is None:
        return Part()
    time = local_time_sql(source, ended_on, role="ended_on", zone=study.time_zone)
    why = sql.identifier(source.column(reason, role="end_reason")) if reason else None
    blank = sql.blank(source.column(ended_on, role="ended_on"))
    return Part(
        {"_ended": time, "end_reason": why or sql.null("VARCHAR")},
        {"ended_day": day_sql("_ended")},
        {"ended_on is not a date": f"_ended IS NULL AND NOT {blank}"},
    )


def _endings_sql(table: str) -> str:
    """One row per customer, by the row known last; `ended_day` is NULL while the contract runs."""
    return f"""
        CREATE OR REPLACE TABLE endings AS
        SELECT customer_id, last(ended_day ORDER BY day) AS ended_day,
            last(end_reason ORDER BY day) AS end_reason
        FROM {table} WHERE verdict = 0 GROUP BY customer_id ORDER BY customer_id
    """


def _check_names(attributes: list[str]) -> None:
    folded = [name.lower() for name in attributes]
    for name in attributes:
        if name.lower() in _RESERVED:
            raise StudyError(
                f"the attribute '{name}' has the name of a column of Holdfast",
                fix="rename the column",
            )
        if folded.count(name.lower()) > 1:
            raise StudyError(f"the attribute '{name}' is listed more than once", fix="list it once")


def _undated_attributes_finding(log: Customers) -> list[Finding]:
    if log.columns.known_from is not None or not log.attributes:
        return []
    return [
        Finding.of(
            "attributes-without-a-day",
            attributes=", ".join(log.attributes),
            first=date_of(FIRST_DAY),
        )
    ]
