"""Margins: what each order line leaves of its amount, by its own cost, by the rate of its category,
or else by the study's one rate; and what a customer's lines left on each day.

Margins are exact decimals of minor units, so that their sums depend on no order.
"""

from collections.abc import Iterator

from holdfast.findings import Finding, join_names
from holdfast.ingest import money, sql
from holdfast.ingest.money import convert_sql, currency_sign, minor_sql, number_problems, signs_of
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.validation import Part, ValidatedSource
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, Transactions
from holdfast.study.currencies import write_amount

FOREIGN_COST = "cost is in another currency than the amount"
MANY_AT_A_LOSS = 0.2
_RATE = "DECIMAL(12, 10)"
_MARGIN = "DECIMAL(38, 10)"
_BY_COST, _BY_CATEGORY, _BELOW_ZERO, _BY_STUDY = range(4)
"""What a line's margin comes from."""


def cost_part(source: OpenSource, study: Study, log: Transactions, *, gross: str, net: str) -> Part:
    """Read what a line cost, in minor units.

    Parameters
    ----------
    gross, net
        SQL of the line's amount before and after what was given back of it: the cost of the same
        share came back.
    """
    role = "cost" if log.columns.cost else "unit_cost"
    if (name := getattr(log.columns, role)) is None:
        return Part()
    field = source.column(name, role=role)
    exact = f"_{role}" if role == "cost" else "abs(_quantity) * _unit_cost"
    if log.columns.refunded:
        kept = f"CASE WHEN {gross} > 0 THEN CAST({net} AS DOUBLE) / CAST({gross} AS DOUBLE) END"
        exact = f"CAST(CAST({exact} AS DOUBLE) * coalesce({kept}, 1) AS {_MARGIN})"
    converts = study.conversion is not None and study.conversion.rates is not None
    digits = study.minor_digits if converts or log.amounts_in == "units" else 0
    minor = minor_sql(convert_sql(exact, study, log), digits)
    kind = _MARGIN if role == "cost" else "DECIMAL(20, 8)"
    problems = number_problems(role, field, source.decimal, needed=False)
    if field.is_text:
        sign = currency_sign(field)
        is_own_sign = (
            f"NOT _is_foreign AND {sign} IN {sql.literals(sorted(signs_of(study.currency)))}"
        )
        problems[FOREIGN_COST] = f"NOT coalesce({sign} IN ('', _sign) OR {is_own_sign}, true)"
    problems["cost is beyond 64-bit minor units"] = f"abs(_cost_minor) > {2**63 - 1}"
    read = {f"_{role}": money.amount(field, decimal=source.decimal, to=kind)}
    return Part(read, {"_cost_minor": minor}, problems)


def margin_layer(source: OpenSource, study: Study, log: Transactions) -> dict[str, str]:
    """What a line left, and what says so; nothing where the log says nothing of it."""
    columns = log.columns
    if not columns.has_margin:
        return {}
    rate, basis = f"CAST({study.value.margin_rate} AS {_RATE})", f"{_BY_STUDY}"
    layer = {}
    if columns.category:
        category = sql.identifier(source.column(columns.category, role="category"))
        layer["category"] = category
        rates = study.value.margin_by_category.items()
        cases = [(sql.literal(word.lower()), by) for word, by in rates]
        whens = " ".join(f"WHEN {word} THEN CAST({by} AS {_RATE})" for word, by in cases)
        rate = f"CASE lower({category}) {whens} ELSE {rate} END"
        categories = ", ".join(word for word, _ in cases)
        basis = (
            f"CASE WHEN lower({category}) IN ({categories}) THEN {_BY_CATEGORY} ELSE {basis} END"
        )
    margin = f"CAST(amount_minor * {rate} AS {_MARGIN})"
    if columns.cost or columns.unit_cost:
        # A return gives its cost back, whichever sign its line has.
        cost = "CASE WHEN is_return THEN -abs(_cost_minor) ELSE _cost_minor END"
        is_known = "_cost_minor IS NOT NULL AND (is_return OR _cost_minor >= 0)"
        margin = (
            f"CASE WHEN {is_known} THEN CAST(amount_minor - {cost} AS {_MARGIN}) ELSE {margin} END"
        )
        basis = f"""CASE WHEN {is_known} THEN {_BY_COST}
            WHEN _cost_minor < 0 THEN {_BELOW_ZERO} ELSE {basis} END"""
    return {**layer, "margin_minor": margin, "margin_basis": f"CAST({basis} AS UTINYINT)"}


def create_daily_margins(lines: ValidatedSource, study: Study, warehouse: Warehouse) -> None:
    """Create `daily_margins`: customer_id, day, bought_margin and returned_margin (minor units, the
    latter of what came back, mostly below 0).

    Of a log whose lines have no margin of their own it is its revenue times the study's rate.
    """
    if study.has_line_margins:
        warehouse.execute(f"""
            CREATE OR REPLACE TABLE daily_margins AS
            SELECT customer_id, day,
                coalesce(sum(margin_minor) FILTER (NOT is_return), 0) AS bought_margin,
                coalesce(sum(margin_minor) FILTER (is_return), 0) AS returned_margin
            FROM {lines.table} WHERE verdict = 0 GROUP BY ALL
        """)
        return
    rate = f"CAST({study.value.margin_rate} AS {_RATE})"
    warehouse.execute(f"""
        CREATE OR REPLACE VIEW daily_margins AS
        SELECT customer_id, day, CAST(gross_minor * {rate} AS {_MARGIN}) AS bought_margin,
            CAST(returns_minor * {rate} AS {_MARGIN}) AS returned_margin
        FROM activity
    """)


def describe_margins(
    lines: ValidatedSource, study: Study, warehouse: Warehouse
) -> Iterator[Finding]:
    """Say of how many lines, and of how much revenue, the margin is not known, or below zero."""
    assert study.transactions is not None
    if not study.transactions.columns.has_margin:
        return
    amount = f"coalesce(sum(amount_minor), 0) / {10.0**study.minor_digits}"
    seen = {
        basis: (count, write_amount(revenue, study.currency))
        for basis, count, revenue in warehouse.query(f"""
            SELECT margin_basis, count(*), {amount} FROM {lines.table}
            WHERE verdict = 0 GROUP BY ALL ORDER BY ALL
        """).iter_rows()
    }
    of = lines.rows.accepted
    for key, basis in (("margin-not-known", _BY_STUDY), ("cost-below-zero", _BELOW_ZERO)):
        if basis in seen:
            count, revenue = seen[basis]
            why = _unknown_categories(lines, study.transactions, warehouse)
            rate = study.value.margin_rate
            yield Finding.of(key, count=count, of=of, revenue=revenue, why=why, rate=rate)
    count, sales, revenue = warehouse.row(f"""
        SELECT count(*) FILTER (margin_minor < 0), count(*),
            coalesce(sum(amount_minor) FILTER (margin_minor < 0), 0) / {10.0**study.minor_digits}
        FROM {lines.table}
        WHERE verdict = 0 AND NOT is_return AND margin_basis = {_BY_COST}
    """)
    if count > MANY_AT_A_LOSS * sales:
        revenue = write_amount(revenue, study.currency)
        yield Finding.of("sold-at-a-loss", count=count, of=sales, revenue=revenue)


def _unknown_categories(lines: ValidatedSource, log: Transactions, warehouse: Warehouse) -> str:
    """The categories without a rate, those of most lines first."""
    if log.columns.category is None:
        return "no cost"
    rows = warehouse.query(f"""
        SELECT coalesce(category, 'none') FROM {lines.table}
        WHERE verdict = 0 AND margin_basis = {_BY_STUDY} GROUP BY 1 ORDER BY count(*) DESC, 1
    """)
    return f"a category without a rate ({join_names(rows.to_series().to_list())})"
