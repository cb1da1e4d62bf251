"""Addresses: how a customer is reached, by e-mail and phone. They are kept apart from everything
that is learnt from, and only lists of contacts show them.
"""

import polars as pl

from holdfast.ingest import sql
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.validation import Part
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.study.sources import Customers
from holdfast.tables import ADDRESSES


def address_part(source: OpenSource, log: Customers) -> Part:
    """Read the addresses as they are written, without blanks around them."""
    columns = {"email": log.columns.email, "phone": log.columns.phone}
    return Part(
        {
            role: sql.identifier(source.column(name, role=role))
            for role, name in columns.items()
            if name is not None
        }
    )


def create_addresses(rows: str, log: Customers, warehouse: Warehouse) -> None:
    """Create the table of addresses: one row per customer, of each kind the one known last."""
    kinds = [
        f"last({role} ORDER BY day) FILTER ({role} IS NOT NULL)" if name else sql.null("VARCHAR")
        for role, name in (("email", log.columns.email), ("phone", log.columns.phone))
    ]
    warehouse.execute(f"""
        CREATE OR REPLACE TABLE addresses AS
        SELECT customer_id, {kinds[0]} AS email, {kinds[1]} AS phone
        FROM {rows} WHERE verdict = 0 GROUP BY customer_id ORDER BY customer_id
    """)


def read_addresses(
    study: Study, warehouse: Warehouse, *, scored: pl.DataFrame
) -> pl.DataFrame | None:
    """The addresses of each scored customer: ADDRESSES; None where the study names no column of
    any.
    """
    if study.customers is None or not study.customers.columns.of_address:
        return None
    addresses = warehouse.read(warehouse.table("addresses"))
    joined = scored.select("customer_id").join(addresses, on="customer_id", how="left")
    return ADDRESSES.check(joined.sort("customer_id"))
