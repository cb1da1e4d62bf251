"""Contracts: a table that breaks its promise is refused with the reason."""

import polars as pl
import pytest

from holdfast.errors import DataError
from holdfast.tables import EVENTS, FEATURES, LABELS


def test_a_sound_table_passes_unchanged() -> None:
    frame = EVENTS.empty()
    assert EVENTS.check(frame) is frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (EVENTS.empty().drop("n"), "events lacks the column 'n'"),
        (EVENTS.empty().cast({"n": pl.Int32}), "events.n is Int32; make it Int64"),
        (EVENTS.empty().with_columns(x=1), "unknown columns: x"),
        (
            pl.DataFrame(
                {"customer_id": [None], "day": [1], "kind": ["click"], "n": [1]},
                schema=EVENTS.schema,
            ),
            "empty in 1",
        ),
    ],
)
def test_a_broken_promise_is_named(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        EVENTS.check(frame)


def test_a_repeated_key_is_counted() -> None:
    frame = pl.DataFrame({"customer_id": ["a", "a"], "cutoff_day": [1, 1]}, schema=FEATURES.schema)
    with pytest.raises(DataError, match="features repeats 1 keys"):
        FEATURES.check(frame)


def test_an_open_table_may_have_more_columns() -> None:
    assert FEATURES.check(FEATURES.empty().with_columns(n_purchases=1)).width == 3
    with pytest.raises(DataError, match="unknown columns"):
        LABELS.check(LABELS.empty().with_columns(n_purchases=1))
