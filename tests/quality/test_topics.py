"""Each topic of the data report on a log made by hand: it sees what was put there, and is quiet
where nothing was.
"""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.ingest.order_log import OrderLog
from holdfast.io.warehouse import Warehouse
from holdfast.quality.calendar import describe_calendar
from holdfast.quality.clock import describe_clock
from holdfast.quality.columns import (
    describe_amounts,
    describe_columns,
    find_mixed_units,
)
from holdfast.quality.currencies import find_currencies
from holdfast.quality.customers import describe_ids_of, describe_new_customers
from holdfast.quality.lines import describe_duplicates, describe_returns
from holdfast.quality.quantiles import quantile_sql
from holdfast.quality.topics import Topic
from holdfast.study.sources import TransactionColumns
from holdfast.windows import day_of

MONDAY = day_of(date(2024, 1, 1))


def names(topic: Topic | None) -> list[str]:
    assert topic is not None
    return [finding.name for finding in topic.findings]


class Answered(OrderLog):
    """A log whose queries have been answered: each with the same rows, or the same row."""

    def __init__(self, rows: Any = None, row: tuple[Any, ...] = (), **more: Any) -> None:
        columns = TransactionColumns(
            customer_id="who", occurred_at="at", amount="price", product_id="sku"
        )
        study = SimpleNamespace(
            time_zone=more.pop("zone", "UTC"),
            currency=more.pop("currency", "EUR"),
            minor_digits=2,
            transactions=SimpleNamespace(columns=columns),
            customers=None,
        )
        source = SimpleNamespace(
            **{
                "fields": {},
                "labels": ["a"],
                "reasons": {},
                "table": "lines",
                "rows": SimpleNamespace(accepted=1),
            }
            | more.pop("source", {})
        )
        warehouse = SimpleNamespace(row=lambda *_: row or (0,))
        self.__dict__.update(
            study=study, warehouse=warehouse, sources=[source], answer=rows, **more
        )

    def query(self, sql: str) -> pl.DataFrame:
        return self.__dict__["answer"]


def days(
    *, without: range | None = None, last_lines: int = 50, last_second: int = 64_000
) -> pl.DataFrame:
    """A year of six-day weeks with 50 lines a day, until six in the evening."""
    open_days = [
        day
        for day in range(MONDAY, MONDAY + 363)
        if (day - MONDAY) % 7 != 5 and day not in (without or ())
    ]
    table = pl.DataFrame({"day": open_days, "lines": 50, "customers": 40, "last_second": 64_000})
    last = pl.col("day") == open_days[-1]
    return table.with_columns(
        lines=pl.when(last).then(last_lines).otherwise("lines"),
        last_second=pl.when(last).then(last_second).otherwise("last_second"),
    )


@pytest.mark.parametrize(("share", "by"), [(0.5, "shop"), (0.99, "1"), (0.123, "shop")])
def test_a_counted_quantile_is_that_of_the_database(share: float, by: str, tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.execute("SELECT setseed(0.5)")
        warehouse.execute(
            "CREATE TABLE lines AS SELECT CAST(random() * 900 AS BIGINT) AS amount, "
            "CAST(random() * 3 AS INTEGER) AS shop FROM range(10007)"
        )
        rows = "lines WHERE amount > 3"
        counted = warehouse.query(
            f"FROM ({quantile_sql('amount', share, rows=rows, by=by)}) ORDER BY period"
        )
        held = warehouse.query(
            f"SELECT {by} AS period, count(*) AS lines, quantile_cont(amount, {share}) AS value "
            f"FROM {rows} GROUP BY period ORDER BY period"
        )
    assert counted.select("period", "lines").equals(held.select("period", "lines"))
    np.testing.assert_allclose(counted["value"], held["value"], rtol=1e-12)


def test_ids_that_only_a_computer_tells_apart_are_named(tmp_path: Path) -> None:
    ids = ["ada", "ad\u200ba", "ada\0", "zo\u00eb", "zoe\u0308", "\ufeffbob", "Bob", "plain"]
    with Warehouse(tmp_path) as warehouse:
        warehouse.con.register("lines", pl.DataFrame({"customer_id": ids}).to_arrow())
        topic = describe_ids_of("lines", warehouse)
    # ada three times and zoe twice; Bob and bob differ by case besides.
    assert topic.facts["differ_unseen"] == 3
    assert topic.facts["differ_by_case"] == 1
    unseen = next(each for each in topic.findings if each.name == "ids-differ-unseen")
    assert unseen.severity == "warning"
    assert "4 ids hold signs that nobody sees" in unseen.evidence
    assert "3 differ from another by them alone" in unseen.evidence
    assert r"'ada' / 'ada\x00'; 'zoe\u0308' / 'zo\xeb'; '\ufeffbob'" in unseen.evidence


def test_ids_without_a_twin_that_hold_unseen_signs_are_a_note(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        rows = pl.DataFrame({"customer_id": ["a\u200b", "b"]})
        warehouse.con.register("lines", rows.to_arrow())
        (finding,) = describe_ids_of("lines", warehouse).findings
    assert (finding.name, finding.severity) == ("ids-differ-unseen", "note")


def test_a_weekday_without_lines_is_a_closed_day_and_no_gap() -> None:
    found = describe_calendar(Answered(days()))
    assert found.facts["closed_on"] == ["Saturdays"]
    assert found.facts["missing_days"] == 0
    assert names(found) == []


def test_a_fortnight_without_lines_is_named_with_its_dates() -> None:
    found = describe_calendar(Answered(days(without=range(MONDAY + 70, MONDAY + 90))))
    assert names(found) == ["gaps-in-the-calendar"]
    assert "2024-03-11 to 2024-03-29 (17 days)" in found.findings[0].evidence
    assert found.findings[0].severity == "warning"


def test_a_last_day_that_ends_at_noon_is_incomplete() -> None:
    found = describe_calendar(Answered(days(last_lines=20, last_second=12 * 3600)))
    assert names(found) == ["last-day-incomplete"]
    assert (
        "40% of the lines usual on its weekday and ends at 12:00, usually 17:46"
        in found.findings[0].evidence
    )


def halves(*, moved_by: int = 0, opens: int = 9, n_days: int = 365) -> pl.DataFrame:
    """Lines at 9 to 18 o'clock; in summer (31 March to 27 October 2024) the day moves by so many
    hours.
    """
    rows = []
    for day in range(MONDAY, MONDAY + n_days):
        summer = day_of(date(2024, 3, 31)) <= day < day_of(date(2024, 10, 27))
        for half in range(18):
            rows.append((day, (2 * (opens + moved_by * summer) + half) % 48, 10 + half // 3))
    return pl.DataFrame(
        rows, schema={"day": pl.Int32, "half": pl.Int32, "lines": pl.Int64}, orient="row"
    )


def test_a_shop_in_its_own_zone_is_quiet_by_night() -> None:
    found = describe_clock(Answered(halves(), zone="Europe/London"))
    assert names(found) == []
    assert found.facts["clock_changes"] == 2


def test_times_that_do_not_follow_the_summer_are_seen() -> None:
    found = describe_clock(Answered(halves(moved_by=-1), zone="Europe/London"))
    assert names(found) == ["summer-time-not-followed"]
    assert found.facts["seen_shift_hours"] == {"Europe/London": -1}
    assert names(describe_clock(Answered(halves(moved_by=-1), zone="UTC"))) == [
        "summer-time-not-followed"
    ]


def test_a_shop_that_sleeps_by_day_has_another_zone() -> None:
    assert names(describe_clock(Answered(halves(opens=21), zone="UTC"))) == [
        "time-zone-looks-wrong"
    ]


def test_a_log_of_dates_says_so() -> None:
    lines = {"rows": SimpleNamespace(accepted=1_000)}
    log = Answered(row=(990,), source=lines)
    assert describe_clock(log).facts["dates_only"] is True
    assert Answered(row=(989,), source=lines).has_dates_only is False


def firsts(counts: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"day": np.arange(len(counts)), "customers": counts}).filter(
        pl.col("customers") > 0
    )


def test_a_crowd_in_the_first_half_year_is_older_than_the_log() -> None:
    steady = np.full(730, 2)
    crowd = steady + np.where(np.arange(730) < 100, 8, 0)
    found = describe_new_customers(Answered(firsts(crowd), end_day=730))
    assert found.facts["older_than_the_log"] == 800
    assert names(found) == ["customers-older-than-the-log"]
    assert names(describe_new_customers(Answered(firsts(steady), end_day=730))) == []


def test_a_business_that_grew_or_shrank_many_times_over_is_told_so() -> None:
    growing = np.round(np.exp(np.linspace(0, np.log(20), 600))).astype(int)
    for counts in (growing, growing[::-1] ** 2):
        found = describe_new_customers(Answered(firsts(counts), end_day=600))
        assert "acquisition-has-moved" in names(found)
    newcomers = np.full(600, 4) + np.where(np.arange(600) < 60, 100, 0)
    older = describe_new_customers(Answered(firsts(newcomers), end_day=600))
    assert "acquisition-has-moved" not in names(older)


def test_a_group_that_nobody_joins_later_is_closed() -> None:
    quarter = np.where(np.arange(540) < 90, 10, 0)
    assert names(describe_new_customers(Answered(firsts(quarter), end_day=540))) == [
        "closed-cohort"
    ]


def test_ids_that_differ_by_case_are_named(tmp_path: Path) -> None:
    ids = pl.DataFrame({"customer_id": ["A1", "a1", "b-2", "b 2", *map(str, range(96))]})
    with Warehouse(tmp_path) as warehouse:
        warehouse.con.register("customers", ids)
        topic = describe_ids_of("customers", warehouse)
    assert [finding.severity for finding in topic.findings] == ["warning"]
    assert topic.findings[0].evidence == (
        "1 ids differ from another only by case, 1 by blanks or signs within: A1 / a1, b 2 / b-2"
    )


def test_cents_among_pounds_are_seen_where_they_begin() -> None:
    months = pl.DataFrame(
        {"period": ["2024-01", "2024-02", "2024-03"], "lines": 500, "median": [12.0, 11.0, 1150.0]}
    )
    found = describe_amounts(Answered(months, currency="GBP"))
    assert names(found) == ["amounts-change-unit"]
    assert found is not None
    assert "105 times as large in 2024-03 as in 2024-02" in found.findings[0].evidence
    assert names(describe_amounts(Answered(months.head(2), currency="GBP"))) == []


def test_a_currency_that_is_not_the_studys_is_named() -> None:
    own, several, other = [("GBP", 9)], [("GBP", 9), ("EUR", 2)], [("EUR", 2)]
    assert list(find_currencies(own, "GBP")) == []
    assert [each.name for each in find_currencies(several, "GBP")] == ["several-currencies"]
    (finding,) = find_currencies(other, "GBP")
    assert finding.name == "another-currency"
    assert finding.evidence.endswith("the log's currency column has EUR (2 lines)")


def test_percents_down_to_zero_are_no_mixture() -> None:
    even = pl.Series(np.random.default_rng(1).uniform(0, 50, 10_000))
    shares = pl.Series(np.random.default_rng(1).uniform(0, 1, 10_000))
    counts = pl.Series([0.0, 1.0, 1.0, 1.0, 1.0, 5.0])
    for name, values in {"Abandon_Rate": even, "share": shares, "rate_count": counts}.items():
        assert list(find_mixed_units(pl.DataFrame({name: values}))) == []


def test_returns_without_a_purchase_are_named_when_they_are_many() -> None:
    # Returns, matched, amount, amount of the others, undone within the hour.
    many, few = (100, 60, 90_000, 35_000, 4), (100, 95, 90_000, 5_000, 4)
    found = describe_returns(Answered(row=many))
    assert names(found) == ["returns-without-purchase"]
    assert found is not None
    assert "40 of 100 returns (40%, 350 EUR)" in found.findings[0].evidence
    assert names(describe_returns(Answered(row=few))) == []


def test_lines_that_stand_in_two_files_are_a_warning() -> None:
    def duplicates(files: int, accepted: int) -> Topic:
        source = {"labels": ["f"] * files, "rows": SimpleNamespace(accepted=accepted)}
        return describe_duplicates(Answered(row=(7, 5), source=source))

    assert names(duplicates(2, 1_000)) == ["duplicates-across-files"]
    assert names(duplicates(1, 1_000)) == []
    assert names(duplicates(1, 600)) == ["lines-occur-twice"]


def test_a_column_that_is_the_same_for_everyone_is_named() -> None:
    frame = pl.DataFrame(
        {
            "plan": ["a", "a", "b"],
            "country": ["NL"] * 3,
            "spend": [1.0, None, 5.0],
            "vip": [True] * 3,
        }
    )
    topic = describe_columns(frame)
    assert names(topic) == ["constant-columns"]
    assert topic.findings[0].evidence == "country, vip are the same for every customer"
    assert topic.sentences == ("3 customers, 4 columns, 1 cells missing.",)
    assert topic.table is not None
    assert topic.table.filter(column="spend").row(0) == ("spend", "number", 1, 3, 1.0, 3.0, 5.0)
    assert topic.table["holds"].to_list() == ["words", "words", "number", "yes or no"]
