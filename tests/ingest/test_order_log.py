"""Order lines become transactions, every row is accounted for, and the same rows give the same
tables.
"""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.errors import DataError, StudyError
from holdfast.ingest.order_log import OrderLog, read_order_log
from holdfast.ingest.validation import Rows
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import QUARANTINE, TRANSACTIONS
from holdfast.windows import day_of

COLUMNS = {
    "customer_id": "who",
    "occurred_at": "at",
    "order_id": "order",
    "product_id": "item",
    "quantity": "n",
    "unit_price": "price",
}
HEADER = "who,at,order,item,n,price"
Reader = Callable[..., tuple[OrderLog, pl.DataFrame]]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Reader]:
    """Ingest CSV text with the columns above and return the outcome and the transactions."""
    opened: list[Warehouse] = []

    def reader(
        text: str, *, study: dict[str, Any] | None = None, **log: Any
    ) -> tuple[OrderLog, pl.DataFrame]:
        (tmp_path / "orders.csv").write_text(text, encoding="utf-8")
        scratch = tmp_path / f"scratch-{len(opened)}"
        scratch.mkdir()
        opened.append(Warehouse(scratch))
        columns = log.pop("columns", COLUMNS)
        raw = {"study": {"name": "t", **(study or {})}, "project_dir": str(tmp_path)}
        raw["transactions"] = {"path": "orders.csv", "columns": columns, **log}
        found = read_order_log(Study.from_dict(raw), opened[-1])
        return found, TRANSACTIONS.check(opened[-1].read(opened[-1].table("transactions")))

    yield reader
    for warehouse in opened:
        warehouse.close()


def quarantined(found: OrderLog) -> list[tuple[int, str]]:
    table = QUARANTINE.check(found.quarantine)
    return [(row["row"], row["reason"]) for row in table.to_dicts()]


def test_a_line_becomes_a_transaction_in_minor_units_and_utc(read: Reader) -> None:
    found, table = read(
        f"{HEADER}\n007,2011-07-01 00:30,A1,X,3,1.15\n",
        study={"time_zone": "Europe/London", "currency": "GBP"},
    )
    assert table.row(0, named=True) == {
        "customer_id": "007",
        "day": day_of(date(2011, 7, 1)),
        "occurred_at": datetime(2011, 6, 30, 23, 30),
        "order_id": "A1",
        "product_id": "X",
        "quantity": 3.0,
        "amount_minor": 345,
        "is_return": False,
    }
    assert (found.first_day, found.end_day, found.n_customers) == (
        day_of(date(2011, 7, 1)),
        day_of(date(2011, 7, 2)),
        1,
    )
    assert found.rows == Rows(read=1, accepted=1, set_aside=0, quarantined=0)


@pytest.mark.parametrize(
    ("quantity", "price", "digits", "minor"),
    [
        ("1", "2.675", 2, 268),
        ("1", "0.005", 2, 1),
        ("-1", "0.005", 2, -1),
        ("3", "0.335", 2, 101),
        ("0.1", "0.05", 2, 1),
        ("1", "149.5", 0, 150),
        ("7", "1.23456", 4, 86419),
        ("1", "1,234.50", 2, 123450),
        ("92233720368547", "1000", 2, 9223372036854700000),
    ],
)
def test_amounts_round_half_away_from_zero_from_exact_decimals(
    read: Reader, quantity: str, price: str, digits: int, minor: int
) -> None:
    text = f'{HEADER}\na,2011-01-01,1,X,{quantity},"{price}"\n'
    if len(quantity) > 12:
        with pytest.raises(DataError, match="1 x quantity is too large"):
            read(text)
        return
    _, table = read(f"{text}b,2011-01-01,2,X,1,9\n", study={"minor_digits": digits})
    assert table.filter(pl.col("customer_id") == "a")["amount_minor"].to_list() == [minor]


def test_every_row_is_accepted_set_aside_or_quarantined_for_its_first_reason(read: Reader) -> None:
    lines = [
        "a,2011-01-01,1,X,1,5",  # 2 accepted
        "a,2011-01-01,1,X,1,5",  # 3 exact duplicate
        ",2011-01-01,1,X,1,5",  # 4 no customer
        "  ,2011-01-01,1,X,1,0",  # 5 no customer before price
        "a,2011-01-01,1,POST,1,0",  # 6 a rule before price
        "a,2011-01-01,1,Y,1,0",  # 7 price
        "a,2011-01-01,1,Y,0,5",  # 8 quantity
        "a,2011-02-30,1,X,1,5",  # 9 not a date
        "a,,1,X,1,5",  # 10 missing
        "a,2200-01-01,1,X,1,5",  # 11 outside
        "a,1969-12-31,1,X,1,5",  # 12 outside
        "a,2011-01-01,1,X,one,5",  # 13 not a number
        "a,2011-01-01,1,X,1,NaN",  # 14 not a number
        "a,2011-01-01,1,X,1,Infinity",  # 15 not a number
        "a,2011-01-01,1,X,1,",  # 16 missing
        "a,2011-01-01,1,X,99999999999,99999999999",  # 17 beyond 64 bits
        "a,2011-01-01,1,X",  # 18 ragged
        ",2011-02-30,1,X,1,0",  # 19 not understood comes before not wanted
        ",2011-02-30,1,X,1,0",  # 20 and before being a duplicate
    ]
    found, table = read(
        "\n".join([HEADER, *lines, ""]),
        exact_duplicates="drop",
        set_aside={"postage": "item = 'POST'"},
    )
    assert found.reasons["transactions"] == {
        "4 cells where the header has 6": 1,
        "occurred_at is missing": 1,
        "occurred_at is not a date": 3,
        "occurred_at is outside 1970..2100": 2,
        "quantity is not a number": 1,
        "unit_price is missing": 1,
        "unit_price is not a number": 2,
        "amount is beyond 64-bit minor units": 1,
        "exact duplicate": 1,
        "postage": 1,
        "no customer": 2,
        "price is zero or less": 1,
        "quantity is zero": 1,
    }
    assert found.rows == Rows(read=19, accepted=1, set_aside=6, quarantined=12)
    assert table.height == 1
    assert quarantined(found) == [
        (9, "occurred_at is not a date"),
        (10, "occurred_at is missing"),
        (11, "occurred_at is outside 1970..2100"),
        (12, "occurred_at is outside 1970..2100"),
        (13, "quantity is not a number"),
        (14, "unit_price is not a number"),
        (15, "unit_price is not a number"),
        (16, "unit_price is missing"),
        (17, "amount is beyond 64-bit minor units"),
        (18, "4 cells where the header has 6"),
        (19, "occurred_at is not a date"),
        (20, "occurred_at is not a date"),
    ]


def test_the_quarantine_keeps_the_row_as_it_was_read_with_long_cells_cut(read: Reader) -> None:
    found, _ = read(f'{HEADER}\nb,2011-01-01,1,X,1,5\n  a ,soon,"x""y",{"z" * 5000},1,5\n1,2\n')
    table = found.quarantine
    first, second = (json.loads(raw) for raw in table["raw"])
    assert first == {
        "who": "  a ",
        "at": "soon",
        "order": 'x"y',
        "item": "z" * 1000,
        "n": "1",
        "price": "5",
    }
    assert second == {"line": "1,2"}
    assert table["source"].str.ends_with("orders.csv").all()


def test_returns_reduce_revenue_whatever_sign_they_are_written_with(read: Reader) -> None:
    lines = [
        "a,2011-01-01,1,X,2,5",
        "a,2011-01-02,C1,X,-1,5",
        "a,2011-01-03,C2,X,1,5",
        "a,2011-01-04,2,X,-3,5",
    ]
    _, table = read("\n".join([HEADER, *lines]), returns={"when": "\"order\" LIKE 'C%'"})
    assert table["is_return"].to_list() == [False, True, True, True]
    assert table["amount_minor"].to_list() == [1000, -500, -500, -1500]
    assert table["quantity"].to_list() == [2.0, -1.0, -1.0, -3.0]


def test_an_amount_needs_no_price_and_zero_is_a_purchase(read: Reader) -> None:
    columns = {"customer_id": "who", "occurred_at": "at", "amount": "total"}
    found, table = read(
        "who,at,total\na,2011-01-01,0\na,2011-01-02,-0.001\na,2011-01-03,1.999\n", columns=columns
    )
    assert table.select("amount_minor", "is_return", "quantity", "order_id").rows() == [
        (0, False, None, None),
        (0, True, None, None),
        (200, False, None, None),
    ]
    assert [finding.evidence for finding in found.findings] == ["1 lines of amount 0"]


def test_a_log_without_amounts_still_has_purchases_and_says_so(read: Reader) -> None:
    found, table = read(
        "who,at\na,2011-01-01\nb,2011-01-02\n", columns={"customer_id": "who", "occurred_at": "at"}
    )
    assert table["amount_minor"].to_list() == [0, 0]
    assert [(finding.name, finding.severity) for finding in found.findings] == [
        ("no-amounts", "warning")
    ]


def test_duplicates_are_dropped_across_files_but_for_where_they_came_from(
    tmp_path: Path, read: Reader
) -> None:
    header = "who,at,order,item,n,price,sheet"
    rows = "a,2011-01-01,1,X,1,5,first\na,2011-01-01,1,X,1,5,second\na,2011-01-01,1,X,1,5,second\n"
    kept, _ = read(f"{header}\n{rows}")
    dropped, _ = read(f"{header}\n{rows}", exact_duplicates="drop")
    compared, _ = read(f"{header}\n{rows}", exact_duplicates="drop", provenance=["sheet"])
    assert [found.rows.accepted for found in (kept, dropped, compared)] == [3, 2, 1]
    (tmp_path / "orders-2.csv").write_text(f"{header}\na,2011-01-01,1,X,1,5,first\n")
    across, _ = read(
        f"{header}\n{rows}", exact_duplicates="drop", provenance=["sheet"], path="orders*.csv"
    )
    assert across.rows == Rows(read=4, accepted=1, set_aside=3, quarantined=0)


def test_ids_lose_blanks_around_them_and_the_merge_is_told(read: Reader) -> None:
    found, table = read(
        f'{HEADER}\nZoë🎁,2011-01-01,1,X,1,5\n" Zoë🎁\t",2011-01-02,2,X,1,5\n'
        " b ,2011-01-02,3,X,1,5\n"
    )
    assert table["customer_id"].to_list() == ["Zoë🎁", "Zoë🎁", "b"]
    (finding,) = found.findings
    assert finding.name == "blanks-around-ids-transactions"
    assert "2 rows" in finding.evidence
    assert "1 customers occur both with and without" in finding.evidence


def test_ids_that_an_export_made_floats_lose_their_point_only_if_all_have_it(read: Reader) -> None:
    found, table = read(f"{HEADER}\n12345.0,2011-01-01,1,X,1,5\n,2011-01-02,2,X,1,5\n")
    assert table["customer_id"].to_list() == ["12345"]
    assert "ids-with-a-point-transactions" in [finding.name for finding in found.findings]
    _, table = read(f"{HEADER}\n12345.0,2011-01-01,1,X,1,5\n1.0b,2011-01-02,2,X,1,5\n")
    assert table["customer_id"].to_list() == ["12345.0", "1.0b"]


@pytest.mark.parametrize(
    ("written", "zone", "day", "utc"),
    [
        ("2011-03-01", "Asia/Tokyo", date(2011, 3, 1), datetime(2011, 2, 28, 15)),
        ("2011-03-01T23:30:00Z", "Asia/Tokyo", date(2011, 3, 2), datetime(2011, 3, 1, 23, 30)),
        ("2011-03-01 23:30:00-0500", "UTC", date(2011, 3, 2), datetime(2011, 3, 2, 4, 30)),
        (
            "2011-03-01 01:30:00+02:00",
            "Europe/London",
            date(2011, 2, 28),
            datetime(2011, 2, 28, 23, 30),
        ),
        # The clock skips from 01:00 to 02:00: the day is as written, UTC as if the clock had not
        # moved.
        ("2011-03-27 01:30", "Europe/London", date(2011, 3, 27), datetime(2011, 3, 27, 1, 30)),
        # The hour from 01:00 to 02:00 happens twice: ICU takes one of the two, always the same.
        ("2011-10-30 01:30", "Europe/London", date(2011, 10, 30), datetime(2011, 10, 30, 1, 30)),
        (
            "2011-03-01 00:00:00.123456",
            "America/New_York",
            date(2011, 3, 1),
            datetime(2011, 3, 1, 5, 0, 0, 123456),
        ),
    ],
)
def test_a_day_is_a_day_of_the_business(
    read: Reader, written: str, zone: str, day: date, utc: datetime
) -> None:
    _, table = read(f"{HEADER}\na,{written},1,X,1,5\n", study={"time_zone": zone})
    assert table["day"].to_list() == [day_of(day)]
    assert table["occurred_at"].to_list() == [utc]


@pytest.mark.parametrize(
    ("written", "timestamp_format", "day"),
    [
        ("01/02/2011 10:30", "%d/%m/%Y %H:%M", date(2011, 2, 1)),
        ("20110201", "%Y%m%d", date(2011, 2, 1)),
        ("1 Feb 2011", "%d %b %Y", date(2011, 2, 1)),
        ("2011-02-01 23:00 +0000", "%Y-%m-%d %H:%M %z", date(2011, 2, 2)),
    ],
)
def test_a_format_of_the_study_reads_other_dates(
    read: Reader, written: str, timestamp_format: str, day: date
) -> None:
    _, table = read(
        f"{HEADER}\na,{written},1,X,1,5\n",
        csv={"timestamp_format": timestamp_format},
        study={"time_zone": "Asia/Tokyo"},
    )
    assert table["day"].to_list() == [day_of(day)]


def test_a_decimal_comma_is_read_with_its_own_delimiter(read: Reader) -> None:
    text = 'who;at;order;item;n;price\na;2011-01-01;1;X;1,5;"1.234,50"\nb;2011-01-01;1;X;1;2.50\n'
    found, table = read(
        text, csv={"delimiter": ";", "decimal": ","}, set_aside={"dear": "price > 5000"}
    )
    assert table["amount_minor"].to_list() == [185175]
    assert found.reasons["transactions"] == {"unit_price is not a number": 1}


JANUARY = [f"c{i},2011-01-{i % 28 + 1:02},{i},X,1,5" for i in range(2000)]
ENDS = (day_of(date(2011, 1, 1)), day_of(date(2011, 1, 29)))


def test_a_few_lines_months_after_all_others_are_told(read: Reader) -> None:
    found, _ = read("\n".join([HEADER, *JANUARY, "c1,2011-09-01,x,X,1,5"]))
    (finding,) = found.findings
    assert finding.name == "lonely-last-days"
    assert "1 lines are later than 2011-04-28, up to 2011-09-01" in finding.evidence
    assert 'transactions.last_day = "2011-01-28"' in finding.fix


def test_mistyped_years_are_set_aside_and_named(read: Reader) -> None:
    found, table = read(
        "\n".join([HEADER, "c7,1970-01-01,y,X,1,5", *JANUARY, "c1,2091-01-01,x,X,1,5"])
    )
    assert (found.first_day, found.end_day) == ENDS
    assert found.rows == Rows(read=2002, accepted=2000, set_aside=2, quarantined=0)
    assert found.reasons["transactions"] == {"a year or more from all other rows": 2}
    (finding,) = found.findings
    assert finding.name == "stray-days"
    assert "2 of 2,002, " in finding.evidence
    assert "orders.csv row 2003 (c1 on 2091-01-01), " in finding.evidence
    assert "orders.csv row 2 (c7 on 1970-01-01)" in finding.evidence
    assert table.height == 2000


@pytest.mark.parametrize(
    ("lines", "late"),
    [
        (
            JANUARY,
            ["c1,2013-01-01,a,X,1,5", "c2,2013-01-01,b,X,1,5", "c3,2013-01-02,c,X,1,5"],
        ),  # more than 1 in 1,000
        (JANUARY, ["c1,2012-01-28,a,X,1,5"]),  # 365 days after 28 January 2011
        (JANUARY[:98], ["c1,2091-01-01,a,X,1,5"]),  # of fewer than 100 lines, which are the strays?
    ],
)
def test_a_shop_that_opens_again_keeps_its_lines(
    read: Reader, lines: list[str], late: list[str]
) -> None:
    found, _ = read("\n".join([HEADER, *lines, *late]))
    assert found.rows.set_aside == 0


def test_the_study_says_between_which_days_lines_count(read: Reader) -> None:
    text = "\n".join([HEADER, "c7,1970-01-01,y,X,1,5", *JANUARY, "c1,2091-01-01,x,X,1,5"])
    kept, _ = read(text, first_day="1970-01-01", last_day="2091-01-01")
    assert kept.rows.set_aside == 0
    cut, _ = read(text, first_day="2011-01-02", last_day="2011-01-27")
    # 2000 lines over 28 days: 72 on each of the first twelve, 71 on each of the others.
    assert cut.reasons["transactions"] == {
        "before transactions.first_day": 73,
        "after transactions.last_day": 72,
    }
    with pytest.raises(StudyError, match="first_day 2011-01-02 is after last_day 2011-01-01"):
        read(text, first_day="2011-01-02", last_day="2011-01-01")


@pytest.mark.parametrize(
    ("row", "log", "said"),
    [
        ("a,2011-01-01,1,X,1,-5", {}, r"'price' \(unit_price\) is zero or less in all 20 lines"),
        (
            "a,2011-01-01,1,X,-1,5",
            {},
            "all 20 lines are returns, .* 'n' x 'price' is below zero in each",
        ),
        (
            "a,2011-01-01,1,X,1,-5",
            {"columns": {"customer_id": "who", "occurred_at": "at", "amount": "price"}},
            "all 20 lines are returns, .* 'price' is below zero in each; a sale has an amount "
            "above zero",
        ),
        (
            "a,2011-01-01,1,X,1,5",
            {"returns": {"when": "item = 'X'"}},
            "below zero or transactions.returns.when holds in each; .* or correct "
            "transactions.returns.when",
        ),
    ],
)
def test_a_log_that_writes_sales_below_zero_is_told_so(
    read: Reader, row: str, log: dict[str, Any], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read("\n".join([HEADER, *[row] * 20]), **log)


def test_a_placeholder_for_a_customer_is_told(read: Reader) -> None:
    found, _ = read(f"{HEADER}\nGuest,2011-01-01,1,X,1,5\na,2011-01-02,2,X,1,5\n")
    assert [(f.name, f.evidence) for f in found.findings] == [
        ("placeholder-customers", "'Guest' has 1 lines")
    ]


@pytest.mark.parametrize(
    ("text", "log", "said"),
    [
        (f"{HEADER}\n", {}, "has no rows"),
        ("who,at\na,2011-01-01\n", {}, "does not have; known: who, at"),
        (
            f"{HEADER}\na,01/31/2011,1,X,1,5\n",
            {},
            "none of the 1 rows of transactions can be used: 1 x occurred_at is not a date",
        ),
        (f"{HEADER}\na,2011-01-01,1,X,1,5\n", {"csv": {"delimiter": ";"}}, "does not have"),
        (
            f"{HEADER}\na,2011-01-01,1,X,1,5\n",
            {"set_aside": {"x": "itm = 'POST'"}},
            "did you mean 'item'",
        ),
        (
            f"{HEADER}\na,2011-01-01,1,X,1,5\n",
            {"set_aside": {"no customer": "n > 5"}},
            "Holdfast uses that name",
        ),
        (f"{HEADER}\na,2011-01-01,1,X,1,5\n", {"csv": {"timestamp_format": "%q"}}, "is no format"),
        (
            f"{HEADER}\na,2011-01-01,1,X,1,5\n",
            {"path": "${NOT_SET_HERE}/a.csv"},
            "NOT_SET_HERE, which is not set",
        ),
        (f"{HEADER}\na,2011-01-01,1,X,1,5\n", {"path": "order.csv"}, "did you mean 'orders.csv'"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_to_do(
    read: Reader, text: str, log: dict[str, Any], said: str
) -> None:
    with pytest.raises((DataError, StudyError), match=said):
        read(text, **log)


def test_a_rule_that_cannot_be_computed_is_named(read: Reader) -> None:
    with pytest.raises(
        StudyError, match=r"\[transactions.set_aside\] 'odd': the expression .* cannot be computed"
    ):
        read(
            f"{HEADER}\na,2011-01-01,1,X,1,5\n", set_aside={"odd": "upper(item) * lower(item) = 1"}
        )


def test_the_fingerprint_knows_the_rows_and_not_their_order(read: Reader) -> None:
    one, two = "a,2011-01-01,1,X,1,5\n", "b,2011-01-02,1,X,1,5\n"
    first, _ = read(f"{HEADER}\n{one}{two}")
    turned, _ = read(f"{HEADER}\n{two}{one}")
    other, _ = read(f"{HEADER}\n{one}{two}{two}")
    assert first.fingerprint == turned.fingerprint != other.fingerprint


def test_a_snapshot_study_is_sent_elsewhere(tmp_path: Path) -> None:
    raw = {
        "study": {"name": "t"},
        "snapshot": {
            "path": "x.csv",
            "columns": {"customer_id": "id"},
            "as_of": "2024-01-01",
            "labels": {"churned": "x > 1"},
        },
    }
    with Warehouse(tmp_path) as warehouse, pytest.raises(StudyError, match="read_snapshot"):
        read_order_log(Study.from_dict(raw), warehouse)
