"""The situation of a log: two rules about the age of the shop, and what follows from it."""

import numpy as np
import pytest

from holdfast.models.log_situation import LogSituation, opens_midway, sees_old_customers


def first_purchases(*per_month: int) -> np.ndarray:
    """Days of first purchases, so many in each 28 days of a log that starts on day 1,000."""
    months = [np.full(n, 1_000 + 28 * month) for month, n in enumerate(per_month)]
    return np.concatenate(months).astype(np.int64)


@pytest.mark.parametrize(
    ("per_month", "older"),
    [
        ((50, 10, 12, 9, 11), True),
        ((20, 10, 12, 9, 11), False),  # Not more than twice the usual 10.5.
        ((50, 0, 0, 0, 0), False),  # One cohort: nobody came later.
        ((50, 10, 12), False),  # Three months show nothing yet.
    ],
)
def test_a_shop_is_older_than_its_log_if_its_first_month_shows_far_more_new_customers(
    per_month: tuple[int, ...], older: bool
) -> None:
    now = 1_000 + 28 * len(per_month)
    assert sees_old_customers(first_purchases(*per_month), first_day=1_000, now=now) is older


def test_a_log_opens_midway_if_new_customers_become_fewer_and_keep_coming() -> None:
    assert opens_midway(1.9, 1.0)
    assert not opens_midway(1.8, 1.0)
    assert not opens_midway(10.0, 1.0)
    assert not opens_midway(1.0, float("nan"))


def situation(**changed: object) -> LogSituation:
    usual = {
        "history_days": 400,
        "complete_windows": True,
        "newly_opened": False,
        "all_alike": False,
        "earns_nothing": False,
    }
    return LogSituation(**(usual | changed))  # type: ignore[arg-type]


def test_a_shop_is_in_its_first_years_until_two_years_after_it_opened() -> None:
    assert situation(newly_opened=True, history_days=729).first_years
    assert not situation(newly_opened=True, history_days=730).first_years
    assert not situation().first_years
