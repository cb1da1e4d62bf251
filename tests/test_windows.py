"""Days and cutoffs."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from holdfast.windows import backtest_cutoffs, date_of, day_of, training_cutoffs


@given(st.dates())
def test_a_day_is_its_date(when: date) -> None:
    assert date_of(day_of(when)) == when


def test_the_days_of_known_dates() -> None:
    assert day_of(date(2011, 6, 1)) == 15126
    assert day_of(date(1969, 12, 31)) == -1


@given(
    first_day=st.integers(0, 1000),
    span=st.integers(0, 2000),
    horizon_days=st.integers(1, 400),
    step_days=st.integers(1, 100),
    min_history_days=st.integers(1, 200),
    at_most=st.integers(1, 20),
)
def test_training_labels_are_complete_and_history_is_long_enough(
    first_day: int,
    span: int,
    horizon_days: int,
    step_days: int,
    min_history_days: int,
    at_most: int,
) -> None:
    now = first_day + span
    cutoffs = training_cutoffs(
        first_day=first_day,
        now=now,
        horizon_days=horizon_days,
        step_days=step_days,
        min_history_days=min_history_days,
        at_most=at_most,
    )
    assert list(cutoffs) == sorted(set(cutoffs))
    assert len(cutoffs) <= at_most
    assert all(c + horizon_days <= now and c - first_day >= min_history_days for c in cutoffs)


def test_backtest_windows_end_with_the_log() -> None:
    assert backtest_cutoffs(end_day=700, horizon_days=90, step_days=90, count=2) == (520, 610)
