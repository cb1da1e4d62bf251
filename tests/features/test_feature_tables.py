"""Features and labels through the warehouse: ranges, attributes, complete windows."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.errors import StudyError
from holdfast.features import feature_tables
from holdfast.features.recent_days import RECENT_DAYS, add_recent_days
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study
from holdfast.tables import ACTIVITY, FEATURES, LABELS

COLUMNS = {"customer_id": "c", "occurred_at": "t", "order_id": "o", "amount": "a"}
LOG = {"study": {"name": "shop"}, "transactions": {"path": "orders.csv", "columns": COLUMNS}}
STUDY = Study.from_dict(LOG)


def with_attributes(*names: str) -> Study:
    columns = {"customer_id": "c", "known_from": "k"}
    return Study.from_dict(
        LOG | {"customers": {"path": "c.csv", "columns": columns, "attributes": list(names)}}
    )


def random_activity(*, n_customers: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    rows = []
    for number in range(n_customers):
        days = sorted({int(day) for day in rng.integers(0, 800, 6)})
        for before, day in zip([None, *days], days, strict=False):
            gap = None if before is None else day - before
            money = {
                "gross_minor": int(rng.integers(100, 9999)),
                "returns_minor": -int(rng.integers(0, 99)),
            }
            rows.append(
                {
                    "customer_id": f"C{number}",
                    "day": day,
                    "n_orders": 1,
                    "purchase_gap": gap,
                    **money,
                }
            )
    frame = pl.DataFrame(rows, schema=ACTIVITY.schema)
    return frame.with_columns(pl.all().exclude("purchase_gap").fill_null(0))


def store(warehouse: Warehouse, name: str, frame: pl.DataFrame) -> None:
    warehouse.con.register("given", frame)
    warehouse.con.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given")
    warehouse.con.unregister("given")


def keep(warehouse: Warehouse, activity: pl.DataFrame) -> None:
    """Keep activity as the rollup does: by the customer's number."""
    numbers = activity.select(pl.col("customer_id").unique().sort()).with_row_index(
        "number", offset=1
    )
    numbered = activity.join(numbers.cast({"number": pl.Int32}), on="customer_id")
    store(warehouse, "customer_numbers", numbers)
    store(
        warehouse,
        "numbered_activity",
        numbered.select(pl.col("number").alias("customer_id"), *activity.columns[1:]),
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path, threads=2) as opened:
        keep(opened, random_activity())
        yield opened


def test_features_are_sorted_unique_and_named_as_the_catalogue_has_them(
    warehouse: Warehouse,
) -> None:
    frame = FEATURES.check(feature_tables.features(STUDY, warehouse, [700, 400]))
    assert frame.select("cutoff_day", "customer_id").equals(
        frame.select("cutoff_day", "customer_id").sort(pl.all())
    )
    assert frame.columns[2:] == feature_tables.catalogue(STUDY)["name"].to_list()
    assert frame["cutoff_day"].unique().sort().to_list() == [400, 700]
    assert set(frame.dtypes[2:]) == {pl.Int64(), pl.Float64()}


def test_customer_ranges_change_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = feature_tables.features(STUDY, warehouse, [400, 700])
    labelled = feature_tables.labels(STUDY, warehouse, whole, end_day=800)
    monkeypatch.setattr(feature_tables, "_ROWS_PER_RANGE", 150)
    assert len(list(feature_tables.features_in_ranges(STUDY, warehouse, [400, 700]))) > 2
    assert feature_tables.features(STUDY, warehouse, [400, 700]).equals(whole)
    assert feature_tables.labels(STUDY, warehouse, whole, end_day=800).equals(labelled)


def test_what_is_known_before_a_day_is_what_a_log_that_ends_there_says(
    warehouse: Warehouse,
) -> None:
    aged = feature_tables.features(STUDY, warehouse, [500, 520], known_before=500)
    with Warehouse.temporary() as other:
        keep(other, random_activity().filter(pl.col("day") < 500))
        cut = feature_tables.features(STUDY, other, [500, 520])
    # Customers who had not bought by then have no number in the shorter log, and no row in either.
    assert aged.equals(cut)
    assert aged.filter(cutoff_day=520)["days_since_last_purchase"].to_numpy().min() > 20


def test_recent_days_are_added_as_they_were_known(warehouse: Warehouse) -> None:
    asked = {"known_before": 500, "customers_at_most": 200}
    plain = feature_tables.features(STUDY, warehouse, [500, 520], **asked)
    with_days = feature_tables.features(STUDY, warehouse, [500, 520], recent_days=True, **asked)
    assert with_days.drop(RECENT_DAYS).equals(plain)
    activity = feature_tables.activity(warehouse, plain["customer_id"])
    expected = add_recent_days(plain, activity.filter(pl.col("day") < 500))
    assert with_days[RECENT_DAYS].equals(expected[RECENT_DAYS])


def test_who_was_eligible_then_is_still_among_those_who_only_aged(warehouse: Warehouse) -> None:
    recent = Study.from_dict(LOG | {"churn": {"eligible": "bought in the last 100 days"}})
    then = feature_tables.features(recent, warehouse, [500])
    aged = feature_tables.features(recent, warehouse, [500, 520], known_before=500)
    assert set(then["customer_id"]) <= set(aged.filter(cutoff_day=520)["customer_id"])


def test_an_attribute_that_became_known_later_is_not_known_yet(warehouse: Warehouse) -> None:
    known = pl.DataFrame(
        {"customer_id": ["C1", "C1"], "known_from_day": [0, 510], "plan": ["free", "gold"]},
        schema_overrides={"known_from_day": pl.Int32},
    )
    store(warehouse, "customers", known)
    study = with_attributes("plan")
    told = [
        feature_tables.features(study, warehouse, [520], known_before=day)
        .filter(customer_id="C1")["plan"]
        .to_list()
        for day in (500, None)
    ]
    assert told == [["free"], ["gold"]]


def test_a_sample_holds_the_same_customers_at_every_cutoff(warehouse: Warehouse) -> None:
    whole = feature_tables.features(STUDY, warehouse, [400, 700])
    sample = feature_tables.features(STUDY, warehouse, [400, 700], customers_at_most=50)
    chosen = sample["customer_id"].unique()
    assert 20 < chosen.len() < 80
    assert sample.equals(whole.filter(pl.col("customer_id").is_in(chosen.to_list())))


def test_nobody_is_eligible_before_the_first_purchase(warehouse: Warehouse) -> None:
    frame = feature_tables.features(STUDY, warehouse, [0])
    assert frame.is_empty()
    assert frame.columns[2:] == feature_tables.catalogue(STUDY)["name"].to_list()


def test_attributes_are_what_was_known_before_the_cutoff(warehouse: Warehouse) -> None:
    activity = random_activity(n_customers=3).filter(pl.col("day") < 400)
    keep(warehouse, activity.with_columns(day=pl.lit(390, pl.Int32)).unique("customer_id"))
    known = [
        ("C0", 100, "north", 7),
        ("C0", 400, "south", 8),
        ("C1", 399, "west", None),
        ("C2", 400, "east", 9),
    ]
    schema = {
        "customer_id": pl.String,
        "known_from_day": pl.Int32,
        "region": pl.String,
        "seats": pl.Int16,
    }
    store(warehouse, "customers", pl.DataFrame(known, schema=schema, orient="row"))
    study = with_attributes("region", "seats")
    frame = feature_tables.features(study, warehouse, [400, 401]).select(
        "cutoff_day", "customer_id", "region", "seats"
    )
    assert frame.rows() == [
        (400, "C0", "north", 7),
        (400, "C1", "west", None),
        (400, "C2", None, None),
        (401, "C0", "south", 8),
        (401, "C1", "west", None),
        (401, "C2", "east", 9),
    ]
    assert frame.schema["seats"] == pl.Int64()
    assert feature_tables.catalogue(study)["name"].to_list()[-2:] == ["region", "seats"]


def test_an_attribute_may_not_take_the_name_of_a_feature(warehouse: Warehouse) -> None:
    with pytest.raises(StudyError, match="'tenure_days' is named like a feature"):
        feature_tables.features(with_attributes("tenure_days"), warehouse, [400])


def test_labels_exist_for_complete_windows_only(warehouse: Warehouse) -> None:
    population = feature_tables.features(STUDY, warehouse, [400, 700])
    labels = LABELS.check(feature_tables.labels(STUDY, warehouse, population, end_day=800))
    found = labels.group_by("cutoff_day", "horizon_days").len().sort("cutoff_day", "horizon_days")
    size = dict(population.group_by("cutoff_day").len().iter_rows())
    assert found.rows() == [(400, days, size[400]) for days in (30, 90, 180, 365)] + [
        (700, days, size[700]) for days in (30, 90)
    ]
    assert feature_tables.labels(STUDY, warehouse, population, end_day=400).is_empty()


def test_labels_equal_a_plain_count(warehouse: Warehouse) -> None:
    population = feature_tables.features(STUDY, warehouse, [400])
    labels = feature_tables.labels(STUDY, warehouse, population, end_day=800).filter(
        horizon_days=90
    )
    log = random_activity()
    for customer_id, _, _, churned, n_purchases, revenue in labels.iter_rows():
        window = log.filter(
            pl.col("customer_id") == customer_id, pl.col("day").is_between(400, 489)
        )
        assert (n_purchases, churned) == (window.height, window.is_empty())
        assert revenue == window["gross_minor"].sum() + window["returns_minor"].sum()
