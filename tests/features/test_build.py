"""One small shop, worked out by hand, and what may never happen on any shop."""

import math
from collections.abc import Sequence
from datetime import date

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.features.build import build_features
from holdfast.features.catalogue import FEATURES, FEATURES_BY_NAME, features_for, sources_of
from holdfast.features.feature import Feature
from holdfast.study import Study
from holdfast.tables import ACTIVITY
from holdfast.windows import day_of

NOTHING: dict[str, object] = {
    name: None if name == "purchase_gap" else 0 for name in ACTIVITY.schema
}


def activity(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([NOTHING | row for row in rows], schema=ACTIVITY.schema)


def bought(
    customer_id: str, day: int, gross_minor: int = 1000, gap: int | None = None, **more: object
) -> dict[str, object]:
    row = {
        "customer_id": customer_id,
        "day": day,
        "n_orders": 1,
        "gross_minor": gross_minor,
        "purchase_gap": gap,
    }
    return row | more


def built(
    table: pl.DataFrame,
    cutoff_days: Sequence[int],
    features: Sequence[Feature] = FEATURES,
    *,
    eligible_days: int | None = None,
    minor_digits: int = 2,
) -> pl.DataFrame:
    lazy = nw.from_native(table.lazy())
    frame = build_features(
        lazy, cutoff_days, features, eligible_days=eligible_days, minor_digits=minor_digits
    )
    return frame.to_native().collect().sort("cutoff_day", "customer_id")


def value(table: pl.DataFrame, name: str, cutoff_day: int = 100) -> float | None:
    return built(table, [cutoff_day], [FEATURES_BY_NAME[name]])[name].item()


THREE_PURCHASES = activity(
    bought("a", 40, 5000),
    bought("a", 70, 1000, gap=30),
    bought("a", 80, 2000, gap=10),
    {"customer_id": "a", "day": 90, "returns_minor": -500},
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("days_since_last_purchase", 20),
        ("tenure_days", 60),
        ("n_purchases", 3),
        ("n_purchases_7d", 0),
        ("n_purchases_30d", 2),
        ("spend_total", 75.0),
        ("spend_30d", 25.0),
        ("spend_7d", 0.0),
        ("returns_total", 5.0),
        ("return_share", 500 / 8000),
        ("gap_mean", 20.0),
        ("gap_sd", math.sqrt(200)),
        ("gap_last", 10),
        ("gap_max", 30),
        ("overdue_ratio", 1.0),
        ("gap_change", 0.5),
        ("purchase_value_mean", 8000 / 3 / 100),
        ("purchase_value_max", 50.0),
        ("purchase_value_last", 20.0),
        # 2 in 30 days against 1 in the 60 before: (120 - 30) / (120 + 30).
        ("purchase_change_30d", 0.6),
        ("cart_abandon_rate", None),
        ("days_since_last_session", None),
    ],
)
def test_three_purchases_and_a_return_by_hand(name: str, expected: float | None) -> None:
    assert value(THREE_PURCHASES, name) == (
        expected if expected is None else pytest.approx(expected, rel=1e-12)
    )


def test_a_first_purchase_has_no_gap_and_no_rhythm() -> None:
    rhythm = [
        FEATURES_BY_NAME[name]
        for name in ("gap_mean", "gap_sd", "gap_last", "gap_max", "overdue_ratio")
    ]
    row = built(activity(bought("a", 99)), [100], rhythm).row(0, named=True)
    assert {row[feature.name] for feature in rhythm} == {None}


def test_a_purchase_on_the_cutoff_day_is_not_seen() -> None:
    table = activity(bought("a", 99), bought("a", 100, gap=1))
    assert value(table, "n_purchases", 100) == 1
    assert value(table, "n_purchases", 101) == 2


@pytest.mark.parametrize(("day", "inside"), [(93, 1), (92, 0)])
def test_a_trailing_week_is_the_seven_days_before_the_cutoff(day: int, inside: int) -> None:
    assert value(activity(bought("a", day)), "n_purchases_7d", 100) == inside


@pytest.mark.parametrize(
    ("cutoff_day", "eligible"), [(100, False), (101, True), (465, True), (466, False)]
)
def test_a_customer_is_eligible_from_the_day_after_the_purchase_for_365_days(
    cutoff_day: int, eligible: bool
) -> None:
    frame = built(activity(bought("a", 100)), [cutoff_day], eligible_days=365)
    assert frame.height == eligible


def test_without_a_limit_everyone_who_ever_bought_is_eligible_and_visitors_are_not() -> None:
    table = activity(bought("old", 1), {"customer_id": "visitor", "day": 4999, "n_sessions": 3})
    assert built(table, [5000])["customer_id"].to_list() == ["old"]


def test_days_with_returns_or_visits_alone_are_no_purchases() -> None:
    table = activity(
        bought("a", 10),
        {"customer_id": "a", "day": 20, "returns_minor": -1000, "n_sessions": 1, "n_cart_adds": 2},
    )
    assert value(table, "n_purchases") == 1
    assert value(table, "days_since_last_purchase") == 90
    assert value(table, "days_since_last_session") == 80
    assert value(table, "spend_total") == 0


def test_a_cart_is_abandoned_on_a_day_without_a_purchase() -> None:
    table = activity(
        bought("a", 10, n_cart_adds=1), {"customer_id": "a", "day": 11, "n_cart_adds": 5}
    )
    assert value(table, "cart_abandon_rate") == 0.5


def test_money_is_shown_in_the_currency_whatever_its_decimals() -> None:
    spend = [FEATURES_BY_NAME["spend_total"]]
    table = activity(bought("a", 10, 1234))
    assert [
        built(table, [100], spend, minor_digits=digits)["spend_total"].item()
        for digits in (0, 2, 3)
    ] == [
        1234.0,
        12.34,
        1.234,
    ]


@pytest.mark.parametrize(
    ("when", "expected"),
    [(date(2012, 1, 1), 0.0), (date(2011, 7, 2), 0.5), (date(2010, 12, 31), 1.0)],
)
def test_the_season_runs_from_new_year_to_new_year_within_two_days(
    when: date, expected: float
) -> None:
    season = value(activity(bought("a", day_of(when) - 3)), "cutoff_season", day_of(when))
    assert season is not None
    assert min(abs(season - expected), 1 - abs(season - expected)) < 2 / 365


def test_each_cutoff_sees_its_own_past_and_repeated_cutoffs_count_once() -> None:
    table = activity(bought("a", 10), bought("a", 20, gap=10), bought("b", 20))
    frame = built(table, [21, 11, 21], [FEATURES_BY_NAME["n_purchases"]])
    assert frame.rows() == [("a", 11, 1), ("a", 21, 2), ("b", 21, 1)]


def test_gaps_and_values_of_centuries_stay_exact() -> None:
    table = activity(bought("a", 0, 2**40), bought("a", 100_000, 2**40 + 1, gap=100_000))
    assert value(table, "gap_last", 200_000) == 100_000
    assert value(table, "purchase_value_last", 200_000) == (2**40 + 1) / 100


def test_the_last_purchases_are_told_one_by_one_and_other_days_do_not_count() -> None:
    table = activity(
        bought("a", 10, 1000, n_lines=1),
        bought("a", 40, 2000, gap=30, n_lines=5),
        {"customer_id": "a", "day": 45, "returns_minor": -500, "n_sessions": 2},
        bought("a", 60, 3000, gap=20, n_lines=9),
        bought("a", 110, 9000, gap=50, n_lines=7),
    )
    names = [f"{key}_{nth}" for key in ("gap_last", "purchase_value_last") for nth in (2, 3, 4)]
    names += ["lines_last", "lines_last_2", "lines_last_3", "lines_last_4"]
    (row,) = built(table, [100], [FEATURES_BY_NAME[name] for name in names]).to_dicts()
    told = [row[name] for name in names]
    assert told == [30, None, None, 20.0, 10.0, None, 9, 5, 1, None]


def test_last_purchases_are_features_of_a_study_that_asks_for_them() -> None:
    columns = {"customer_id": "c", "occurred_at": "t", "order_id": "o"}
    plain: dict[str, object] = {
        "study": {"name": "x"},
        "transactions": {"path": "x", "columns": columns},
    }
    asking = Study.from_dict({**plain, "features": {"last_purchases": True}})
    usual, more = (features_for(sources_of(s)) for s in (Study.from_dict(plain), asking))
    assert [feature.name for feature in more if feature not in usual] == [
        "gap_last_2", "gap_last_3", "gap_last_4",
        "lines_last", "lines_last_2", "lines_last_3", "lines_last_4",
    ]  # fmt: skip
    assert Study.from_dict(plain).fingerprint != asking.fingerprint


def test_features_without_a_source_are_left_out() -> None:
    columns = {"customer_id": "c", "occurred_at": "t"}
    bare = Study.from_dict(
        {"study": {"name": "x"}, "transactions": {"path": "x", "columns": columns}}
    )
    assert sources_of(bare) == frozenset()
    assert {feature.group for feature in features_for(sources_of(bare))} == {
        "purchases",
        "rhythm",
        "trend",
        "tenure",
        "calendar",
    }
    priced = columns | {"quantity": "q", "unit_price": "p", "product_id": "s"}
    events = {"path": "e", "columns": columns | {"kind": "k"}, "kinds": {"visit": "session"}}
    full = Study.from_dict(
        {"study": {"name": "x"}, "transactions": {"path": "x", "columns": priced}, "events": events}
    )
    names = {feature.name for feature in features_for(sources_of(full))}
    assert {"spend_90d", "variety", "n_sessions_30d"} <= names
    assert not {"n_orders", "cart_abandon_rate", "n_treatments_90d"} & names


def test_names_are_unique_and_parts_of_one_name_are_one_expression() -> None:
    assert len(FEATURES_BY_NAME) == len(FEATURES)
    parts: dict[str, set[str]] = {}
    for feature in FEATURES:
        for name, part in feature.parts.items():
            parts.setdefault(name, set()).add(repr(part))
    assert {name for name, written in parts.items() if len(written) > 1} == set()


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 799),
        st.sampled_from([0, 1, 1, 1, 2]),
        st.integers(0, 10**9),
        st.integers(-(10**9), 0),
        st.integers(0, 3),
    ),
    max_size=40,
    unique_by=lambda row: row[:2],
)


def random_activity(rows: list[tuple[str, int, int, int, int, int]]) -> pl.DataFrame:
    last: dict[str, int] = {}
    table = []
    for customer_id, day, n_orders, gross, returned, n_events in sorted(rows):
        gap = day - last[customer_id] if n_orders and customer_id in last else None
        if n_orders:
            last[customer_id] = day
        goods = {name: n_orders for name in ("n_orders", "n_lines", "n_products", "n_new_products")}
        events = {
            name: n_events
            for name in ACTIVITY.schema
            if name.startswith("n_") and name not in goods
        }
        money = {"gross_minor": gross if n_orders else 0, "returns_minor": returned}
        table.append(
            {
                "customer_id": customer_id,
                "day": day,
                "purchase_gap": gap,
                **goods,
                **events,
                **money,
            }
        )
    return pl.DataFrame(table, schema=ACTIVITY.schema)


@given(rows=ROWS, cutoff_day=st.integers(0, 800))
@settings(max_examples=30, deadline=None)
def test_the_future_cannot_change_a_feature(
    rows: list[tuple[str, int, int, int, int, int]], cutoff_day: int
) -> None:
    past = random_activity([row for row in rows if row[1] < cutoff_day])
    assert built(random_activity(rows), [cutoff_day]).equals(built(past, [cutoff_day]))


@given(rows=ROWS)
@settings(max_examples=30, deadline=None)
def test_no_feature_is_ever_nan_or_infinite_and_shares_stay_in_their_range(
    rows: list[tuple[str, int, int, int, int, int]],
) -> None:
    frame = built(random_activity(rows), [400, 800])
    numbers = frame.select(pl.selectors.float())
    assert numbers.select(pl.all().is_finite().all()).transpose().to_series().drop_nulls().all()
    low = {"share": 0.0, "change": -1.0, "season": 0.0}
    for feature in FEATURES:
        if feature.unit in low and feature.name != "return_share":
            assert frame[feature.name].drop_nulls().is_between(low[feature.unit], 1.0).all(), (
                feature.name
            )


def test_every_feature_is_a_64_bit_number() -> None:
    frame = built(THREE_PURCHASES, [100])
    assert set(frame.drop("customer_id", "cutoff_day").dtypes) == {pl.Int64(), pl.Float64()}
    assert frame.schema["cutoff_day"] == pl.Int32()
