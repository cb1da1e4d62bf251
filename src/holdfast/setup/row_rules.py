"""Rules of a log: which rows are no sales, which are returns and which name nobody, each proposed
with what it takes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from holdfast.expressions import quote
from holdfast.ingest import sql
from holdfast.ingest.sql import placeholder_sql
from holdfast.ingest.statuses import Meaning, meaning_of, name_parts, names_status, says_refund
from holdfast.setup.amounts import Amounts, amount_sql
from holdfast.setup.column_roles import candidates, plain
from holdfast.setup.file_sample import KNOWN, Sample

_REASONS: Mapping[Meaning, str] = {
    "cancelled": "cancelled or failed",
    "unpaid": "not paid",
    "refunded": "refunded",
    "nosale": "no sale",
}
_FLAGGED: tuple[Meaning, ...] = ("cancelled", "refunded")
_FEW_WORDS = 60
_INVOICES, _SETTLED = ("invoice", "rechnung", "facture", "factura"), ("payment", "zahlung")
_YES = ("true", "t", "yes", "y", "1", "ja", "oui", "si", "sim")
_NEARLY_ALL, _MOST, _HALF, _RARE = 0.99, 0.8, 0.5, 0.3
_MORE_THAN_ONE = 2
"""Times as many rows as a customer usually has, from which on a 0 is no customer of that name."""
_CROWD_SHARE, _CROWD_TIMES, _CROWD_CUSTOMERS = 0.2, 10, 20


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A condition on the raw row: of returns, or of rows to be set aside for a reason; `sure` where
    every word that it turns on is known.
    """

    section: str
    key: str
    condition: str
    because: str
    sure: bool = False


@dataclass(frozen=True, kw_only=True)
class _Word:
    """A word of a status: its orders and their money, and how its rows look.

    Attributes
    ----------
    negative, paired, covered
        Share of its rows that are below zero, whose order has the same under another word or at
        another moment, and whose column of refunds already takes the whole amount.
    """

    word: str
    meaning: Meaning | None
    orders: int
    money: float
    negative: float
    paired: float
    covered: float


def find_rules(sample: Sample, amounts: Amounts, timestamp_format: str | None) -> list[Rule]:
    """Every rule that the rows speak for; two of one name are one."""
    rules: dict[tuple[str, str], Rule] = {}
    for rule in (
        *_status_rules(sample, amounts),
        *_cancelled_on_a_day(sample),
        *_flags(sample),
        *_returns_by_name(sample, amounts, timestamp_format),
        *_nobody(sample, amounts),
    ):
        place = (rule.section, rule.key)
        if first := rules.get(place):
            both = f"({first.condition}) OR ({rule.condition})"
            because = f"{first.because}; {rule.because}"
            sure = first.sure and rule.sure
            rule = replace(rule, condition=both, because=because, sure=sure)
        rules[place] = rule
    return list(rules.values())


def status_columns(sample: Sample) -> list[str]:
    """The columns that say what became of an order, or what kind of row it is."""
    return [
        name
        for name in sample.names
        if names_status(name)
        and sample.distinct(name) <= _FEW_WORDS
        and any(map(meaning_of, sample.values(name)))
    ]


def _status_rules(sample: Sample, amounts: Amounts) -> Iterator[Rule]:
    taken = {each.column for each in amounts.columns.values()}
    for column in status_columns(sample):
        if column in taken:
            continue
        words = _count_words(sample, amounts, column)
        if any("closedwon" in "".join(name_parts(each.word)) for each in words):
            yield _pipeline_rule(column, words)
            continue
        sure = all(each.meaning for each in words)
        for meaning, reason in _REASONS.items():
            taking = [each for each in words if _takes(meaning, each, words)]
            if meaning == "refunded":
                taking = [each for each in taking if each.covered < _MOST]
                back = [each for each in words if _is_refund_row(column, each)]
                taking = [each for each in taking if each not in back]
                if back:
                    yield replace(_rule("transactions.returns", "when", column, back), sure=sure)
            if taking:
                yield replace(_rule("transactions.set_aside", reason, column, taking), sure=sure)


def _takes(meaning: Meaning, word: _Word, words: list[_Word]) -> bool:
    """Whether rows of a word are no sales for a reason; those below zero are returns as it is."""
    if meaning == "nosale":
        # A payment settles an invoice that has been counted.
        invoiced = any(plain(each.word) in _INVOICES for each in words)
        return word.meaning == meaning or (invoiced and plain(word.word) in _SETTLED)
    return word.meaning == meaning and (word.negative < _HALF or meaning == "unpaid")


def _is_refund_row(column: str, word: _Word) -> bool:
    """Whether a refund stands beside the sale that it undoes, instead of in the sale's own row."""
    stands_alone = word.paired >= _HALF or bool({"type", "kind"} & set(name_parts(column)))
    is_counted = word.negative >= _HALF or word.covered >= _MOST
    return says_refund(word.word) and stands_alone and not is_counted


def count_partly_refunded(sample: Sample, amounts: Amounts) -> str:
    """Orders of which a part was refunded, and no column says how much; in words, or nothing."""
    if "refunded" in amounts.columns:
        return ""
    return ", ".join(
        f"{each.word} {each.orders:,} ({each.money:,.2f})"
        for column in status_columns(sample)
        for each in _count_words(sample, amounts, column)
        if each.meaning == "partly"
        and says_refund(each.word)
        and each.negative < _HALF
        and not _is_refund_row(column, each)
    )


def _rule(section: str, key: str, column: str, words: list[_Word]) -> Rule:
    condition = f"{quote(column)} IN {sql.literals([each.word for each in words])}"
    counted = ", ".join(f"{each.word} {each.orders:,} ({each.money:,.2f})" for each in words)
    return Rule(
        section=section, key=key, condition=condition, because=f"orders and money: {counted}"
    )


def _pipeline_rule(column: str, words: list[_Word]) -> Rule:
    won = [each for each in words if "closedwon" in "".join(name_parts(each.word))]
    others = [each for each in words if each not in won]
    rule = _rule("transactions.set_aside", "not won", column, others or won)
    condition = f"{quote(column)} NOT IN {sql.literals([each.word for each in won])}"
    return replace(rule, condition=condition, sure=True)


def _count_words(sample: Sample, amounts: Amounts, column: str) -> list[_Word]:
    rows = sample.rows(_words_sql(sample, amounts, column))
    return [
        _Word(
            word=text, meaning=meaning_of(text), orders=orders, money=money, negative=negative,
            covered=covered, paired=paired,
        )
        for text, orders, money, negative, covered, paired in rows
    ]  # fmt: skip


def _words_sql(sample: Sample, amounts: Amounts, column: str) -> str:
    cells = {role: sample.text_sql(each.column) for role, each in amounts.columns.items()}
    has_order = "order_id" in cells
    refunded = "0"
    if "refunded" in cells:
        refunded = sample.number_sql(amounts.columns["refunded"].column)
    once = "row_number() OVER (PARTITION BY key, word, amount) = 1"
    # What stands in a sale's own row has that row's moment; what undoes it comes later.
    later = "count(DISTINCT moment) OVER (PARTITION BY key) > 1"
    return f"""
        SELECT word, {"count(DISTINCT key)" if has_order else "count(*)"} AS orders,
            coalesce(sum(amount) FILTER (once), 0),
            avg(CAST(coalesce(amount < 0, false) AS INTEGER)),
            coalesce(avg(CAST(refunded >= 0.99 * amount AS INTEGER)) FILTER (amount > 0), 0),
            avg(CAST(is_paired AS INTEGER))
        FROM (
            SELECT *, {once if amounts.of == "order" else "true"} AS once,
                count(DISTINCT word) OVER (PARTITION BY key, abs(amount), product) > 1
                    OR {later if has_order else "false"} AS is_paired
            FROM (
                SELECT {sample.text_sql(column)} AS word,
                    {cells["order_id" if has_order else "customer_id"]} AS key,
                    {cells["occurred_at"]} AS moment, {cells.get("product_id", "''")} AS product,
                    {amount_sql(sample, amounts.columns)} AS amount,
                    coalesce({refunded}, 0) AS refunded
                FROM sample))
        WHERE word IS NOT NULL GROUP BY word ORDER BY orders DESC, word
    """


def _cancelled_on_a_day(sample: Sample) -> Iterator[Rule]:
    """Rows with a day of cancellation: the order's, where its status says so too."""
    for each in candidates(sample, "cancelled_at"):
        filled = sample.count_filled(each.column)
        if 0 < filled < sample.height:
            yield Rule(
                section="transactions.set_aside",
                key="cancelled on a day",
                condition=sample.has_sql(each.column),
                because=f"{filled:,} rows have a day in it",
                sure=_status_agrees(sample, each.column),
            )


def _status_agrees(sample: Sample, column: str) -> bool:
    """Whether the rows with something in a column are no sales by their status."""
    shown = sample.text_sql(column)
    for status in status_columns(sample):
        words = sample.rows(f"""
            SELECT {sample.text_sql(status)} AS word, count(*) FROM sample
            WHERE {shown} IS NOT NULL AND word IS NOT NULL GROUP BY word
        """)
        no_sale = sum(n for word, n in words if meaning_of(word) not in (None, "sale", "partly"))
        if words and no_sale >= _MOST * sum(n for _, n in words):
            return True
    return False


def _flags(sample: Sample) -> Iterator[Rule]:
    """Columns that say yes of orders that are no sales."""
    for name in sample.names:
        for meaning in _FLAGGED:
            if plain(name) in KNOWN["flags"][meaning].split() and sample.distinct(name) == 2:
                yes = [value for value in sample.values(name) if value.casefold() in _YES]
                if len(yes) == 1:
                    rows = sample.count(name, yes[0])
                    yield Rule(
                        section="transactions.set_aside",
                        key=_REASONS[meaning],
                        condition=f"{quote(name)} IN {sql.literals(yes)}",
                        because=f"{rows:,} rows say so",
                        sure=True,
                    )


def _returns_by_name(
    sample: Sample, amounts: Amounts, timestamp_format: str | None
) -> Iterator[Rule]:
    """Returns told by how their order's name begins, if its rows look like returns."""
    if "order_id" not in amounts.columns:
        return
    column = amounts.columns["order_id"].column
    order = sample.text_sql(column)
    prefixes = sample.rows(f"""
        SELECT regexp_extract({order}, '^[A-Za-z]+') AS prefix, count(*) AS n FROM sample
        GROUP BY prefix HAVING length(prefix) > 0 AND n < (SELECT count(*) FROM sample) / 2
        ORDER BY n DESC LIMIT 5
    """)
    for prefix, _ in prefixes:
        like = f"{prefix}%"
        n, negative, paired, usual = _look_like_returns(
            sample, amounts, f"{order} LIKE {sql.literal(like)}", timestamp_format
        )
        if negative >= _MOST or (paired >= _MOST and usual < _RARE):
            how = "below zero" if negative >= _MOST else "like an earlier purchase of the customer"
            yield Rule(
                section="transactions.returns",
                key="when",
                condition=f"{quote(column)} LIKE {sql.literal(like)}",
                because=f"{n:,} rows, {how}",
                sure=negative >= _NEARLY_ALL,
            )
            return


def _look_like_returns(
    sample: Sample, amounts: Amounts, condition: str, timestamp_format: str | None
) -> tuple[int, float, float, float]:
    """Rows that a condition takes; the share of them below zero; and, unless that says enough, that
    of them, and of the others, whose customer bought the same for the same before.
    """
    columns, amount = amounts.columns, amount_sql(sample, amounts.columns)
    quantity = sample.number_sql(columns["quantity"].column) if "quantity" in columns else "NULL"
    below = f"coalesce({amount} < 0 OR {quantity} < 0, false)"
    ((n, negative),) = sample.rows(
        f"SELECT count(*), avg(CAST({below} AS INTEGER)) FROM sample WHERE {condition}"
    )
    if negative >= _MOST:
        return int(n), float(negative), 0.0, 0.0
    roles = [role for role in ("customer_id", "product_id") if role in columns]
    key = ", ".join([*(sample.text_sql(columns[role].column) for role in roles), "abs(amount)"])
    when = sample.time_sql(columns["occurred_at"].column, timestamp_format)
    ((paired, usual),) = sample.rows(f"""
        SELECT coalesce(avg(CAST(before AS INTEGER)) FILTER (takes), 0),
            coalesce(avg(CAST(before AS INTEGER)) FILTER (NOT takes), 0)
        FROM (
            SELECT takes, coalesce(min(moment) FILTER (NOT takes)
                OVER (PARTITION BY {key}) < moment, false) AS before
            FROM (
                SELECT *, coalesce({condition}, false) AS takes, {when} AS moment,
                    {amount} AS amount
                FROM sample))
    """)
    return int(n), float(negative), float(paired), float(usual)


def _nobody(sample: Sample, amounts: Amounts) -> Iterator[Rule]:
    """Names under which many buy: words for nobody, and one name that holds a crowd's orders."""
    if "customer_id" not in amounts.columns:
        return
    column = amounts.columns["customer_id"].column
    text = sample.text_sql(column)
    rows = sample.rows(f"""
        SELECT name, n, {placeholder_sql("name")} FROM (
            SELECT name, n, median(n) OVER () AS usual, count(*) OVER () AS customers,
                sum(n) OVER () AS every
            FROM (
                SELECT {text} AS name, count(*) AS n FROM sample
                WHERE {text} IS NOT NULL GROUP BY {text}))
        WHERE ({placeholder_sql("name")} AND (length(name) > 2 OR n > {_MORE_THAN_ONE} * usual))
            OR (customers >= {_CROWD_CUSTOMERS}
            AND n > {_CROWD_SHARE} * every AND n > {_CROWD_TIMES} * usual)
        ORDER BY n DESC, name LIMIT 20
    """)
    if rows:
        counted = ", ".join(f"{name} {n:,}" for name, n, _ in rows)
        yield Rule(
            section="transactions.set_aside",
            key="no real customer",
            condition=f"{quote(column)} IN {sql.literals([name for name, *_ in rows])}",
            because=f"rows of many under one name: {counted}",
            sure=all(is_nobody for *_, is_nobody in rows),
        )
