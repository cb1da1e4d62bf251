"""Permissions: who may be contacted, by consent and by what customers asked for."""

import polars as pl

from holdfast.findings import Finding
from holdfast.ingest import sql
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.validation import Part
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.study.snapshot_source import SnapshotColumns
from holdfast.study.sources import CustomerColumns
from holdfast.tables import PERMISSIONS

Columns = CustomerColumns | SnapshotColumns
NO_CONSENT, UNKNOWN = "no consent", "consent unknown"
DO_NOT_CONTACT = "asked not to be contacted"
NOT_UNDERSTOOD = "do-not-contact not understood"


def read_permissions(
    study: Study, warehouse: Warehouse, *, scored: pl.DataFrame
) -> pl.DataFrame | None:
    """Say of each scored customer whether it may be contacted: PERMISSIONS; None where the study
    names no column of consent. Of whom the source has no row, consent is unknown.
    """
    source = study.customers or study.snapshot
    if source is None or not source.columns.of_permission:
        return None
    without_row = UNKNOWN if source.columns.consent is not None else None
    permissions = warehouse.read(warehouse.table("permissions")).with_columns(has_row=True)
    joined = scored.select("customer_id").join(permissions, on="customer_id", how="left")
    why_not = pl.when("has_row").then("why_not").otherwise(pl.lit(without_row, pl.String))
    return PERMISSIONS.check(
        joined.select("customer_id", may_contact=why_not.is_null(), why_not=why_not).sort(
            "customer_id"
        )
    )


def permission_part(source: OpenSource, columns: Columns) -> Part:
    """Read why a customer may not be contacted; NULL: may."""
    consent, do_not_contact = columns.consent, columns.do_not_contact
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


def create_permissions(
    table: str, warehouse: Warehouse, *, latest: str = "day DESC NULLS FIRST"
) -> None:
    """Create `permissions`: one row per customer, by the rows known last. A row in quarantine
    counts too, and of several rows any that refuses: nobody is contacted by a mistake in the data.
    """
    warehouse.execute(f"""
        CREATE OR REPLACE TABLE permissions AS
        SELECT customer_id, max(why_not) AS why_not FROM (
            SELECT customer_id, why_not FROM {table} WHERE customer_id IS NOT NULL
            QUALIFY rank() OVER (PARTITION BY customer_id ORDER BY {latest}) = 1)
        GROUP BY customer_id ORDER BY customer_id
    """)


def describe_permissions(columns: Columns, warehouse: Warehouse) -> list[Finding]:
    """Say of how many customers it is not clear."""
    if not columns.of_permission:
        return []
    unclear = sql.literals((UNKNOWN, NOT_UNDERSTOOD))
    n, of = warehouse.row(
        f"SELECT count(*) FILTER (why_not IN {unclear}), count(*) FROM permissions"
    )
    named = " and ".join(columns.of_permission)
    return [Finding.of("permission-unclear", n=n, of=of, columns=named)] if n else []
