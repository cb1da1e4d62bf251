"""The currencies of a log: what its column of currencies has, and whether amounts in several would
be added up.
"""

from collections.abc import Iterator, Sequence

from holdfast.findings import Finding
from holdfast.ingest.money import MEANINGS, signs_of
from holdfast.ingest.order_log import OrderLog
from holdfast.ingest.sql import identifier
from holdfast.ingest.statuses import name_parts

_NAMES = frozenset(
    "currency curr ccy wahrung waehrung moneda devise valuta moeda monnaie 币种 货币 通貨".split()
)
_FEW_WORDS = 20


def count_currencies(log: OrderLog) -> list[tuple[str, int]]:
    """Count the accepted lines of each currency that a column of the log names, which takes another
    look at the source.
    """
    fields = log.sources[0].fields
    column = next((name for name in fields if _NAMES & set(name_parts(name))), None)
    if column is None or log.study.transactions is None:
        return []
    with log.read_again(log.study.transactions) as source:
        counts: list[tuple[str, int]] = log.warehouse.execute(f"""
            SELECT word, count(*) AS n
            FROM (SELECT _file, _row, {identifier(source.fields[column])} AS word
                FROM {source.view})
            JOIN (SELECT _file, _row, verdict FROM {log.sources[0].table}) USING (_file, _row)
            WHERE word IS NOT NULL AND verdict = 0 GROUP BY word
            ORDER BY n DESC, word LIMIT {_FEW_WORDS}
        """).fetchall()
    return [(word, n) for word, n in counts if word.lower() in MEANINGS]


def find_currencies_added_up(log: OrderLog) -> Iterator[Finding]:
    """Find amounts in currencies that the study neither converts nor sets aside."""
    if log.columns.has_amount and log.study.conversion is None:
        yield from find_currencies(count_currencies(log), log.study.currency)


def find_currencies(counts: Sequence[tuple[str, int]], currency: str) -> Iterator[Finding]:
    """Find currencies in a log, each with its lines, that are not the study's."""
    foreign = [
        f"{word} ({n:,} lines)" for word, n in counts if word.lower() not in signs_of(currency)
    ]
    if foreign:
        yield Finding.of(
            "several-currencies" if len(counts) > 1 else "another-currency",
            currency=currency,
            currencies=", ".join(foreign[:5]),
        )
