"""Each topic of the data report on a log made by hand: it sees what was put there, and is quiet
where nothing was.
"""

from datetime import date

import numpy as np
import polars as pl

from holdfast.quality.calendar import calendar
from holdfast.quality.clock import clock
from holdfast.quality.customers import identities, newcomers
from holdfast.quality.lines import duplicates, returns
from holdfast.quality.topics import Topic
from holdfast.quality.units import amounts, rates
from holdfast.windows import day_of

MONDAY = day_of(date(2024, 1, 1))


def names(topic: Topic) -> list[str]:
    return [finding.name for finding in topic.findings]


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


def test_a_weekday_without_lines_is_a_closed_day_and_no_gap() -> None:
    found = calendar(days())
    assert found.facts["closed_on"] == ["Saturdays"]
    assert found.facts["missing_days"] == 0
    assert names(found) == []


def test_a_fortnight_without_lines_is_named_with_its_dates() -> None:
    found = calendar(days(without=range(MONDAY + 70, MONDAY + 90)))
    assert names(found) == ["gaps-in-the-calendar"]
    assert "2024-03-11 to 2024-03-29 (17 days)" in found.findings[0].evidence
    assert found.findings[0].severity == "warning"


def test_a_last_day_that_ends_at_noon_is_incomplete() -> None:
    found = calendar(days(last_lines=20, last_second=12 * 3600))
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
    found = clock(halves(), at_midnight=0, zone="Europe/London")
    assert names(found) == []
    assert found.facts["clock_changes"] == 2


def test_times_that_do_not_follow_the_summer_are_seen() -> None:
    found = clock(halves(moved_by=-1), at_midnight=0, zone="Europe/London")
    assert names(found) == ["summer-time-not-followed"]
    assert found.facts["seen_shift_hours"] == {"Europe/London": -1}
    assert names(clock(halves(moved_by=-1), at_midnight=0, zone="UTC")) == [
        "summer-time-not-followed"
    ]


def test_a_shop_that_sleeps_by_day_has_another_zone() -> None:
    assert names(clock(halves(opens=21), at_midnight=0, zone="UTC")) == ["time-zone-looks-wrong"]


def test_a_log_of_dates_says_so() -> None:
    table = pl.DataFrame({"day": [1, 2], "half": [0, 0], "lines": [500, 500]})
    assert clock(table, at_midnight=1000, zone="UTC").facts["dates_only"] is True


def firsts(counts: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"day": np.arange(len(counts)), "customers": counts}).filter(
        pl.col("customers") > 0
    )


def test_a_crowd_in_the_first_half_year_is_older_than_the_log() -> None:
    steady = np.full(730, 2)
    crowd = steady + np.where(np.arange(730) < 100, 8, 0)
    found = newcomers(firsts(crowd), first_day=0, end_day=730, known_before=None)
    assert found.facts["older_than_the_log"] == 800
    assert names(found) == ["customers-older-than-the-log"]
    assert names(newcomers(firsts(steady), first_day=0, end_day=730, known_before=None)) == []


def test_a_group_that_nobody_joins_later_is_closed() -> None:
    quarter = np.where(np.arange(540) < 90, 10, 0)
    assert names(newcomers(firsts(quarter), first_day=0, end_day=540, known_before=None)) == [
        "closed-cohort"
    ]


def test_ids_that_differ_by_case_are_named() -> None:
    found = identities(customers=100, by_case=3, by_blanks=0, examples=["A1 / a1"])
    assert [finding.severity for finding in found.findings] == ["warning"]
    assert "A1 / a1" in found.findings[0].evidence


def test_cents_among_pounds_are_seen_where_they_begin() -> None:
    months = pl.DataFrame(
        {"period": ["2024-01", "2024-02", "2024-03"], "lines": 500, "median": [12.0, 11.0, 1150.0]}
    )
    found = amounts(months, of="month", currency="GBP")
    assert names(found) == ["amounts-change-unit"]
    assert "105 times as large in 2024-03 as in 2024-02" in found.findings[0].evidence
    assert names(amounts(months.head(2), of="month", currency="GBP", currencies=[("GBP", 9)])) == []
    assert names(
        amounts(months.head(2), of="month", currency="GBP", currencies=[("GBP", 9), ("EUR", 2)])
    ) == ["several-currencies"]


def test_percents_down_to_zero_are_no_mixture() -> None:
    even = pl.Series(np.random.default_rng(1).uniform(0, 50, 10_000))
    shares = pl.Series(np.random.default_rng(1).uniform(0, 1, 10_000))
    counts = pl.Series([0.0, 1.0, 1.0, 1.0, 1.0, 5.0])
    assert rates({"Cart_Abandon_Rate": even, "return_share": shares, "rate_count": counts}) == []


def test_returns_without_a_purchase_are_told_when_they_are_many() -> None:
    facts = {
        "returns": 100,
        "matched": 60,
        "amount": 900.0,
        "unmatched_amount": 350.0,
        "soon": 4,
        "key": "customer",
    }
    assert names(returns(facts, currency="EUR")) == ["returns-without-purchase"]
    assert names(returns(facts | {"matched": 95}, currency="EUR")) == []


def test_lines_that_stand_in_two_files_are_a_warning() -> None:
    facts = {"set_aside": 0, "equal": 7, "across_files": 5, "files": 2, "accepted": 1_000}
    assert names(duplicates(facts)) == ["duplicates-across-files"]
    assert names(duplicates(facts | {"files": 1})) == []
    assert names(duplicates(facts | {"files": 1, "accepted": 600})) == ["lines-occur-twice"]
