"""What a line cost the shop: a column that is named so, and mostly lies below what was paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from holdfast.setup.amounts import amount_sql
from holdfast.setup.column_roles import Candidate, candidates
from holdfast.setup.file_sample import Sample

_MOST = 0.8
_FEW_WORDS, _MANY_WORDS = 2, 50


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A column of costs, of the whole line or of one unit."""

    column: str
    role: Literal["cost", "unit_cost"]
    because: str
    sure: bool


def find_cost(sample: Sample, columns: Mapping[str, Candidate]) -> Cost | None:
    """Find the column of costs; None where no column is named so, or its amounts do not fit."""
    taken = {each.column for each in columns.values()}
    for role in ("unit_cost", "cost"):
        of = _paid_sql(sample, columns, role)
        for each in candidates(sample, role) if of else ():
            rows, below, equal = _compare(sample, each.column, str(of))
            if each.column in taken or not rows or below < _MOST * rows or 2 * equal > rows:
                continue
            return Cost(
                column=each.column,
                role="unit_cost" if role == "unit_cost" else "cost",
                because=f"by its name; at most what was paid in {below:,} of {rows:,} rows",
                sure=each.is_sure,
            )
    return None


def _paid_sql(sample: Sample, columns: Mapping[str, Candidate], role: str) -> str | None:
    """What a cost is held against: the price of one, or the line's amount."""
    if role == "unit_cost":
        named = {"unit_price", "quantity"} <= set(columns)
        return sample.number_sql(columns["unit_price"].column) if named else None
    has_amount = "amount" in columns or {"quantity", "unit_price"} <= set(columns)
    return amount_sql(sample, columns) if has_amount else None


def _compare(sample: Sample, name: str, paid: str) -> tuple[int, int, int]:
    """Rows with both, those whose cost is at most what was paid, those where both are equal."""
    ((rows, below, equal),) = sample.rows(f"""
        SELECT count(*), count(*) FILTER (cost <= paid), count(*) FILTER (cost = paid) FROM (
            SELECT abs({sample.number_sql(name)}) AS cost, abs({paid}) AS paid FROM sample)
        WHERE cost IS NOT NULL AND paid > 0
    """)
    return int(rows), int(below), int(equal)


def find_category(sample: Sample, columns: Mapping[str, Candidate]) -> str | None:
    """The column of product categories: a few words by a known name."""
    taken = {each.column for each in columns.values()}
    return next(
        (
            each.column
            for each in candidates(sample, "category")
            if each.is_sure
            and each.column not in taken
            and _FEW_WORDS <= sample.distinct(each.column) <= _MANY_WORDS
        ),
        None,
    )
