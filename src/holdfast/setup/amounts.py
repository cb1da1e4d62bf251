"""Amounts: of a line or of an order, in units or in cents, and the price where there is nothing
else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from holdfast.setup.column_roles import Candidate, is_in_minor_units
from holdfast.setup.file_sample import Sample

_MOST = 0.9
_FEW_ORDERS = 3
_CENT = 0.011
_FAR = 2


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What the amounts of a log are, and what speaks for it.

    Attributes
    ----------
    columns
        The columns by role, the price as the amount where there is no quantity.
    of, sure
        Whether an amount is a line's or an order's; False where only its repetition says so.
    contradicted
        How the amount differs from price x quantity, if it does by far.
    """

    columns: Mapping[str, Candidate]
    of: Literal["line", "order"]
    because: str
    sure: bool = True
    in_minor_units: bool = False
    contradicted: str = ""


def weigh_amounts(sample: Sample, columns: Mapping[str, Candidate]) -> Amounts:
    """Hold price x quantity against the amount, and the lines of an order against each other."""
    columns = _price_as_amount(columns)
    money = [columns[role].column for role in ("amount", "unit_price") if role in columns]
    of, because, sure = _grain(sample, columns)
    return Amounts(
        columns=columns,
        of=of,
        because=because,
        sure=sure,
        in_minor_units=any(is_in_minor_units(sample, name) for name in money),
        contradicted=_contradict(sample, columns) if of == "line" else "",
    )


def amount_sql(sample: Sample, columns: Mapping[str, Candidate]) -> str:
    """The amount of a row of the sample, as a number."""
    if "amount" in columns:
        return sample.number_sql(columns["amount"].column)
    if {"quantity", "unit_price"} <= set(columns):
        return _product_sql(sample, columns)
    return "CAST(NULL AS DOUBLE)"


def _price_as_amount(columns: Mapping[str, Candidate]) -> Mapping[str, Candidate]:
    if "unit_price" not in columns or {"amount", "quantity"} & set(columns):
        return columns
    price = replace(columns["unit_price"], role="amount")
    return {role: each for role, each in columns.items() if role != "unit_price"} | {
        "amount": price
    }


def _contradict(sample: Sample, columns: Mapping[str, Candidate]) -> str:
    """Say where the amount of most lines is not half to twice the price x quantity."""
    if not {"amount", "quantity", "unit_price"} <= set(columns):
        return ""
    amount, product = amount_sql(sample, columns), _product_sql(sample, columns)
    ((rows, near),) = sample.rows(f"""
        SELECT count(*), count(*) FILTER (
            abs(amount) BETWEEN abs(product) / {_FAR} AND abs(product) * {_FAR})
        FROM (SELECT {amount} AS amount, {product} AS product FROM sample)
        WHERE amount IS NOT NULL AND product <> 0
    """)
    far = int(rows) - int(near)
    return f"in {far:,} of {rows:,} rows it is far from price x quantity" if 2 * far > rows else ""


def _grain(
    sample: Sample, columns: Mapping[str, Candidate]
) -> tuple[Literal["line", "order"], str, bool]:
    if not {"order_id", "amount", "occurred_at"} <= set(columns):
        return "line", "", True
    many, on_first = _count_first_lines(sample, columns)
    if many and on_first >= _MOST * many:
        return "order", f"{on_first:,} of {many:,} orders have it on one line only", True
    many, repeated, add_up, by_line = _count_repeated(sample, columns)
    if by_line >= _MOST or many < _FEW_ORDERS or repeated < _MOST * many:
        fits = " and is price x quantity" if by_line >= _MOST else ""
        return "line", f"it differs from line to line{fits}" if many else "", True
    if add_up >= many / 2:
        return "order", f"price x quantity adds up to it in {add_up:,} of {many:,} orders", True
    return "order", f"{repeated:,} of {many:,} orders repeat it on every line", False


def _count_first_lines(sample: Sample, columns: Mapping[str, Candidate]) -> tuple[int, int]:
    """Orders of several lines, and those of them with an amount on one line only."""
    order, amount = (columns[role].column for role in ("order_id", "amount"))
    ((many, on_first),) = sample.rows(f"""
        SELECT count(*), count(*) FILTER (filled = 1) FROM (
            SELECT count({sample.text_sql(amount)}) AS filled
            FROM sample WHERE {sample.text_sql(order)} IS NOT NULL
            GROUP BY {sample.text_sql(order)} HAVING count(*) > 1)
    """)
    return int(many), int(on_first)


def _count_repeated(
    sample: Sample, columns: Mapping[str, Candidate]
) -> tuple[int, int, int, float]:
    """Orders of several lines at one moment, those with one amount throughout, those to which
    price x quantity adds up, and the share of their lines of which it is the amount.
    """
    order, when = (sample.text_sql(columns[role].column) for role in ("order_id", "occurred_at"))
    amount, product = sample.number_sql(columns["amount"].column), _product_sql(sample, columns)
    ((many, repeated, add_up, by_line),) = sample.rows(f"""
        SELECT count(*), count(*) FILTER (filled = n AND different = 1),
            count(*) FILTER (abs(added - highest) <= {_CENT} * n),
            coalesce(sum(agree) / sum(n), 0)
        FROM (
            SELECT count(*) AS n, count(amount) AS filled, count(DISTINCT amount) AS different,
                sum(product) AS added, max(amount) AS highest,
                count(*) FILTER (abs(product - amount) <= {_CENT}) AS agree
            FROM (
                SELECT {order} AS ordered, {when} AS moment, {amount} AS amount,
                    {product} AS product
                FROM sample)
            WHERE ordered IS NOT NULL GROUP BY ordered, moment HAVING count(*) > 1)
    """)
    return int(many), int(repeated), int(add_up), float(by_line)


def _product_sql(sample: Sample, columns: Mapping[str, Candidate]) -> str:
    if not {"quantity", "unit_price"} <= set(columns):
        return "CAST(NULL AS DOUBLE)"
    quantity, price = (columns[role].column for role in ("quantity", "unit_price"))
    return f"({sample.number_sql(quantity)} * {sample.number_sql(price)})"
