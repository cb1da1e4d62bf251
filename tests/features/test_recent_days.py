import polars as pl

from holdfast.features.recent_days import MOST_DAYS, RECENT_DAYS, RECENT_DAYS_TYPE, add_recent_days
from holdfast.tables import ACTIVITY


def activity_of(days: dict[str, list[int]]) -> pl.DataFrame:
    rows = [{"customer_id": name, "day": day} for name, each in days.items() for day in each]
    frame = pl.DataFrame(rows, schema={"customer_id": pl.String, "day": pl.Int32})
    rest = {name: dtype for name, dtype in ACTIVITY.schema.items() if name not in frame.columns}
    return frame.with_columns(pl.lit(1).cast(dtype).alias(name) for name, dtype in rest.items())


def frame_of(*rows: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"customer_id": pl.String, "cutoff_day": pl.Int32}, orient="row"
    )


def read_days(frame: pl.DataFrame) -> list[list[int]]:
    return [[day["day"] for day in days] for days in frame[RECENT_DAYS].to_list()]


def test_days_before_the_cutoff_come_oldest_first_each_row_with_its_own_cutoff():
    activity = activity_of({"a": [9, 3, 5], "b": [4]})
    frame = frame_of(("b", 5), ("a", 9), ("a", 4), ("nobody", 9))
    assert read_days(add_recent_days(frame, activity)) == [[4], [3, 5], [3], []]


def test_the_column_has_its_type_where_nobody_has_a_day():
    given = add_recent_days(frame_of(("a", 1)), activity_of({"a": [1]}))
    assert given.schema[RECENT_DAYS] == RECENT_DAYS_TYPE
    assert read_days(given) == [[]]


def test_of_more_days_than_are_read_the_last_are_kept():
    activity = activity_of({"a": list(range(MOST_DAYS + 10))})
    (days,) = read_days(add_recent_days(frame_of(("a", 1_000)), activity))
    assert days == list(range(10, MOST_DAYS + 10))
