"""A study of an order log, from a look at its rows."""

import re
from collections.abc import Mapping

from holdfast.errors import DataError
from holdfast.expressions import quote
from holdfast.ingest import sql
from holdfast.ingest.timestamps import EXCEL, describe_forms
from holdfast.setup.amounts import Amounts, weigh_amounts
from holdfast.setup.column_evidence import speaks_for
from holdfast.setup.column_roles import (
    LOG_ROLES,
    Candidate,
    find_misnamed,
    log_columns,
    names_role,
    runner_up,
)
from holdfast.setup.currency import NO_CURRENCY, RATES_HINT, Currency, find_currency
from holdfast.setup.duplicates import weigh_duplicates
from holdfast.setup.file_sample import Sample
from holdfast.setup.horizons import (
    HISTORY,
    UNKNOWN,
    Horizons,
    candidate_lengths,
    churn_horizon,
    find_lacks,
    horizons_for,
)
from holdfast.setup.line_costs import find_category, find_cost
from holdfast.setup.row_rules import count_partly_refunded, find_rules
from holdfast.setup.study_writer import Draft, to_toml
from holdfast.study import Csv
from holdfast.study.currencies import minor_digits

_PREFIX = "transactions.columns."
_MOSTLY = 0.9
_READABLE = 0.99
_HOLDS = {
    "customer_id": "ids",
    "occurred_at": "dates in nearly all rows",
    "churned": "two outcomes",
}


def log_study(draft: Draft, sample: Sample, *, path: str | None, csv: Csv | None) -> None:
    """Propose a study of an order log.

    Raises
    ------
    DataError
        No column names the customer, or none says when.
    """
    given = {
        key.removeprefix(_PREFIX): name
        for key, name in draft.given.items()
        if key.startswith(_PREFIX)
    }
    columns = log_columns(sample, given)
    customer = require(
        columns.get("customer_id"), f"{_PREFIX}customer_id", "names the customer", sample
    )
    when = require(columns.get("occurred_at"), f"{_PREFIX}occurred_at", "says when", sample)
    formats = sample.time_formats(when) if when in sample.names else []
    chosen = min(formats, key=lambda each: sample.descents(when, each)) if formats else None
    is_known = set(sample.names) >= {each.column for each in columns.values()}
    amounts = (
        weigh_amounts(sample, columns)
        if is_known
        else Amounts(columns=columns, of="line", because="")
    )
    currency = find_currency(sample, amounts.columns) if is_known else NO_CURRENCY
    describe_business(draft, currency)
    horizons, why = _horizons(sample, when, chosen)
    draft.put("horizons_days", horizons.days, why, sure=sample.complete)
    if currency.is_one_of_several:
        draft.section("currency")
        draft.put("column", currency.column, "names the currency of each row", sure=False)
        draft.comment(RATES_HINT)
    draft.section("transactions")
    draft.put("path", path, "the file")
    if is_known:
        duplicates = weigh_duplicates(sample, amounts.columns, chosen)
        draft.put("exact_duplicates", duplicates.value, duplicates.because, sure=duplicates.sure)
    _units(draft, amounts)
    draft.section("transactions.csv")
    if csv is not None:
        describe_csv(draft, csv, "transactions")
    others = ", ".join(str(each) for each in formats if each != chosen)
    why = f"reads every date; {others} would do too" if others else "reads every date"
    draft.put("timestamp_format", chosen, why, sure=not others)
    _columns(draft, sample, amounts, chosen)
    if is_known:
        _rules(draft, sample, amounts, chosen)
    _targets(draft, sample, horizons, customer, when, chosen)
    if is_known and (category := find_category(sample, columns)):
        draft.section("value")
        draft.comment(
            f"'{category}' has categories: where their margins differ, set "
            "transactions.columns.category and write [value.margin_by_category]"
        )


def require(chosen: Candidate | str | None, key: str, meaning: str, sample: Sample) -> str:
    """Return the column of a role that a study cannot do without.

    Raises
    ------
    DataError
        There is none; the message says what the nearest one lacks.
    """
    if chosen:
        return chosen if isinstance(chosen, str) else chosen.column
    role = key.rpartition(".")[2]
    near = find_misnamed(sample, role)
    if near is None:
        raise DataError(
            f"no column of the file {meaning} by its name; it has {', '.join(sample.names)}",
            fix=f"give {key}",
            key=key,
        )
    raise DataError(
        f"'{near}' is named so, but {_disagreement(sample, near, role)}",
        fix=f"correct its cells, or give another with --set {key}=COLUMN",
        key=key,
    )


def describe_business(draft: Draft, currency: Currency = NO_CURRENCY) -> None:
    """Put the currency, and what no file says."""
    draft.put("currency", currency.code, currency.because, sure=currency.sure)
    digits = minor_digits(draft.given.get("study.currency", currency.code))
    draft.put("minor_digits", None if digits == 2 else digits, "as the currency has")
    draft.put("time_zone", "UTC", "of the business; the file does not say", sure=False)


def describe_csv(draft: Draft, csv: Csv, kind: str) -> None:
    """Put how the text is written."""
    draft.section(f"{kind}.csv")
    if "encoding" in csv.model_fields_set:
        latin = csv.encoding == "latin-1"
        because = "the bytes are no UTF-8" if latin else "so the bytes read"
        draft.put("encoding", csv.encoding, because, sure=not latin)
        draft.put("delimiter", csv.delimiter, "gives every row the header's number of cells")
    if csv.quote != '"':
        draft.put("quote", csv.quote, "stands around cells")
    if csv.skip_lines:
        draft.put("skip_lines", csv.skip_lines, "a title stands above the header")
    draft.put("decimal", csv.decimal, "as the numbers have it")


def _horizons(sample: Sample, when: str, timestamp_format: str | None) -> tuple[Horizons, str]:
    """The horizons that the log carries, and why."""
    if not sample.complete or when not in sample.names:
        return UNKNOWN, "as far as the log goes; only its beginning was looked at"
    days = sample.days(when, timestamp_format) + 1
    return horizons_for(days), f"the log spans {days} days"


def _disagreement(sample: Sample, name: str, role: str) -> str:
    """How the content of a column disagrees with its name."""
    if role == "customer_id" and sample.distinct(name) == 1:
        return "it holds one customer only: there is nobody to tell apart"
    best = sample.count_dates(name) if role == "occurred_at" else ()
    if best:
        ways = " or ".join(f"{n:,} by {each}" for each, n in best)
        return f"no one format reads nearly all of its {sample.count_filled(name):,} dates: {ways}"
    values = sample.values(name)[:3]
    shown = ", ".join(value if len(value) <= 30 else f"{value[:29]}…" for value in values)
    return f"it does not hold {_HOLDS[role]}; its commonest are {shown}" if shown else "it is empty"


def _units(draft: Draft, amounts: Amounts) -> None:
    if amounts.of == "order":
        draft.put("amount_of", "order", amounts.because, sure=amounts.sure)
    if amounts.in_minor_units:
        draft.put("amounts_in", "minor", "its name says cents, and they are whole", sure=False)


def _columns(
    draft: Draft,
    sample: Sample,
    amounts: Amounts,
    timestamp_format: str | None,
) -> None:
    columns = amounts.columns
    draft.section("transactions.columns")
    may_be_blank = {"refunded", "product_id"}
    if amounts.of == "order":
        may_be_blank |= {"amount", "customer_id", "occurred_at"}
    for role in LOG_ROLES:
        chosen = columns.get(role)
        if chosen is None or chosen.column not in sample.names:
            draft.put(role, chosen.column if chosen else None, "by its name and content")
            continue
        readable = sample.readable(chosen.column, role, timestamp_format)
        against = amounts.contradicted if role == "amount" else ""
        settled = "" if chosen.is_sure else speaks_for(sample, columns, role)
        if role == "occurred_at":
            against = _doubtful_dates(sample, chosen.column, timestamp_format)
        draft.put(
            role,
            chosen.column,
            against or _reason(chosen, role, settled),
            sure=(chosen.is_sure or bool(settled))
            and not against
            and (readable >= _READABLE or role in may_be_blank),
            examples=sample.examples(chosen.column),
            readable=readable,
            runner_up=runner_up(sample, chosen),
        )
    if "amount" not in columns and not {"quantity", "unit_price"} <= set(columns):
        _doubt_amount(draft, sample)
    if cost := find_cost(sample, columns) if set(sample.names) >= _used_columns(columns) else None:
        draft.put(cost.role, cost.column, cost.because, sure=cost.sure)


def _used_columns(columns: Mapping[str, Candidate]) -> set[str]:
    return {each.column for each in columns.values()}


def _doubt_amount(draft: Draft, sample: Sample) -> None:
    """Say that no amounts were found, or how those are written that cannot be read."""
    named = [name for name in sample.names if names_role(name, "amount")]
    unread = [name for name in named if not sample.is_amount(name) and sample.examples(name)]
    why = "no amounts were found: purchases count, revenue does not"
    if unread:
        written = sample.examples(unread[0])[0]
        why = f"'{unread[0]}' is written as {written}, which is not read as an amount"
    draft.doubt("amount", why)


def _doubtful_dates(sample: Sample, name: str, timestamp_format: str | None) -> str:
    """Say where dates are written in more than one way, or as the days of a spreadsheet."""
    forms = sample.date_forms(name, timestamp_format)
    if len(forms) > 1:
        return f"written in {len(forms)} ways: {describe_forms(forms)}"
    if forms and forms[0][0] == EXCEL:
        return "numbers of days as Excel for Windows counts them, from 1899-12-30"
    return ""


def _reason(chosen: Candidate, role: str, settled: str) -> str:
    if chosen.is_sure:
        return "by its name and content"
    if chosen.role == "site":
        return "no column names a person: each shop that is sold to is a customer"
    if chosen.role != role:
        return "the price, for no column says how many were bought"
    return f"by a part of its name, and {settled or 'its content'}"


def _rules(draft: Draft, sample: Sample, amounts: Amounts, timestamp_format: str | None) -> None:
    if partly := count_partly_refunded(sample, amounts):
        why = f"no column says how much was refunded; these orders count in full: {partly}"
        draft.doubt("refunded", why)
    rules = find_rules(sample, amounts, timestamp_format)
    for section in ("transactions.returns", "transactions.set_aside"):
        for rule in rules:
            if rule.section == section:
                draft.section(section)
                draft.put(rule.key, rule.condition, rule.because, sure=rule.sure)
    product = amounts.columns.get("product_id")
    products = sample.values(product.column) if product else []
    bare = [each for each in products if not re.search("[0-9]", each)]
    if product and 0 < len(bare) <= (1 - _MOSTLY) * len(products):
        draft.section("transactions.set_aside")
        taken = to_toml(f"{quote(product.column)} IN {sql.literals(bare[:10])}")
        draft.comment(
            f'"not a product" = {taken}  # codes without a digit: postage and the like? (?)'
        )


def _targets(
    draft: Draft,
    sample: Sample,
    horizons: Horizons,
    customer: str,
    when: str,
    timestamp_format: str | None,
) -> None:
    gap, outcomes = None, dict[int, tuple[int, int]]()
    if sample.complete and {customer, when} <= set(sample.names):
        gap = sample.usual_gap(customer, when, timestamp_format)
        lengths = candidate_lengths(horizons)
        outcomes = sample.outcomes(customer, when, timestamp_format, lengths)
    draft.section("churn")
    days, why = churn_horizon(gap, horizons, outcomes)
    draft.put("horizon_days", days, why)
    if outcomes:
        span_days = sample.days(when, timestamp_format) + 1
        draft.lacks.extend(find_lacks(span_days, days, outcomes))
    draft.section("value")
    draft.put("horizon_days", horizons.days[:3][-1], "revenue is predicted for so long")
    if horizons.history_days != HISTORY:
        draft.section("backtest")
        draft.put("min_history_days", horizons.history_days, "the log is short")
