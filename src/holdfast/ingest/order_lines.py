"""Order lines: where an amount is the whole order's, it counts once, and what the order's other
lines leave blank is carried down to them.
"""

from dataclasses import replace

from holdfast.expressions import parse
from holdfast.ingest import sql
from holdfast.ingest.sources import OpenSource
from holdfast.study import Transactions

_OF_THE_LINE = ("order_id", "product_id", "quantity", "unit_price", "event_id")


def carry_over_lines(
    source: OpenSource, log: Transactions, currency: str | None = None
) -> tuple[OpenSource, list[dict[str, str]]]:
    """Return the source with the columns of the order carried over its lines, and the layers of
    SQL that carry them.

    Carried are the columns that the study reads, that of the `currency` too, but for those of the
    line itself. An order may be
    charged and refunded: the same amount counts once for each moment.
    """
    if log.amount_of == "line":
        return source, []
    roles = log.columns.model_dump(exclude_none=True)
    order = sql.identifier(source.column(roles["order_id"], role="order_id"))
    of_line = {roles[role] for role in _OF_THE_LINE if role in roles}
    names = [name for name in _columns_read(log, currency) if name not in of_line]
    fields = {name: source.column(name, role="an order's column") for name in names}
    carried = {
        name: sql.Field(f"_carried_{i}", field.type)
        for i, (name, field) in enumerate(fields.items())
    }
    carry = {carried[name].sql: _carry_sql(field, order) for name, field in fields.items()}
    amount, when = carried[roles["amount"]], carried[roles["occurred_at"]]
    once = f"""({order} IS NULL OR row_number() OVER (
        PARTITION BY {order}, {when.sql}, {amount.sql} ORDER BY _file, _row) = 1)"""
    count = {}
    for role in ("amount", "refunded", "cost"):
        if role in roles:
            field = carried[roles[role]]
            nothing = "'0'"
            if field.is_text:
                # Nothing in the same currency.
                nothing = f"regexp_replace({field.sql}, '[0-9]([0-9., '']*[0-9])?', '0')"
            count[f"_once_{role}"] = f"CASE WHEN {once} THEN {field.sql} ELSE {nothing} END"
            carried[roles[role]] = replace(field, sql=f"_once_{role}")
    return replace(source, fields={**source.fields, **carried}), [carry, count]


def _columns_read(log: Transactions, currency: str | None) -> list[str]:
    """The columns that have a role, that a rule of the log reads, or that name the currency."""
    rules = [*log.set_aside.values(), *([log.returns.when] if log.returns.when else [])]
    read = [name for rule in rules for name in parse(rule).columns]
    read += [currency] if currency else []
    return list(dict.fromkeys([*log.columns.model_dump(exclude_none=True).values(), *read]))


def _carry_sql(field: sql.Field, order: str) -> str:
    filled = f"CASE WHEN NOT {sql.blank(field)} THEN {field.sql} END"
    above = f"last_value({filled} IGNORE NULLS) OVER (PARTITION BY {order} ORDER BY _file, _row)"
    return f"CASE WHEN {order} IS NULL THEN {field.sql} ELSE {above} END"
