"""A date on or after the cutoff was not known on that day."""

import numpy as np
import polars as pl
from tests.audits.tables import customers_of

from holdfast.audits.label_windows import find_late_date

DAY = 19_723  # 2024-01-01


def dated(days: list[int | None], **more):
    left = np.arange(len(days)) % 2 == 0
    return customers_of({"last_visit": days}, left=left, days=("last_visit",), **more)


def test_the_day_of_the_cutoff_is_too_late_and_the_day_before_is_not():
    cutoffs = pl.Series([DAY] * 4)
    (finding,) = find_late_date(dated([DAY - 1, DAY, DAY + 3, None], cutoff_day=cutoffs))
    assert (finding.name, finding.severity) == ("dated-after-the-cutoff", "fatal")
    assert finding.evidence == (
        "last_visit is too late in 2 of 4 rows, 1 of them on the day of the cutoff itself "
        "(customer customer-b: 2024-01-01, cutoff 2024-01-01)"
    )
    assert list(find_late_date(dated([DAY - 1, DAY - 9, None, 0], cutoff_day=cutoffs))) == []


def test_without_cutoffs_the_day_the_table_was_taken_is_the_last_one_known():
    assert list(find_late_date(dated([DAY, DAY - 1], as_of_day=DAY))) == []
    (finding,) = find_late_date(dated([DAY, DAY + 1], as_of_day=DAY))
    assert "(customer customer-b: 2024-01-02, table taken on 2024-01-01)" in finding.evidence


def test_a_century_away_means_never():
    assert list(find_late_date(dated([DAY + 36_600, DAY - 1], as_of_day=DAY))) == []


def test_a_hidden_column_is_not_asked():
    table = dated([DAY + 1, DAY], as_of_day=DAY, hidden={"churn": ["last_visit"]})
    assert list(find_late_date(table)) == []


def test_where_nobody_says_the_day_nothing_is_found():
    assert list(find_late_date(dated([DAY + 1, DAY]))) == []
