"""Amounts are read exactly, whatever stands beside them, and currencies are never mixed."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bench._stranger_formats import AMOUNTS, MINOR, AmountFormat

from holdfast.errors import DataError
from holdfast.ingest import money, sql
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.study.currencies import CODES, SIGNS


def read(written: str, decimal: str = ".") -> tuple[Decimal | None, str]:
    field = sql.Field("x", "VARCHAR")
    amount = money.amount(field, decimal=decimal, to="DECIMAL(38, 10)")
    with sql.calculator() as connection:
        found = connection.execute(
            f"SELECT {amount}, {money.currency_sign(field)} FROM (SELECT ? AS x)", [written]
        ).fetchone()
    return found


@pytest.mark.parametrize("form", AMOUNTS, ids=lambda form: form.name)
def test_each_format_of_an_amount_is_read_as_what_it_means(form: AmountFormat) -> None:
    expected = Decimal(171606).scaleb(-form.digits)
    decimal = "," if ",06" in form.example else "."
    amount, sign = read(form.example, decimal)
    assert amount == expected
    assert not sign or money.MEANINGS[sign][0] == form.currency
    if form.negative:
        assert read(form.negative, decimal)[0] == -expected


def test_the_bench_writes_each_format_as_its_example_has_it() -> None:
    assert len(AMOUNTS) >= 10
    wrong = {form.name: form.write(MINOR) for form in AMOUNTS if form.write(MINOR) != form.example}
    wrong |= {
        form.name: form.write(-MINOR)
        for form in AMOUNTS
        if form.negative and form.write(-MINOR) != form.negative
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("written", "decimal", "amount"),
    [
        ("$-12.50", ".", "-12.5"), ("$(12.50)", ".", "-12.5"), ("12.50-", ".", "-12.5"),
        ("\u221212.50", ".", "-12.5"), ("12,50 €-", ",", "-12.5"), ("EUR -12,50", ",", "-12.5"),
        ("$12.50 CAD", ".", "12.5"), ("kr.12", ".", "12"), ("Fr. 12.50", ".", "12.5"),
        ("CHF 1\u2019200.50", ".", "1200.5"), ("₹1,00,000.50", ".", "100000.5"),
        ("1.716 €", ",", "1716"), ("$0.10", ".", "0.1"), ("$9,007,199,254,740,993.01", ".",
                                                          "9007199254740993.01"),
    ],
)  # fmt: skip
def test_signs_minuses_and_groups_stand_where_people_put_them(
    written: str, decimal: str, amount: str
) -> None:
    assert read(written, decimal)[0] == Decimal(amount)


@pytest.mark.parametrize(
    ("written", "decimal"),
    [("12%", "."), ("(5 %)", "."), ("12.50 kg", "."), ("12 50", "."), ("1,55", "."),
     ("(12.50", "."),
     ("12.50 €", ","), ("1_000", "."), ("$", "."), ("12/50", "."), ("about 12", "."),
     ("$12-$15", "."), ("1'2.50", ".")],
)  # fmt: skip
def test_what_is_no_amount_is_not_read_as_one(written: str, decimal: str) -> None:
    assert read(written, decimal)[0] is None


def test_the_code_beside_an_amount_says_more_than_its_sign() -> None:
    assert read("$12.50 CAD")[1] == "cad"
    assert read("CAD 12.50 $")[1] == "cad"


def test_no_two_signs_differ_in_case_alone_and_each_means_a_known_currency() -> None:
    assert len({sign.lower() for sign in SIGNS}) == len(SIGNS)
    assert {code for codes in SIGNS.values() for code in codes} <= CODES


def log_of(
    folder: Path, rows: Sequence[tuple[object, ...]], rates: str = "", **keys: Any
) -> tuple[OrderLog, list[int]]:
    """Read rows of customer, day, amount and currency."""
    lines = [",".join(f'"{cell}"' for cell in row) for row in rows]
    (folder / "orders.csv").write_text(
        "\n".join(["who,at,total,currency", *lines]) + "\n", encoding="utf-8"
    )
    raw = {
        "study": {"name": "shop", "project_dir": str(folder), **keys.pop("study", {})},
        "transactions": {
            "path": "orders.csv",
            "columns": {"customer_id": "who", "occurred_at": "at", "amount": "total"},
            **keys.pop("transactions", {}),
        },
        **keys,
    }
    if rates:
        (folder / "rates.csv").write_text(f"day,currency,rate\n{rates}", encoding="utf-8")
        raw.setdefault("currency", {})["rates"] = {"path": "rates.csv"}
    (folder / "scratch").mkdir()
    with Warehouse(folder / "scratch") as warehouse:
        log = read_order_log(Study.from_dict(raw), warehouse)
        amounts = warehouse.query("SELECT amount_minor FROM transactions ORDER BY day, customer_id")
    return log, amounts["amount_minor"].to_list()


def test_a_sign_of_another_currency_is_set_aside_and_counted(tmp_path: Path) -> None:
    rows = [("a", "2023-01-01", "$5.00", ""), ("b", "2023-01-02", "€7.00", ""),
            ("c", "2023-01-03", "9.00", ""), ("d", "2023-01-04", "CA$5.00", "")]  # fmt: skip
    log, amounts = log_of(tmp_path, rows)
    assert amounts == [500, 900]
    assert log.reasons["transactions"] == {"in another currency": 2}
    assert "lines-in-other-currencies" in {each.name for each in log.findings}


def test_a_sign_of_several_currencies_is_the_study_s_if_it_can_be(tmp_path: Path) -> None:
    rows = [("a", "2023-01-01", "$5.00", ""), ("b", "2023-01-02", "CA$6.00", "")]
    assert log_of(tmp_path, rows, study={"currency": "CAD"})[1] == [500, 600]


MIXED = [
    ("a", "2023-01-01", "10.00", "USD"), ("b", "2023-01-02", "10.00", "EUR"),
    ("c", "2023-01-05", "20.01", "eur"), ("d", "2023-01-09", "1000", "JPY"),
    ("e", "2023-01-09", "-10.00", "EUR"), ("f", "2023-01-10", "7.00", ""),
    ("g", "2023-01-10", "7.00", "ZZZ"),
]  # fmt: skip


def test_of_a_column_of_currencies_one_is_kept_and_the_rest_set_aside(tmp_path: Path) -> None:
    log, amounts = log_of(tmp_path, MIXED, currency={"column": "currency"})
    assert amounts == [1000, 700]
    assert log.reasons["transactions"] == {"in another currency": 5}


def test_other_currencies_count_by_the_rate_of_their_day_or_the_last_before(
    tmp_path: Path,
) -> None:
    rates = "2023-01-02,EUR,1.0700\n2023-01-04,EUR,1.0655\n2023-01-10,JPY,0.0076\n"
    log, amounts = log_of(tmp_path, MIXED, rates, currency={"column": "currency"})
    # 10 x 1.07; 20.01 x 1.0655 = 21.320655; -10 x 1.0655 = -10.655, half away from zero.
    assert amounts == [1000, 1070, 2132, -1066, 700]
    # The yen of the 9th come before their first rate, and nothing is known by the name ZZZ.
    reason = "in a currency without a rate on its day or before"
    assert log.reasons["transactions"] == {reason: 2}


def test_minor_units_of_each_currency_are_its_own(tmp_path: Path) -> None:
    rows = [("a", "2023-01-02", "1000", "USD"), ("b", "2023-01-02", "1000", "JPY"),
            ("c", "2023-01-02", "1000", "KWD")]  # fmt: skip
    rates = "2023-01-01,JPY,0.0076\n2023-01-01,KWD,3.25\n"
    keys = {"transactions": {"amounts_in": "minor"}, "currency": {"column": "currency"}}
    # 10 dollars; 1000 yen are 7.60; 1 dinar is 3.25.
    assert log_of(tmp_path, rows, rates, **keys)[1] == [1000, 760, 325]


@pytest.mark.parametrize(
    "rates",
    ["2023-01-01,EUR,0\n", "soon,EUR,1.1\n", "2023-01-01,,1.1\n", "2023-01-01,EUR,x\n",
     "2023-01-01,EUR,1.1\n2023-01-01,EUR,1.2\n"],
)  # fmt: skip
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rates: str) -> None:
    with pytest.raises(DataError, match="correct them: a row has a day"):
        log_of(tmp_path, MIXED, rates, currency={"column": "currency"})


@pytest.mark.parametrize(
    ("currency", "digits", "written", "minor"),
    [("USD", 2, "12.345", 1235), ("JPY", 0, "1200", 1200), ("KWD", 3, "1.234", 1234)],
)
def test_minor_digits_are_those_of_the_currency(
    tmp_path: Path, currency: str, digits: int, written: str, minor: int
) -> None:
    log, amounts = log_of(
        tmp_path, [("a", "2023-01-01", written, "")], study={"currency": currency}
    )
    assert (log.study.minor_digits, amounts) == (digits, [minor])


def test_an_order_in_another_currency_is_set_aside_with_all_its_lines(tmp_path: Path) -> None:
    rows = [("a", "2023-01-01", "$5.00", "1"), ("a", "2023-01-01", "$5.00", "1"),
            ("b", "2023-01-01", "€5.00", "2"), ("b", "2023-01-01", "€5.00", "2")]  # fmt: skip
    columns = {"customer_id": "who", "occurred_at": "at", "amount": "total", "order_id": "currency"}
    log, amounts = log_of(tmp_path, rows, transactions={"amount_of": "order", "columns": columns})
    assert (amounts, log.n_customers) == ([500, 0], 1)


def test_no_study_assumes_costs_that_nobody_gave() -> None:
    source = {"path": "x.csv", "columns": {"customer_id": "a", "occurred_at": "b"}}
    assert Study.from_dict({"study": {"name": "x"}, "transactions": source}).recovery == {}
