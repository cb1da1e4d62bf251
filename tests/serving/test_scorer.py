"""One customer, now: the same numbers as in the batch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast import study as studies
from holdfast.errors import DataError
from holdfast.features import feature_tables
from holdfast.ingest.order_log import read_order_log
from holdfast.ingest.snapshot import derive_columns
from holdfast.io.warehouse import Warehouse
from holdfast.segments import SegmentRule
from holdfast.serving.formulas import compile_formula
from holdfast.serving.history_features import OnlineHistory, RawHistory
from holdfast.serving.scorer import Range
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.study.conversion import Conversion, Rates
from holdfast.synthetic import Shop


def rows_by_customer(path: Path) -> dict[str, list[dict[str, Any]]]:
    frame = pl.read_parquet(path)
    told = frame.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    parts = told.partition_by("customer_id", as_dict=True)
    return {str(name): part.drop("customer_id").to_dicts() for (name,), part in parts.items()}


def compared(folder: Path, *, customers: int, at_most: int) -> int:
    """Compute features both ways, from the very rows of the files; returns for how many
    customers.
    """
    simulate_to(folder, Shop(n_customers=customers, n_days=500, seed=5))
    study = Study.from_toml(folder / "holdfast.toml")
    with Warehouse(folder) as warehouse:
        got = read_order_log(study, warehouse)
        batch = feature_tables.features(study, warehouse, [got.end_day]).head(at_most)
    orders, events, treatments = (
        rows_by_customer(folder / f"{name}.parquet") for name in ("orders", "events", "treatments")
    )
    attributes = {
        row["customer_id"]: row for row in pl.read_parquet(folder / "customers.parquet").to_dicts()
    }
    online = OnlineHistory(study)
    assert study.customers is not None
    for row in batch.to_dicts():
        name = row.pop("customer_id")
        cutoff_day = row.pop("cutoff_day")
        raw = RawHistory(
            customer_id=name,
            orders=orders[name],
            events=events.get(name, []),
            treatments=treatments.get(name, []),
            attributes={key: attributes[name][key] for key in study.customers.attributes},
        )
        found = online.features(raw, cutoff_day=cutoff_day)
        assert {key: found.values[key] for key in row} == row, name
    return batch.height


def test_features_of_raw_orders_are_those_of_the_batch(tmp_path: Path) -> None:
    assert compared(tmp_path / "shop", customers=80, at_most=80) >= 30


@pytest.mark.slow
def test_features_of_a_thousand_customers_are_those_of_the_batch_to_the_last_bit(
    tmp_path: Path,
) -> None:
    assert compared(tmp_path / "shop", customers=2_000, at_most=1_000) == 1_000


def log_study(**transactions: Any) -> Study:
    columns = {"customer_id": "who", "occurred_at": "when", "order_id": "Invoice", "amount": "paid"}
    return Study.from_dict(
        {
            "study": {"name": "log", "time_zone": "Europe/Berlin"},
            "transactions": {"path": "orders.csv", "columns": columns, **transactions},
        }
    )


def history(*orders: Mapping[str, Any]) -> RawHistory:
    return RawHistory(customer_id="a", orders=orders)


def features(study: Study, orders: Sequence[Mapping[str, Any]], *, cutoff_day: int = 19_800) -> Any:
    return OnlineHistory(study).features(history(*orders), cutoff_day=cutoff_day)


def test_a_lines_day_is_the_businesss_own() -> None:
    # 2024-03-10 23:30 UTC is the 11th in Berlin, day 19793; 7 days before day 19800.
    line = {"occurred_at": "2024-03-10T23:30:00Z", "order_id": "1", "amount": 10.005}
    found = features(log_study(), [line]).values
    assert found["days_since_last_purchase"] == 7
    assert found["spend_total"] == 10.01


def test_rules_of_the_study_hold_for_a_request() -> None:
    study = log_study(
        exact_duplicates="drop",
        set_aside={"test order": "Shop = 'test'"},
        returns={"when": "Invoice LIKE 'C%'"},
    )
    day = "2024-03-01T12:00:00"
    lines = [
        {"occurred_at": day, "order_id": "1", "amount": 30.0, "raw": {"Shop": "web"}},
        {"occurred_at": day, "order_id": "1", "amount": 30.0, "raw": {"Shop": "web"}},
        {"occurred_at": day, "order_id": "C1", "amount": 10.0, "raw": {"Shop": "web"}},
        {"occurred_at": day, "order_id": "2", "amount": 99.0, "raw": {"Shop": "test"}},
    ]
    found = features(study, lines)
    assert found.values["spend_total"] == 20.0
    assert found.values["n_orders"] == 1
    assert set(found.notes) == {
        "transactions: 1 set aside, exact duplicate",
        "transactions: 1 set aside, test order",
    }


def test_a_purchase_on_the_cutoff_day_is_not_seen_and_said_so() -> None:
    lines = [
        {"occurred_at": day, "order_id": day, "amount": 5.0} for day in ("2024-03-17", "2024-03-18")
    ]
    found = features(log_study(), lines, cutoff_day=19_800)
    assert found.values["n_purchases"] == 1
    assert found.notes == ("1 days on or after 2024-03-18 were not looked at",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            {"occurred_at": "yesterday", "order_id": "1", "amount": 1.0},
            "row 1 of 1 in transactions: occurred_at is not a date",
        ),
        ({"occurred_at": "2024-03-01", "order_id": "1"}, "amount is missing"),
        ({"occurred_at": "2024-03-01", "order_id": "1", "amount": 1e30}, "amount is too large"),
        (
            {"occurred_at": "2019-03-01", "order_id": "1", "amount": 1.0},
            "not eligible on 2024-03-18",
        ),
        ({"occurred_at": "2024-03-01", "product_id": "1", "amount": 1.0}, "has no 'product_id'"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named(line: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        features(log_study(), [line])


@pytest.mark.parametrize(
    "written",
    ["2024-03-11", "2024-03-11 01:00:00 -0500", "Mar 11, 2024, 02:05 PM", "11 March 2024",
     "11/03/2024", 1710165930, 1710165930000.0],
)  # fmt: skip
def test_a_request_writes_its_dates_as_the_log_may(written: str | float) -> None:
    study = log_study(csv={"timestamp_format": "%d/%m/%Y"})
    found = features(study, [{"occurred_at": written, "order_id": "1", "amount": 5.0}])
    # Seven days before 2024-03-18.
    assert found.values["days_since_last_purchase"] == 7


def test_a_request_in_another_currency_is_set_aside_and_said_so() -> None:
    study = log_study().model_copy(
        update={"conversion": Conversion(column="Currency", rates=Rates(path="rates.csv"))}
    )
    lines = [
        {"occurred_at": "2024-03-01", "order_id": "1", "amount": 5.0, "raw": {"Currency": code}}
        for code in ("USD", "EUR")
    ]
    found = features(study, lines)
    assert found.values["spend_total"] == 5.0
    assert found.notes == ("transactions: 1 set aside, in another currency",)


FORMULAS = ("a / (b + 1)", "a * b - 2", "-(a + 0.5) / b", "a / b / a", "1 / a", "a - 3")
NUMBERS = st.one_of(
    st.none(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.0, -1.0, 3.0])
)


@settings(max_examples=60, deadline=None)
@given(a=NUMBERS, b=NUMBERS)
def test_compiled_formulas_give_what_the_database_gives(a: float | None, b: float | None) -> None:
    study = Study.from_dict(
        {
            "study": {"name": "s"},
            "snapshot": {
                "path": "x.csv",
                "as_of": "2024-01-01",
                "columns": {"customer_id": "id"},
                "labels": {"churned": "a > 1"},
                "derived": {f"f{i}": text for i, text in enumerate(FORMULAS)},
            },
        }
    )
    frame = pl.DataFrame({"a": [a], "b": [b]}, schema={"a": pl.Float64, "b": pl.Float64})
    expected = derive_columns(study, frame).row(0, named=True)
    for index, text in enumerate(FORMULAS):
        formula = compile_formula(text)
        assert formula is not None
        assert formula({"a": a, "b": b}) == expected[f"f{index}"], text


@pytest.mark.parametrize(
    "text", ["ln(a)", "CASE WHEN a > 1 THEN 1 END", "0.1 + 0.2 + a", "a % 2", "upper(a)"]
)
def test_what_is_not_plain_arithmetic_is_left_to_the_database(text: str) -> None:
    assert compile_formula(text) is None


def test_one_customer_is_placed_as_among_all() -> None:
    rng = np.random.default_rng(0)
    base = pl.DataFrame(
        {
            "churn_probability": rng.random(500),
            "expected_revenue": rng.gamma(1, 100, 500),
            "days_since_last_purchase": [
                None if i % 9 == 0 else int(rng.integers(0, 99)) for i in range(500)
            ],
        }
    )
    rule = SegmentRule.learn(studies.Segments(), base)
    among_all = rule.assign(base)
    for row in among_all.to_dicts():
        assert rule.place(row)._asdict() == {
            name: row[name] for name in ("risk_score", "risk_rank", "value_tier", "segment")
        }


def test_a_value_of_another_unit_is_doubted_and_a_usual_one_is_not() -> None:
    percent = Range(0.5, 2.5, 20.0, 47.5, 49.5)
    assert percent.question("abandoned", 20.0) is None
    assert "write 10" in str(percent.question("abandoned", 0.1))
    share = Range(0.01, 0.05, 0.4, 0.95, 0.99)
    assert "write 0.35" in str(share.question("rate", 35.0))
    assert "seen little like it" in str(percent.question("abandoned", -3.0))
