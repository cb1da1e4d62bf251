"""Customers: what is known of them besides what they did, from which day on, when and why their
contract ended, and whether they may be contacted.
"""

import polars as pl

from holdfast.errors import StudyError
from holdfast.expressions import quote
from holdfast.findings import Finding
from holdfast.ingest import sql
from holdfast.ingest.addresses import address_part, create_addresses
from holdfast.ingest.column_types import TypedColumn, blank_finding, typed_columns
from holdfast.ingest.reader import SourceReader
from holdfast.ingest.row_mappings import WITHOUT_CUSTOMER, customer_part, time_part
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import FIRST_DAY, day_sql, local_time_sql
from holdfast.ingest.validation import Part, RowMapping, ValidatedSource, require_accepted_rows
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.study.sources import Customers
from holdfast.tables import PERMISSIONS
from holdfast.windows import date_of

REPEATED = "the customer has several different rows known from the same day"
NO_CONSENT, UNKNOWN = "no consent", "consent unknown"
DO_NOT_CONTACT = "asked not to be contacted"
NOT_UNDERSTOOD = "do-not-contact not understood"
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
            warehouse.execute(_permissions_sql(rows.table))
        warehouse.execute(f"DROP TABLE {rows.table}; DROP TABLE {source.view}")
    return rows, [
        *blank_finding(columns, source=source.labels[0]),
        *_undated_attributes_finding(log),
        *_permission_findings(log, warehouse),
    ]


def read_permissions(
    study: Study, warehouse: Warehouse, *, scored: pl.DataFrame
) -> pl.DataFrame | None:
    """Say of each scored customer whether it may be contacted: PERMISSIONS; None where the study
    names no column of consent. Of whom the source has no row, consent is unknown.
    """
    if study.customers is None or not study.customers.columns.of_permission:
        return None
    without_row = UNKNOWN if study.customers.columns.consent is not None else None
    permissions = warehouse.read(warehouse.table("permissions")).with_columns(has_row=True)
    joined = scored.select("customer_id").join(permissions, on="customer_id", how="left")
    why_not = pl.when("has_row").then("why_not").otherwise(pl.lit(without_row, pl.String))
    return PERMISSIONS.check(
        joined.select("customer_id", may_contact=why_not.is_null(), why_not=why_not).sort(
            "customer_id"
        )
    )


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
    part |= _permission_part(source, log) | address_part(source, log)
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


def _permission_part(source: OpenSource, log: Customers) -> Part:
    """Read why a customer may not be contacted; NULL: may."""
    consent, do_not_contact = log.columns.consent, log.columns.do_not_contact
    cases = []
    if do_not_contact is not None:
        column = source.column(do_not_contact, role="do_not_contact")
        no = sql.yes_no(column)
        cases += [
            f"WHEN {no} THEN {sql.literal(DO_NOT_CONTACT)}",
            f"WHEN {no} IS NULL AND NOT {sql.blank(column)} THEN {sql.literal(NOT_UNDERSTOOD)}",
        ]
    if consent is not None:
        given = sql.yes_no(source.column(consent, role="consent"))
        cases += [
            f"WHEN {given} IS NULL THEN {sql.literal(UNKNOWN)}",
            f"WHEN NOT {given} THEN {sql.literal(NO_CONSENT)}",
        ]
    return Part({"why_not": f"CASE {' '.join(cases)} END"} if cases else {})


def _permissions_sql(table: str) -> str:
    """One row per customer, by the rows known last. A row in quarantine counts too, and of several
    rows any that refuses: nobody is contacted by a mistake in the data.
    """
    return f"""
        CREATE OR REPLACE TABLE permissions AS
        SELECT customer_id, max(why_not) AS why_not FROM (
            SELECT customer_id, why_not FROM {table} WHERE customer_id IS NOT NULL
            QUALIFY rank() OVER (PARTITION BY customer_id ORDER BY day DESC NULLS FIRST) = 1)
        GROUP BY customer_id ORDER BY customer_id
    """


def _permission_findings(log: Customers, warehouse: Warehouse) -> list[Finding]:
    if not log.columns.of_permission:
        return []
    unclear = sql.literals((UNKNOWN, NOT_UNDERSTOOD))
    n, of = warehouse.row(
        f"SELECT count(*) FILTER (why_not IN {unclear}), count(*) FROM permissions"
    )
    columns = " and ".join(log.columns.of_permission)
    return [Finding.of("permission-unclear", n=n, of=of, columns=columns)] if n else []


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
