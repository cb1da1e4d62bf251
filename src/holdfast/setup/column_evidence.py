"""What the rows say of a column that only a part of its name speaks for."""

from collections.abc import Mapping

from holdfast.setup.column_roles import Candidate, runner_up
from holdfast.setup.file_sample import Sample

_NEARLY_ALL = 0.99


def speaks_for(sample: Sample, columns: Mapping[str, Candidate], role: str) -> str:
    """Say what settles that a column has its role; nothing where it may be another."""
    chosen = columns[role]
    if chosen.role != role or runner_up(sample, chosen) is not None:
        return ""
    if role == "customer_id" and sample.distinct(chosen.column) < sample.count_filled(
        chosen.column
    ):
        return "no other column names customers, and they come back"
    if role == "order_id" and "customer_id" in columns and _has_one_customer(sample, columns):
        return "no order has two customers"
    if role == "amount" and not _other_amounts(sample, columns):
        return "no other column has amounts"
    if role == "quantity" and "amount" in columns:
        return "the amount does not depend on it"
    return ""


def _has_one_customer(sample: Sample, columns: Mapping[str, Candidate]) -> bool:
    order, customer = (
        sample.text_sql(columns[role].column) for role in ("order_id", "customer_id")
    )
    ((orders, of_one, customers),) = sample.rows(f"""
        SELECT count(*), count(*) FILTER (buyers <= 1),
            (SELECT count(DISTINCT {customer}) FROM sample)
        FROM (
            SELECT count(DISTINCT {customer}) AS buyers FROM sample
            WHERE {order} IS NOT NULL GROUP BY {order})
    """)
    return bool(orders >= customers and of_one >= _NEARLY_ALL * orders)


def _other_amounts(sample: Sample, columns: Mapping[str, Candidate]) -> list[str]:
    """Columns without a role that hold fractions, or the signs of currencies."""
    taken = {each.column for each in columns.values()}
    return [
        name
        for name in sample.names
        if name not in taken and sample.is_amount(name) and not sample.is_whole(name)
    ]
