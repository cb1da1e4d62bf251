"""Features as SQL: the same numbers in another database, and SQL that every dialect has."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import sqlglot
from bench._warehouses import Log, differences
from sqlglot import exp
from sqlglot.errors import ErrorLevel
from tests.warehouses import WAREHOUSES

from holdfast.errors import InputError, StudyError
from holdfast.features.feature_tables import features
from holdfast.features.warehouse_sql import activity_sql, features_sql
from holdfast.io.dialect_names import DIALECTS, Dialect
from holdfast.io.warehouse import Warehouse
from holdfast.setup.simulate import simulate_to
from holdfast.study import Study
from holdfast.synthetic import Shop
from holdfast.tables import ACTIVITY

ROOT = Path(__file__).parents[2]
WITH_LAST = {"features.last_purchases": "true"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    folder = tmp_path_factory.mktemp("shop")
    made = simulate_to(folder / "shop", Shop(n_customers=400, seed=11))
    with Warehouse.temporary() as warehouse:
        yield Log(Study.from_toml(made.study, overrides=WITH_LAST), warehouse)


@pytest.fixture(scope="module")
def retail(bench_data: Path) -> Iterator[Log]:
    toml = ROOT / "examples" / "online_retail_ii" / "holdfast.toml"
    with Warehouse.temporary() as warehouse:
        yield Log(Study.from_toml(toml, overrides=WITH_LAST), warehouse)


def test_a_cell_that_differs_is_counted() -> None:
    ours = pl.DataFrame({"k": ["a", "b"], "n": [1, 2], "x": [0.5, None], "w": ["p", None]})
    theirs = ours.with_columns(
        n=pl.Series([1, 3]), x=pl.Series([0.75, 1.0]), w=pl.Series(["p", ""])
    )
    assert differences(theirs, ours, "k") == (3, 0.25)
    assert differences(ours.head(1), ours, "k") == (4, float("inf"))


def assert_features(log: Log, warehouse: Dialect, cutoffs: list[int]) -> None:
    for cutoff in cutoffs:
        sql = features_sql(log.study, cutoff, warehouse)
        ours = features(log.study, log.warehouse, [cutoff])
        theirs = WAREHOUSES[warehouse](log.tables, sql)
        assert theirs.columns == ours.columns
        cells, worst = differences(theirs, ours, "customer_id")
        assert (cells, worst <= 1e-9) == (0, True)


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_features_of_a_shop_are_those_of_the_project(shop: Log, warehouse: Dialect) -> None:
    assert {"events", "treatments", "customers"} <= set(shop.facts)
    assert_features(shop, warehouse, [shop.end - days for days in (600, 300, 0)])


@pytest.mark.slow
@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_features_of_online_retail_are_those_of_the_project(
    retail: Log, warehouse: Dialect
) -> None:
    assert_features(retail, warehouse, [retail.end - days for days in (365, 190)])


@pytest.mark.parametrize("warehouse", WAREHOUSES)
@pytest.mark.parametrize("log", ["shop", pytest.param("retail", marks=pytest.mark.slow)])
def test_activity_of_lines_is_that_of_the_project(
    request: pytest.FixtureRequest, log: str, warehouse: Dialect
) -> None:
    known: Log = request.getfixturevalue(log)
    sql = activity_sql(known.study, warehouse)
    theirs = WAREHOUSES[warehouse](known.tables, sql).cast(dict(ACTIVITY.schema))
    keys = ["customer_id", "day"]
    assert theirs.sort(keys).equals(known.activity.select(theirs.columns).sort(keys))


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_the_view_of_the_docs_makes_the_activity_of_a_shop(shop: Log, warehouse: Dialect) -> None:
    page = (ROOT / "docs" / "how-to" / "warehouse.md").read_text(encoding="utf-8")
    view = page.partition("CREATE VIEW transactions AS")[2].partition("```")[0]
    orders = pl.read_parquet(Path(shop.study.project_dir) / "orders.parquet")
    # The simulated shop lives by UTC.
    query = view.replace("Europe/London", "UTC")
    run = WAREHOUSES[warehouse]
    lines = run({"order_lines": orders}, query)
    theirs = run({**shop.facts, "transactions": lines}, activity_sql(shop.study, warehouse))
    assert differences(theirs, shop.activity.select(theirs.columns), *ACTIVITY.grain) == (0, 0.0)


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_activity_of_lines_that_name_nothing(warehouse: Dialect) -> None:
    columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
    plain = {"study": {"name": "x"}, "transactions": {"path": "o.csv", "columns": columns}}
    lines = pl.DataFrame(
        [("A", 5, 100, False), ("A", 5, 50, False), ("A", 9, -50, True), ("A", 12, 7, False)],
        schema=["customer_id", "day", "amount_minor", "is_return"],
        orient="row",
    )
    sql = activity_sql(Study.from_dict(plain), warehouse)
    rows = WAREHOUSES[warehouse]({"transactions": lines}, sql).sort("day")
    told = rows.select("day", "n_orders", "n_lines", "gross_minor", "returns_minor", "purchase_gap")
    assert told.rows() == [
        (5, 1, 2, 150, 0, None),
        (9, 0, 0, 0, -50, None),
        (12, 1, 1, 7, 0, 7),
    ]


def written(shop: Log, dialect: Dialect) -> tuple[exp.Expr, ...]:
    texts = features_sql(shop.study, 19_500, dialect), activity_sql(shop.study, dialect)
    return tuple(
        sqlglot.parse_one(text, dialect=dialect, error_level=ErrorLevel.RAISE) for text in texts
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_given_what_it_has(shop: Log, dialect: Dialect) -> None:
    for tree in written(shop, dialect):
        # None of them is in every dialect, and a translation passes each of them on in silence.
        for kind in (exp.Filter, exp.Qualify, exp.IgnoreNulls, exp.Median, exp.Anonymous):
            assert tree.find(kind) is None, kind
        held = [each.args.get("materialized") for each in tree.find_all(exp.CTE)]
        assert set(held) == ({True} if dialect == "postgres" else {None})
        for division in tree.find_all(exp.Div):
            assert isinstance(division.left, exp.Cast)
            assert division.left.to.this in (exp.DType.DOUBLE, exp.DType.FLOAT)
        for lag in tree.find_all(exp.Lag):
            assert isinstance(lag.this, exp.Cast)
        for select in tree.find_all(exp.Select):
            for each in select.find_all(exp.Column):
                assert each.table or isinstance(each.this, exp.Star), each


def test_in_snowflake_names_are_those_of_tables_made_without_quotes(shop: Log) -> None:
    features_, activity = written(shop, "snowflake")
    for tree in (features_, activity):
        assert {each.name for each in tree.find_all(exp.Column)} == {
            each.name.upper() for each in tree.find_all(exp.Column)
        }


@pytest.mark.parametrize(
    ("dialect", "table", "found"),
    [
        ("postgres", "Shop.Activity", 'FROM Shop.Activity AS "activity"'),
        ("snowflake", 'db."Order days".a', 'FROM db."Order days".a AS "ACTIVITY"'),
        ("bigquery", "my-project.shop.activity", "FROM `my-project`.`shop`.`activity` AS"),
        ("duckdb", '"a""b"', 'FROM "a""b" AS "activity"'),
    ],
)
def test_a_table_is_named_as_the_warehouse_names_it(
    shop: Log, dialect: Dialect, table: str, found: str
) -> None:
    sql = features_sql(shop.study, 19_500, dialect, activity=table)
    assert found.replace("`", "") in sql.replace("`", "")


@pytest.mark.parametrize(
    "table",
    ["activity; DROP TABLE x", "(SELECT 1)", "a AS b", "a, b", "a JOIN b", "f(1)", "", "a b",
     "a -- b", "a TABLESAMPLE (1 PERCENT)"],
)  # fmt: skip
def test_what_is_no_table_is_refused(shop: Log, table: str) -> None:
    with pytest.raises(InputError, match="is not the name of a table in postgres"):
        features_sql(shop.study, 19_500, "postgres", activity=table)


def test_an_attribute_is_a_name_whatever_it_holds(shop: Log) -> None:
    columns = {"customer_id": "c", "known_from": "k"}
    odd = 'x" FROM y; --'
    given = {"path": "c.csv", "columns": columns, "attributes": [odd]}
    orders = {"path": "o", "columns": {"customer_id": "c", "occurred_at": "t"}}
    study = {"study": {"name": "x"}, "transactions": orders, "customers": given}
    tree = sqlglot.parse_one(features_sql(Study.from_dict(study), 100, "postgres"), "postgres")
    assert tree.selects[-1].alias == odd


def test_a_snapshot_has_no_query() -> None:
    snapshot = {"path": "s.csv", "as_of": "2024-01-01", "columns": {"customer_id": "c"}}
    labelled = snapshot | {"labels": {"churned": "a > 1"}}
    study = Study.from_dict({"study": {"name": "x"}, "snapshot": labelled})
    with pytest.raises(StudyError, match="own columns"):
        features_sql(study, 1)
    with pytest.raises(StudyError, match="own columns"):
        activity_sql(study)
