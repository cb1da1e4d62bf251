"""Customers: what is known of them besides what they did, from which day on, and when and why their
contract ended.
"""

from holdfast.errors import StudyError
from holdfast.expressions import quoted
from holdfast.findings import Finding
from holdfast.ingest.column_types import Typed, blank_finding, typed_columns
from holdfast.ingest.row_mappings import (
    NO_CUSTOMER,
    Parts,
    customer_sql,
    identifier_sql,
    when_parts,
)
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import FIRST_DAY, moment
from holdfast.ingest.validation import RowMapping, RowValidator, ValidatedSource, row_digest
from holdfast.io.warehouse import Warehouse
from holdfast.study import Customers, Study
from holdfast.windows import date_of

REPEATED = "the customer has several different rows known from the same day"
_RESERVED = ("customer_id", "known_from_day", "cutoff_day")


def create_customers(
    source: OpenSource, study: Study, log: Customers, warehouse: Warehouse, judged_by: RowValidator
) -> tuple[ValidatedSource, list[Finding]]:
    """Create the table CUSTOMERS: one row per customer and day from which its attributes were
    known.

    Numbers are DOUBLE, a yes or no is BOOLEAN, a date is the number of its day, all else words.
    Without `known_from`, attributes count as known from 1970-01-01, and a finding says so.

    Raises
    ------
    StudyError
        An attribute has the name of a column of Holdfast, or one name is written in two ways.
    """
    _check_names(log.attributes)
    fields = {name: source.column(name, role="attributes") for name in log.attributes}
    with source.reading():
        warehouse.con.execute(
            f"CREATE OR REPLACE TABLE customers_raw AS SELECT * FROM {source.view}"
        )
    source.view = "customers_raw"
    columns = typed_columns(fields, source.view, warehouse, decimal=source.decimal)
    validated = judged_by(source, _reading(source, study, log, columns))
    attributes = "".join(f", a{i} AS {quoted(column.name)}" for i, column in enumerate(columns))
    with warehouse.working("write the table customers"):
        warehouse.con.execute(f"""
            CREATE OR REPLACE TABLE customers AS SELECT customer_id, day AS
                known_from_day{attributes}
            FROM {validated.table} WHERE verdict = 0 ORDER BY customer_id, day
        """)
        if log.columns.ended_on is not None:
            warehouse.con.execute(_endings_sql(validated.table))
        warehouse.con.execute(f"DROP TABLE {validated.table}; DROP TABLE customers_raw")
    return validated, [*blank_finding(columns, source=source.labels[0]), *_always_known(log)]


def _reading(source: OpenSource, study: Study, log: Customers, columns: list[Typed]) -> RowMapping:
    who = customer_sql(source, log.columns.customer_id)
    typed = {f"a{i}": column.sql(decimal=source.decimal) for i, column in enumerate(columns)}
    problems = {column.problem: column.broken(f"a{i}") for i, column in enumerate(columns)}
    first, second = {**who, **typed}, {"day": f"CAST({FIRST_DAY} AS INTEGER)"}
    if log.columns.known_from is not None:
        when = when_parts(
            source, study, log.columns.known_from, log.csv.timestamp_format, role="known_from"
        )
        first, second, problems = first | when[0], when[1], when[2] | problems
    ended = _ended(source, study, log)
    first, second, problems = first | ended[0], second | ended[1], problems | ended[2]
    row = row_digest(source.fields)
    same = "OVER (PARTITION BY customer_id, day)"
    return RowMapping(
        layers=[first, second, {"_differ": f"min({row}) {same} <> max({row}) {same}"}],
        quarantine={**problems, REPEATED: "customer_id IS NOT NULL AND _differ"},
        set_aside={NO_CUSTOMER: "customer_id IS NULL"},
        compared=list(source.fields.values()),
    )


def _ended(source: OpenSource, study: Study, log: Customers) -> Parts:
    """Read when and why a contract ended; what is not a date there was not understood."""
    if log.columns.ended_on is None:
        return {}, {}, {}
    end = moment(
        source,
        log.columns.ended_on,
        role="ended_on",
        zone=study.time_zone,
        timestamp_format=log.csv.timestamp_format,
    )
    reason = "CAST(NULL AS VARCHAR)"
    if log.columns.end_reason is not None:
        reason = identifier_sql(source.column(log.columns.end_reason, role="end_reason"))
    return (
        {"_ended": end.local, "end_reason": reason},
        {"ended_day": end.day("_ended")},
        {"ended_on is not a date": f"_ended IS NULL AND NOT {end.blank}"},
    )


def _endings_sql(table: str) -> str:
    """One row per customer, by the row known last; `ended_day` is NULL while the contract runs."""
    return f"""
        CREATE OR REPLACE TABLE endings AS
        SELECT customer_id, last(ended_day ORDER BY day) AS ended_day, last(end_reason ORDER BY day)
            AS end_reason
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


def _always_known(log: Customers) -> list[Finding]:
    if log.columns.known_from is not None or not log.attributes:
        return []
    return [
        Finding.warning(
            "attributes-without-a-day",
            evidence=f"{', '.join(log.attributes)} count as known from {date_of(FIRST_DAY)} on",
            meaning="If they were written down later than the cutoff, the models see the future.",
            fix="set customers.columns.known_from, or list only attributes that never change",
        )
    ]
