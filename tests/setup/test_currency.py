"""The currency of a log: a column that names it speaks first, then the sign beside the amounts."""

import polars as pl

from holdfast.setup.column_roles import log_columns
from holdfast.setup.currency import NO_CURRENCY, Currency, find_currency
from holdfast.setup.file_sample import Sample


def currency_of(**columns: list[str]) -> Currency:
    n = len(next(iter(columns.values())))
    frame = pl.DataFrame(
        {
            "customer_id": [f"c{i % 7}" for i in range(n)],
            "order_date": [f"2024-01-{1 + i % 28:02d}" for i in range(n)],
            **columns,
        }
    )
    sample = Sample(frame)
    try:
        return find_currency(sample, log_columns(sample, {}))
    finally:
        sample.close()


AMOUNTS = [f"{10 + i}.50" for i in range(40)]


def test_a_column_names_it() -> None:
    found = currency_of(amount=AMOUNTS, currency=["EUR"] * 40)
    assert (found.code, found.column, found.sure) == ("EUR", "currency", True)


def test_the_commonest_of_several_is_the_logs_and_the_others_are_counted() -> None:
    found = currency_of(amount=AMOUNTS, currency=["EUR"] * 30 + ["GBP"] * 10)
    assert (found.code, found.is_one_of_several, found.sure) == ("EUR", True, False)
    assert "GBP in 10 rows" in found.because


def test_a_sign_with_several_meanings_is_a_doubt() -> None:
    found = currency_of(amount=[f"${each}" for each in AMOUNTS])
    assert (found.code, found.sure) == ("USD", False)
    assert "CAD" in found.because


def test_words_that_are_no_currency_name_none() -> None:
    assert currency_of(amount=AMOUNTS, currency=["points"] * 25 + ["miles"] * 15) == NO_CURRENCY


def test_a_word_that_is_no_currency_among_others_does_no_harm() -> None:
    found = currency_of(amount=AMOUNTS, currency=["EUR"] * 39 + ["??"])
    assert found.code == "EUR"
