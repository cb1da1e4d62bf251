"""The currency of a log: by a column that names it, or by the sign beside the amounts."""

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.ingest import money
from holdfast.setup.column_roles import Candidate, candidates
from holdfast.setup.file_sample import Sample

RATES_HINT = (
    "the others are set aside; to convert them give [currency.rates] with path = a table of day, "
    "currency and rate, the worth of one unit in the currency above"
)
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Currency:
    """A log's currency, and what speaks for it.

    Attributes
    ----------
    sure
        False where its sign has several meanings, or it is one of several.
    column
        The column that names it; None where a sign does, or nothing.
    is_one_of_several
        Whether the column names others, too.
    """

    code: str
    because: str
    sure: bool
    column: str | None = None
    is_one_of_several: bool = False


NO_CURRENCY = Currency(code="USD", because="the file does not say", sure=False)


def find_currency(sample: Sample, columns: Mapping[str, Candidate]) -> Currency:
    """Find the commonest currency of a log."""
    named = candidates(sample, "currency")[:1]
    if named:
        column = named[0].column
        words = [(word.lower(), n) for word, n in sample.count_values(column)]
        counts = [(word, n) for word, n in words if word in money.MEANINGS]
        return _weigh(counts, f"'{column}' says", column=column)
    priced = next((columns[role] for role in ("amount", "unit_price") if role in columns), None)
    counts = sample.currencies(priced.column) if priced else []
    return _weigh(counts, "the amounts have", column=None) if counts else NO_CURRENCY


def _weigh(counts: list[tuple[str, int]], who: str, *, column: str | None) -> Currency:
    sign = counts[0][0]
    code, *others = money.MEANINGS[sign]
    of_code = {each: n for each, n in counts if code in money.MEANINGS[each]}
    foreign = [f"{each.upper()} in {n:,} rows" for each, n in counts if each not in of_code]
    because = f"{who} {sign.upper()}"
    if foreign:
        rows = sum(of_code.values())
        because += f" in {rows:,} rows, and {', '.join(foreign[:_SHOWN])}, which are set aside"
    elif others:
        because += f", which may be {', '.join(others[:_SHOWN])}, too"
    return Currency(
        code=code,
        because=because,
        sure=not (others or foreign),
        column=column,
        is_one_of_several=bool(foreign and column),
    )
