"""How the rows of the order log, the events, the customers and the treatments are read: one
`RowMapping` each.
"""

from holdfast.errors import DataError, StudyError
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.sql import Field, number_sql, text_sql
from holdfast.ingest.timestamps import RANGE, blank_sql, in_range, moment
from holdfast.ingest.validation import (
    DUPLICATE,
    STRAY,
    RowMapping,
    ValidatedSource,
    checked_expression,
    literal,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import Events, Study, Transactions, Treatments
from holdfast.windows import parse_day

BLANKS = " \t\r\n\u00a0"
LARGEST_MINOR = 2**63 - 1
# A return lowers what was bought, whichever sign its line has.
_SIGNED = {
    "is_return": "_returned OR _negative",
    "quantity": "CAST(CASE WHEN _returned OR _negative THEN -abs(_quantity) ELSE _quantity END AS "
    "DOUBLE)",
    "amount_minor": "TRY_CAST(CASE WHEN _returned OR _negative THEN -abs(_minor) ELSE _minor END "
    "AS BIGINT)",
}
NO_CUSTOMER = "no customer"
NO_PRICE = "price is zero or less"
NO_QUANTITY = "quantity is zero"
EARLY = "before transactions.first_day"
LATE = "after transactions.last_day"
Parts = tuple[dict[str, str], dict[str, str], dict[str, str]]
_YES = ("true", "t", "yes", "y", "1", "1.0")
_NO = ("false", "f", "no", "n", "0", "0.0")


def transaction_mapping(source: OpenSource, study: Study, log: Transactions) -> RowMapping:
    """Read order lines: who, when, what, how much, and whether it came back.

    `amount` wins over quantity x unit_price. A line of amount zero is a purchase when the log gives
    the amount itself (a sample, a voucher: CDNOW has 80); where the amount is a product, a price or
    a quantity of zero bought nothing.
    """
    who = customer_sql(source, log.columns.customer_id)
    when = when_parts(source, study, log.columns.occurred_at, log.csv.timestamp_format)
    money, nothing = _money(source, study, log)
    _check_reasons(log)
    rules = {
        reason: _holds(rule, source, where=f"[transactions.set_aside] {reason!r}")
        for reason, rule in log.set_aside.items()
    }
    named = {
        name: identifier_sql(source.column(column, role=name))
        if column
        else "CAST(NULL AS VARCHAR)"
        for name, column in (
            ("order_id", log.columns.order_id),
            ("product_id", log.columns.product_id),
        )
    }
    returned = (
        _holds(log.returns.when, source, where="transactions.returns.when")
        if log.returns.when
        else "false"
    )
    return RowMapping(
        layers=[
            {**who, **named, **when[0], **money[0], "_returned": returned},
            {**when[1], **money[1]},
            _SIGNED,
        ],
        quarantine={**when[2], **money[2]},
        set_aside={**rules, NO_CUSTOMER: "customer_id IS NULL", **nothing, **_outside(log)},
        compared=_compared(source, log),
        open_start=log.first_day is None,
        open_end=log.last_day is None,
    )


def event_mapping(source: OpenSource, study: Study, log: Events) -> RowMapping:
    """Read events: who, when, which of Holdfast's kinds, how many."""
    when = when_parts(source, study, log.columns.occurred_at, log.csv.timestamp_format)
    kind = source.column(log.columns.kind, role="kind")
    cases = " ".join(
        f"WHEN {literal(word)} THEN {literal(ours)}" for word, ours in log.kinds.items()
    )
    count, problems = "CAST(1 AS BIGINT)", {}
    if log.columns.n is not None:
        n = source.column(log.columns.n, role="n")
        count = number_sql(n, decimal=source.decimal)
        problems = {"n is missing": blank_sql(n), "n is not a whole number >= 0": _not_a_count("n")}
    return RowMapping(
        layers=[
            {
                **customer_sql(source, log.columns.customer_id),
                **when[0],
                "kind": f"CASE {identifier_sql(kind)} {cases} END",
                "n": count,
            },
            when[1],
        ],
        quarantine={**when[2], **problems},
        set_aside={
            NO_CUSTOMER: "customer_id IS NULL",
            "kind is not in [events.kinds]": "kind IS NULL",
        },
    )


def treatment_mapping(source: OpenSource, study: Study, log: Treatments) -> RowMapping:
    """Read treatments: who, when, which campaign, treated or held out, how likely, at what cost."""
    columns, decimal = log.columns, source.decimal
    when = when_parts(source, study, columns.occurred_at, log.csv.timestamp_format)
    treated = source.column(columns.treated, role="treated")
    values = {
        **customer_sql(source, columns.customer_id),
        **when[0],
        "campaign": identifier_sql(source.column(columns.campaign, role="campaign")),
        "treated": yes_no_sql(treated),
        "propensity": "CAST(NULL AS DOUBLE)",
        "cost_minor": "CAST(NULL AS HUGEINT)",
    }
    problems = {
        "campaign is missing": "campaign IS NULL",
        "treated is not yes or no": "treated IS NULL",
    }
    if columns.propensity is not None:
        found = source.column(columns.propensity, role="propensity")
        values["propensity"] = number_sql(found, decimal=decimal)
        bad = f"NOT {blank_sql(found)} AND coalesce(propensity NOT BETWEEN 0 AND 1, true)"
        problems["propensity is not a number in 0..1"] = bad
    if columns.cost is not None:
        found = source.column(columns.cost, role="cost")
        values["cost_minor"] = _minor(
            number_sql(found, decimal=decimal, to="DECIMAL(38, 10)"), study
        )
        bad = (
            f"NOT {blank_sql(found)} AND coalesce(cost_minor NOT BETWEEN 0 AND {LARGEST_MINOR}, "
            "true)"
        )
        problems["cost is not an amount >= 0"] = bad
    return RowMapping(
        layers=[values, when[1]],
        quarantine={**when[2], **problems},
        set_aside={NO_CUSTOMER: "customer_id IS NULL"},
    )


def identifier_sql(column: Field) -> str:
    """An id as the source shows it, blanks around it removed; NULL where nothing is left."""
    shown = text_sql(column)
    # Trimming a set of characters is slow, and few cells have any of them.
    blanks = " OR ".join(f"contains({shown}, {literal(blank)})" for blank in BLANKS)
    return f"nullif(CASE WHEN {blanks} THEN trim({shown}, {literal(BLANKS)}) ELSE {shown} END, '')"


def yes_no_sql(column: Field) -> str:
    """A yes or no, however it is written; NULL where it is neither."""
    if column.type == "BOOLEAN":
        return column.sql
    word = f"lower({identifier_sql(column)})"
    return (
        f"CASE WHEN {word} IN {_words(_YES)} THEN true WHEN {word} IN {_words(_NO)} THEN false END"
    )


def _words(words: tuple[str, ...]) -> str:
    return f"({', '.join(map(literal, words))})"


def customer_sql(source: OpenSource, column: str) -> dict[str, str]:
    """Return the columns `customer_id` (NULL where there is none) and `trimmed` (blanks around it
    were removed).
    """
    found = source.column(column, role="customer_id")
    shown = text_sql(found)
    name = identifier_sql(found)
    return {"customer_id": name, "trimmed": f"coalesce({shown} <> {name}, false)"}


def when_parts(
    source: OpenSource,
    study: Study,
    column: str,
    timestamp_format: str | None,
    *,
    role: str = "occurred_at",
) -> Parts:
    """Return two layers that end in `day` and `occurred_at`, and what can be wrong with them."""
    read = moment(
        source, column, role=role, zone=study.time_zone, timestamp_format=timestamp_format
    )
    day = read.day("_local")
    found = {"day": day, "occurred_at": f"CASE WHEN {in_range(day)} THEN {read.utc('_local')} END"}
    problems = {
        f"{role} is missing": read.blank,
        f"{role} is not a date": "_local IS NULL",
        f"{role} is outside {RANGE}": f"NOT (isfinite(_local) AND {in_range('day')})",
    }
    return {"_local": read.local}, found, problems


def _money(source: OpenSource, study: Study, log: Transactions) -> tuple[Parts, dict[str, str]]:
    """Return two layers of quantity and amount with what can be wrong with them, and what bought
    nothing.
    """
    columns, decimal = log.columns, source.decimal
    roles = {
        "quantity": columns.quantity,
        "unit_price": columns.unit_price,
        "amount": columns.amount,
    }
    found = {
        role: source.column(name, role=role) for role, name in roles.items() if name is not None
    }
    types = {
        "quantity": "DECIMAL(18, 6)",
        "unit_price": "DECIMAL(20, 8)",
        "amount": "DECIMAL(38, 10)",
    }
    values = {
        f"_{role}": number_sql(found[role], decimal=decimal, to=kind)
        if role in found
        else f"CAST(NULL AS {kind})"
        for role, kind in types.items()
    }
    product = "amount" not in found and {"quantity", "unit_price"} <= set(found)
    needed = {"amount"} if "amount" in found else {"quantity", "unit_price"} if product else set()
    problems: dict[str, str] = {}
    for role, field in found.items():
        problems |= _number_problems(role, field, decimal, needed=role in needed)
    exact = (
        "_quantity * _unit_price"
        if product
        else "_amount"
        if "amount" in found
        else "CAST(0 AS DECIMAL(38, 10))"
    )
    worth = {"_minor": _minor(exact, study), "_negative": f"coalesce({exact} < 0, false)"}
    problems["amount is beyond 64-bit minor units"] = f"abs(_minor) > {LARGEST_MINOR}"
    nothing = {NO_PRICE: "_unit_price <= 0"} if "unit_price" in found else {}
    if product:
        nothing[NO_QUANTITY] = "_quantity = 0"
    return (values, worth, problems), nothing


def _number_problems(role: str, field: Field, decimal: str, *, needed: bool) -> dict[str, str]:
    blank = blank_sql(field)
    problems = {f"{role} is missing": blank} if needed else {}
    lacking = f"_{role} IS NULL AND NOT {blank}"
    finite = number_sql(field, decimal=decimal)
    problems[f"{role} is not a number"] = f"{lacking} AND {finite} IS NULL"
    problems[f"{role} is too large"] = lacking
    return problems


def _minor(exact: str, study: Study) -> str:
    # round() of a decimal goes half away from zero, and a decimal of minor_digits places times its
    # power is whole.
    return f"CAST(round({exact}, {study.minor_digits}) * {10**study.minor_digits} AS HUGEINT)"


def _not_a_count(name: str) -> str:
    return f"coalesce({name} < 0 OR {name} <> floor({name}) OR {name} > 1e15, true)"


def _holds(rule: str, source: OpenSource, *, where: str) -> str:
    sql = checked_expression(rule, source.fields, decimal=source.decimal, where=where)
    return f"coalesce(TRY_CAST({sql} AS BOOLEAN), false)"


def _check_reasons(log: Transactions) -> None:
    """A rule that is named like a reason of Holdfast would hide which of the two it was."""
    for reason in log.set_aside:
        if reason in (NO_CUSTOMER, NO_PRICE, NO_QUANTITY, DUPLICATE, STRAY, EARLY, LATE):
            raise StudyError(
                f"[transactions.set_aside] has a rule named {reason!r}",
                fix="Holdfast uses that name: rename",
            )


def refuse_without_sale(
    validated: ValidatedSource, log: Transactions, warehouse: Warehouse
) -> None:
    """Refuse a log of which no line is a sale: most likely it writes its amounts the other way
    round.

    Raises
    ------
    DataError
        Every price is zero or less, or every line that was accepted is a return.
    """
    columns, priced = log.columns, validated.reasons.get(NO_PRICE, 0)
    if 2 * priced > validated.rows.read and not validated.rows.accepted:
        raise DataError(
            f"the column '{columns.unit_price}' (unit_price) is zero or less in all {priced:,} "
            "lines with a customer",
            fix="a sale has a price above zero, and a return a quantity below: turn the sign "
            "around in the source, or "
            "map another column",
            column=columns.unit_price,
        )
    lines, none_sold = warehouse.row(
        f"SELECT count(*), bool_and(is_return) FROM {validated.table} WHERE verdict = 0"
    )
    if not none_sold:
        return
    amounts = (
        f"'{columns.amount}'"
        if columns.amount
        else f"'{columns.quantity}' x '{columns.unit_price}'"
    )
    why = [f"{amounts} is below zero"] if has_amount(log) else []
    why += ["transactions.returns.when holds"] if log.returns.when else []
    raise DataError(
        f"all {lines:,} lines are returns, and nothing was sold: {' or '.join(why)} in each",
        fix="a sale has an amount above zero, a return one below: turn the sign around in the "
        "source" + (", or correct transactions.returns.when" if log.returns.when else ""),
        lines=lines,
    )


def _outside(log: Transactions) -> dict[str, str]:
    bounds = ((EARLY, "<", log.first_day), (LATE, ">", log.last_day))
    return {
        reason: f"day {sign} {parse_day(day)}" for reason, sign, day in bounds if day is not None
    }


def _compared(source: OpenSource, log: Transactions) -> list[Field]:
    if log.exact_duplicates == "keep":
        return []
    ignored = {source.column(name, role="provenance").sql for name in log.provenance}
    return [column for column in source.fields.values() if column.sql not in ignored]


def has_amount(log: Transactions) -> bool:
    """Whether the lines of the log are worth anything."""
    columns = log.columns
    return columns.amount is not None or (
        columns.quantity is not None and columns.unit_price is not None
    )
