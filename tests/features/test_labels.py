"""Labels by hand."""

import narwhals as nw
import polars as pl
import pytest

from holdfast.errors import NotEnoughData
from holdfast.features.labels import build_labels
from holdfast.tables import ACTIVITY, LABELS

NOTHING: dict[str, object] = {
    name: None if name == "purchase_gap" else 0 for name in ACTIVITY.schema
}


def day(
    customer_id: str, day: int, *, n_orders: int = 1, gross_minor: int = 0, returns_minor: int = 0
) -> dict[str, object]:
    told = {
        "customer_id": customer_id,
        "day": day,
        "n_orders": n_orders,
        "gross_minor": gross_minor,
    }
    return NOTHING | told | {"returns_minor": returns_minor}


def labels(
    rows: list[dict[str, object]], asked: list[tuple[str, int]], horizons: list[int], end_day: int
) -> pl.DataFrame:
    population = pl.DataFrame(
        asked, schema={"customer_id": pl.String, "cutoff_day": pl.Int32}, orient="row"
    )
    activity = pl.DataFrame(rows, schema=ACTIVITY.schema)
    frame = build_labels(
        nw.from_native(activity.lazy()),
        nw.from_native(population.lazy()),
        sorted({cutoff for _, cutoff in asked}),
        horizons,
        end_day=end_day,
    )
    return LABELS.check(
        frame.to_native().collect().sort("cutoff_day", "customer_id", "horizon_days")
    )


def outcome(rows: list[dict[str, object]]) -> tuple[bool, int, int]:
    row = labels(rows, [("a", 100)], [30], 130).row(0)
    return row[3], row[4], row[5]


def test_a_purchase_on_the_cutoff_day_belongs_to_the_label() -> None:
    assert outcome([day("a", 100, gross_minor=500)]) == (False, 1, 500)


def test_the_day_before_the_cutoff_and_the_day_after_the_window_do_not() -> None:
    assert outcome([day("a", 99, gross_minor=1), day("a", 130, gross_minor=2)]) == (True, 0, 0)
    assert outcome([day("a", 129, gross_minor=2)]) == (False, 1, 2)


def test_a_return_alone_is_churn_with_negative_revenue() -> None:
    assert outcome([day("a", 110, n_orders=0, returns_minor=-700)]) == (True, 0, -700)


def test_several_orders_of_a_day_are_one_purchase_and_returns_are_netted() -> None:
    rows = [
        day("a", 101, n_orders=3, gross_minor=900, returns_minor=-100),
        day("a", 102, gross_minor=50),
    ]
    assert outcome(rows) == (False, 2, 850)


def test_only_complete_windows_have_a_label() -> None:
    asked = [("a", 100), ("a", 160)]
    frame = labels([day("a", 170)], asked, [30, 90], 190)
    assert frame.rows() == [
        ("a", 100, 30, True, 0, 0),
        ("a", 100, 90, False, 1, 0),
        ("a", 160, 30, False, 1, 0),
    ]


def test_customers_who_were_not_asked_for_have_no_label() -> None:
    frame = labels([day("a", 100), day("b", 100)], [("b", 100), ("c", 100)], [30], 130)
    assert frame.select("customer_id", "churned").rows() == [("b", False), ("c", True)]


def test_a_log_too_short_for_any_window_says_so() -> None:
    with pytest.raises(NotEnoughData, match="no target window of 30 days is complete"):
        labels([], [("a", 100)], [30, 90], 129)
