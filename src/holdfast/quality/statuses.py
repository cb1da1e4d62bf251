"""The status of orders: how many orders and how much money stand under each word, and what is made
of them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from holdfast.findings import Finding
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.sql import identifier, literal
from holdfast.ingest.statuses import meaning_of, names_status
from holdfast.quality.topics import Topic
from holdfast.study.currencies import write_amount

_NO_SALE = ("refunded", "cancelled", "unpaid", "nosale")
_FEW_WORDS = 60
_SAID = 8


def describe_statuses(log: OrderLog) -> Topic | None:
    """Count orders and money by every column that says what became of an order; None where the log
    has none.
    """
    rows = _count_by_word(log)
    if rows.is_empty():
        return None
    currency = log.study.currency
    # What was refunded of an order is known where a column says it.
    no_sale = _NO_SALE if log.columns.refunded else (*_NO_SALE, "partly")
    sentences = [
        f"{column}: {_sum_up(part, currency)}."
        for (column,), part in rows.partition_by("column", as_dict=True).items()
    ]
    return Topic(
        "statuses",
        "Status of orders",
        {"statuses": rows.to_dicts()},
        tuple(sentences),
        table=rows,
        findings=tuple(_find_counted(rows, no_sale, currency)),
    )


def _sum_up(rows: pl.DataFrame, currency: str) -> str:
    words = [
        f"{row['word']} {_count_orders(row)}, {write_amount(row['money'], currency)} "
        f"({_describe_use(row)})"
        for row in rows.head(_SAID).iter_rows(named=True)
    ]
    more = [f"and {rows.height - _SAID} more"] if rows.height > _SAID else []
    return "; ".join([*words, *more])


def _count_orders(row: dict[str, Any]) -> str:
    return f"{row['orders']:,} order{'s' * (row['orders'] != 1)}"


def _describe_use(row: dict[str, Any]) -> str:
    counts = {"sales": row["sales"], "returns": row["returns"], "set aside": row["set_aside"]}
    parts = [name for name, count in counts.items() if count]
    return " and ".join(parts) or "not understood"


def _count_by_word(log: OrderLog) -> pl.DataFrame:
    """One row per column and word: orders, money, and how many of the rows are sales, returns and
    set aside; money is what the rows say, whatever is made of them.
    """
    roles = log.columns.model_dump().values()
    columns = [name for name in log.sources[0].fields if names_status(name) and name not in roles]
    counted = [_count_words(log, column) for column in columns]
    return pl.concat(
        [
            words
            for words in counted
            if 0 < words.height <= _FEW_WORDS and any(map(meaning_of, words["word"]))
        ]
        or [pl.DataFrame()]
    )


def _count_words(log: OrderLog, column: str) -> pl.DataFrame:
    """Count one column's words, which takes another look at the source."""
    assert log.study.transactions is not None
    with log.read_again(log.study.transactions) as source:
        return log.query(f"""
            SELECT {literal(column)} AS "column", word,
                count(DISTINCT coalesce(order_id, concat(_file, ':', _row))) AS orders,
                CAST(coalesce(sum(amount_minor), 0) AS DOUBLE) / {log.scale} AS money,
                count(*) FILTER (verdict = 0 AND NOT is_return) AS sales,
                count(*) FILTER (verdict = 0 AND is_return) AS returns,
                count(*) FILTER (verdict > 0) AS set_aside,
                CAST(coalesce(sum(amount_minor) FILTER (verdict = 0 AND NOT is_return), 0)
                    AS DOUBLE) / {log.scale} AS counted
            FROM (
                SELECT _file, _row, {identifier(source.fields[column])} AS word
                FROM {source.view})
            JOIN {log.sources[0].table} USING (_file, _row)
            WHERE word IS NOT NULL GROUP BY word ORDER BY orders DESC, word
            LIMIT {_FEW_WORDS + 1}
        """)


def _find_counted(rows: pl.DataFrame, no_sale: Sequence[str], currency: str) -> Iterator[Finding]:
    """Find orders that were cancelled, not paid or refunded, and still count in full."""
    full = [
        row
        for row in rows.iter_rows(named=True)
        if row["counted"] > 0 and meaning_of(row["word"]) in no_sale
    ]
    if full:
        words = ", ".join(
            f"{row['column']} = '{row['word']}' ({_count_orders(row)}, "
            f"{write_amount(row['counted'], currency)})"
            for row in full[:_SAID]
        )
        yield Finding.of("no-sales-counted", words=words, column=full[0]["column"])
