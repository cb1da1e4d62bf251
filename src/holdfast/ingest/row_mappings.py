"""How the rows of the order log, the events and the treatments are read: one `RowMapping` each."""

from holdfast.errors import DataError, StudyError
from holdfast.ingest import money, sql
from holdfast.ingest.door import ERASED
from holdfast.ingest.margins import cost_part, margin_layer
from holdfast.ingest.money import (
    FOREIGN,
    NO_RATE,
    conversion_part,
    convert_sql,
    currency_column,
    minor_sql,
    number_problems,
    rate_layer,
)
from holdfast.ingest.order_lines import carry_over_lines
from holdfast.ingest.rules import RuleReader
from holdfast.ingest.sources import OpenSource
from holdfast.ingest.timestamps import (
    RANGE,
    day_sql,
    form_sql,
    in_range,
    local_time_sql,
    utc_sql,
)
from holdfast.ingest.validation import (
    DUPLICATE,
    REPEATED,
    STRAY,
    Part,
    RowMapping,
    ValidatedSource,
)
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study, Transactions
from holdfast.study.sources import TreatmentColumns
from holdfast.windows import parse_day

LARGEST_MINOR = 2**63 - 1
_IS_BACK = "_returned OR _negative"
# A return lowers what was bought, whichever sign its line has.
_SIGNED = {
    "is_return": _IS_BACK,
    "quantity": f"CAST(CASE WHEN {_IS_BACK} THEN -abs(_quantity) ELSE _quantity END AS DOUBLE)",
    "amount_minor": f"TRY_CAST(CASE WHEN {_IS_BACK} THEN -abs(_minor) ELSE _minor END AS BIGINT)",
}
_MONEY_TYPES = {
    "quantity": "DECIMAL(18, 6)",
    "unit_price": "DECIMAL(20, 8)",
    "amount": "DECIMAL(38, 10)",
    "refunded": "DECIMAL(38, 10)",
}
NO_CUSTOMER = "no customer"
NO_PRICE = "price is zero or less"
NO_QUANTITY = "quantity is zero"
EARLY = "before transactions.first_day"
LATE = "after transactions.last_day"
WITHOUT_CUSTOMER = {NO_CUSTOMER: "customer_id IS NULL"}


def transaction_mapping(source: OpenSource, study: Study) -> RowMapping:
    """Read order lines: who, when, what, how much, and whether it came back.

    `amount` wins over quantity x unit_price. A line of amount zero is a purchase when the log gives
    the amount itself (a sample, a voucher: CDNOW has 80); where the amount is a product, a price or
    a quantity of zero bought nothing.
    """
    log = study.transactions
    assert log is not None
    source, carried = carry_over_lines(source, log, currency_column(study))
    rules = RuleReader(source, log.columns.model_dump(exclude_none=True), study.time_zone)
    part = customer_part(source, log.columns.customer_id) | _line_part(source, log, rules)
    part |= time_part(source, study, log.columns.occurred_at)
    part |= identity_part(source, log.columns.event_id)
    worth, converted = _money_part(source, study, log), conversion_part(source, study, log)
    layers = [
        {**part.read, **worth.read, **converted.read},
        {**part.derived, **converted.derived},
        rate_layer(study),
        worth.derived,
        _SIGNED,
        margin_layer(source, study, log),
    ]
    return RowMapping(
        layers=[*carried, *filter(None, layers)],
        quarantine={**part.problems, **worth.problems},
        set_aside={
            **_set_aside(rules, log),
            **WITHOUT_CUSTOMER,
            **converted.problems,
            **_bought_nothing(log),
            **_outside_bounds(log),
        },
        compared=_columns_to_compare(source, log),
        open_start=log.first_day is None,
        open_end=log.last_day is None,
        identified=log.columns.event_id is not None,
    )


def event_mapping(source: OpenSource, study: Study) -> RowMapping:
    """Read events: who, when, which of Holdfast's kinds, how many."""
    log = study.events
    assert log is not None
    columns = log.columns
    part = customer_part(source, columns.customer_id)
    part |= time_part(source, study, columns.occurred_at)
    part |= identity_part(source, columns.event_id)
    kind = sql.identifier(source.column(columns.kind, role="kind"))
    cases = " ".join(
        f"WHEN {sql.literal(word)} THEN {sql.literal(to)}" for word, to in log.kinds.items()
    )
    part |= Part({"kind": f"CASE {kind} {cases} END", "n": "CAST(1 AS BIGINT)"})
    if columns.n is not None:
        n = source.column(columns.n, role="n")
        not_a_count = "coalesce(n < 0 OR n <> floor(n) OR n > 1e15, true)"
        problems = {"n is missing": sql.blank(n), "n is not a whole number >= 0": not_a_count}
        part |= Part({"n": sql.number(n, decimal=source.decimal)}, {}, problems)
    return RowMapping(
        layers=[part.read, part.derived],
        quarantine=part.problems,
        set_aside={**WITHOUT_CUSTOMER, "kind is not in [events.kinds]": "kind IS NULL"},
        identified=columns.event_id is not None,
    )


def treatment_mapping(source: OpenSource, study: Study) -> RowMapping:
    """Read treatments: who, when, which campaign, treated or held out, how likely, at what cost;
    which offer, what the draw said, whether the message arrived, whether the offer was taken up,
    and who was drawn together.
    """
    assert study.treatments is not None
    columns = study.treatments.columns
    part = customer_part(source, columns.customer_id)
    part |= time_part(source, study, columns.occurred_at)
    part |= identity_part(source, columns.event_id)
    part |= Part(
        {
            "campaign": sql.identifier(source.column(columns.campaign, role="campaign")),
            "treated": sql.yes_no(source.column(columns.treated, role="treated")),
            "propensity": sql.null("DOUBLE"),
            "cost_minor": sql.null("HUGEINT"),
        },
        {},
        {
            "campaign is missing": "campaign IS NULL",
            "treated is not yes or no": "treated IS NULL",
        },
    )
    if columns.propensity is not None:
        column = source.column(columns.propensity, role="propensity")
        bad = _out_of_bounds(column, "propensity", 1)
        number = sql.number(column, decimal=source.decimal)
        part |= Part({"propensity": number}, {}, {"propensity is not a number in 0..1": bad})
    if columns.cost is not None:
        column = source.column(columns.cost, role="cost")
        bad = _out_of_bounds(column, "cost_minor", LARGEST_MINOR)
        exact = money.amount(column, decimal=source.decimal, to="DECIMAL(38, 10)")
        cost = {"cost_minor": minor_sql(exact, study.minor_digits)}
        part |= Part(cost, {}, {"cost is not an amount >= 0": bad})
    part |= _arm_part(source, columns)
    return RowMapping(
        layers=[part.read, part.derived],
        quarantine=part.problems,
        set_aside=WITHOUT_CUSTOMER,
        identified=columns.event_id is not None,
    )


def _arm_part(source: OpenSource, columns: TreatmentColumns) -> Part:
    """Read what tells an offer, the draw, the delivery and the acceptance apart; NULL where the
    source does not.
    """
    names = (("offer", columns.offer), ("cluster", columns.cluster))
    part = Part({role: sql.null("VARCHAR") for role, _ in names})
    for role, name in names:
        if name is not None:
            part |= Part({role: sql.identifier(source.column(name, role=role))})
    for role in ("assigned", "delivered", "accepted"):
        name = getattr(columns, role)
        if name is None:
            part |= Part({role: sql.null("BOOLEAN")})
            continue
        column = source.column(name, role=role)
        bad = f"NOT {sql.blank(column)} AND {role} IS NULL"
        part |= Part({role: sql.yes_no(column)}, {}, {f"{role} is not yes or no": bad})
    return part


def customer_part(source: OpenSource, column: str) -> Part:
    """Read `customer_id` (NULL where there is none) and `trimmed` (blanks around it were
    removed).
    """
    shown = source.column(column, role="customer_id")
    name = sql.identifier(shown)
    return Part({"customer_id": name, "trimmed": f"coalesce({sql.text(shown)} <> {name}, false)"})


def identity_part(source: OpenSource, column: str | None) -> Part:
    """Read `event_id`, if the source has one; a row without its own could not be told apart."""
    if column is None:
        return Part()
    name = sql.identifier(source.column(column, role="event_id"))
    return Part({"event_id": name}, {}, {"event_id is missing": "event_id IS NULL"})


def time_part(source: OpenSource, study: Study, column: str, *, role: str = "occurred_at") -> Part:
    """Read `day` and `occurred_at` from a column of times."""
    time = local_time_sql(source, column, role=role, zone=study.time_zone)
    day, utc = day_sql("_local"), utc_sql("_local", study.time_zone)
    field = source.column(column, role=role)
    form = {} if source.iso_times else {"date_form": form_sql(field, source.timestamp_format)}
    return Part(
        {"_local": time, **form},
        {"day": day, "occurred_at": f"CASE WHEN {in_range(day)} THEN {utc} END"},
        {
            f"{role} is missing": sql.blank(field),
            f"{role} is not a date": "_local IS NULL",
            f"{role} is outside {RANGE}": f"NOT (isfinite(_local) AND {in_range('day')})",
        },
    )


def _money_part(source: OpenSource, study: Study, log: Transactions) -> Part:
    """Read quantity and amount, less what was given back of it, in minor units and exact."""
    columns = log.columns
    names = {role: getattr(columns, role) for role in _MONEY_TYPES}
    fields = {role: source.column(name, role=role) for role, name in names.items() if name}
    read = {
        f"_{role}": money.amount(fields[role], decimal=source.decimal, to=kind)
        if role in fields
        else sql.null(kind)
        for role, kind in _MONEY_TYPES.items()
    }
    exact, needed = "CAST(0 AS DECIMAL(38, 10))", list[str]()
    if columns.amount:
        exact, needed = "_amount", ["amount"]
    elif columns.is_priced_by_unit:
        exact, needed = "_quantity * _unit_price", ["quantity", "unit_price"]
    problems: dict[str, str] = {}
    for role, column in fields.items():
        problems |= number_problems(role, column, source.decimal, needed=role in needed)
    gross = exact
    if columns.refunded:
        exact = f"greatest({exact} - abs(coalesce(_refunded, 0)), least({exact}, 0))"
    cost = cost_part(source, study, log, gross=gross, net=exact)
    digits = 0 if log.amounts_in == "minor" else study.minor_digits
    if study.conversion is not None and study.conversion.rates is not None:
        exact, digits = convert_sql(exact, study, log), study.minor_digits
    # What is missing or no number is told before.
    problems["amount is beyond 64-bit minor units"] = (
        f"coalesce(abs(_minor) > {LARGEST_MINOR}, true)"
    )
    worth = {"_minor": minor_sql(exact, digits), "_negative": f"coalesce({exact} < 0, false)"}
    return Part(read, worth, problems) | cost


def _out_of_bounds(column: sql.Field, name: str, most: int) -> str:
    return f"NOT {sql.blank(column)} AND coalesce({name} NOT BETWEEN 0 AND {most}, true)"


def _line_part(source: OpenSource, log: Transactions, rules: RuleReader) -> Part:
    """Read `order_id`, `product_id` (NULL where the log has none) and whether a rule says that it
    came back.
    """
    ids = {"order_id": log.columns.order_id, "product_id": log.columns.product_id}
    read = {
        role: sql.identifier(source.column(name, role=role)) if name else sql.null("VARCHAR")
        for role, name in ids.items()
    }
    rule, where = log.returns.when, "transactions.returns.when"
    return Part({**read, "_returned": rules.condition_sql(rule, where=where) if rule else "false"})


def _bought_nothing(log: Transactions) -> dict[str, str]:
    columns = log.columns
    if log.amount_of == "order":
        # A gift on the line that carries the order's amount takes nothing from the order.
        return {}
    nothing = {NO_PRICE: "_unit_price <= 0"} if columns.unit_price else {}
    return nothing | ({NO_QUANTITY: "_quantity = 0"} if columns.is_priced_by_unit else {})


def _outside_bounds(log: Transactions) -> dict[str, str]:
    bounds = ((EARLY, "<", log.first_day), (LATE, ">", log.last_day))
    return {reason: f"day {sign} {parse_day(day)}" for reason, sign, day in bounds if day}


def _columns_to_compare(source: OpenSource, log: Transactions) -> list[sql.Field]:
    if log.exact_duplicates == "keep":
        return []
    ignored = {source.column(name, role="provenance").sql for name in log.provenance}
    return [column for column in source.fields.values() if column.sql not in ignored]


_RESERVED = (
    NO_CUSTOMER, NO_PRICE, NO_QUANTITY, DUPLICATE, STRAY, REPEATED, EARLY, LATE, ERASED, FOREIGN,
    NO_RATE,
)  # fmt: skip


def _set_aside(rules: RuleReader, log: Transactions) -> dict[str, str]:
    """Reason -> condition, of the study's own rules. One that is named like a reason of Holdfast
    would hide which of the two it was.
    """
    for reason in log.set_aside:
        if reason in _RESERVED:
            problem = f"[transactions.set_aside] has a rule named {reason!r}"
            raise StudyError(problem, fix="Holdfast uses that name: rename")
    return {
        reason: rules.condition_sql(rule, where=f"[transactions.set_aside] {reason!r}")
        for reason, rule in log.set_aside.items()
    }


def refuse_without_sale(source: ValidatedSource, log: Transactions, warehouse: Warehouse) -> None:
    """Refuse a log of which no line is a sale: most likely it writes its amounts the other way
    round.

    Raises
    ------
    DataError
        Every price is zero or less, or every line that was accepted is a return.
    """
    columns, priced = log.columns, source.reasons.get(NO_PRICE, 0)
    if 2 * priced > source.rows.read and not source.rows.accepted:
        raise DataError(
            f"the column '{columns.unit_price}' (unit_price) is zero or less in all {priced:,} "
            "lines with a customer",
            fix="a sale has a price above zero, and a return a quantity below: turn the sign "
            "around in the source, or map another column",
            column=columns.unit_price,
        )
    lines, none_sold = warehouse.row(
        f"SELECT count(*), bool_and(is_return) FROM {source.table} WHERE verdict = 0"
    )
    if not none_sold:
        return
    product = f"'{columns.quantity}' x '{columns.unit_price}'"
    amounts = f"'{columns.amount}'" if columns.amount else product
    why = [f"{amounts} is below zero"] if columns.has_amount else []
    fix = "a sale has an amount above zero, a return one below: turn the sign around in the source"
    if log.returns.when:
        why.append("transactions.returns.when holds")
        fix += ", or correct transactions.returns.when"
    raise DataError(
        f"all {lines:,} lines are returns, and nothing was sold: {' or '.join(why)} in each",
        fix=fix,
        lines=lines,
    )
