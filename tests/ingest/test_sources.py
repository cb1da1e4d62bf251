"""Parquet files and PostgreSQL queries open like CSV files, and fail with words."""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from holdfast.errors import DataError, StudyError
from holdfast.ingest.sources import OpenSource, common_columns, open_source
from holdfast.io.warehouse import Warehouse
from holdfast.study import Csv, Postgres, Source

DSN = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as opened:
        yield opened


def opened(warehouse: Warehouse, path: str) -> OpenSource:
    return open_source(
        Source(path=path), warehouse, name="orders", project_dir=str(warehouse.scratch.parent)
    )


def cells(source: OpenSource, warehouse: Warehouse) -> list[tuple[object, ...]]:
    with source.reading(warehouse):
        return warehouse.con.execute(f"SELECT * FROM {source.view}").fetchall()


def test_parquet_files_of_a_glob_give_their_file_and_row(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    pl.DataFrame({"id": [1, 2], "Price": [1.5, None]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"id": [3], "Price": [2.5]}).write_parquet(tmp_path / "b.parquet")
    source = opened(warehouse, "*.parquet")
    assert cells(source, warehouse) == [(0, 1, 1, 1.5), (0, 2, 2, None), (1, 1, 3, 2.5)]
    assert {name: field.type for name, field in source.fields.items()} == {
        "id": "BIGINT",
        "Price": "DOUBLE",
    }
    assert source.rows_read == 3


def test_parquet_files_of_different_columns_are_refused_by_name(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    pl.DataFrame({"id": [1], "price": [1.5]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"id": ["1"], "price": [1.5]}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(
        DataError, match=r"differ in their columns: id \(int64\), id \((large_)?string"
    ):
        opened(warehouse, "*.parquet")


def test_a_file_name_with_glob_characters_is_read(warehouse: Warehouse, tmp_path: Path) -> None:
    pl.DataFrame({"id": [7]}).write_parquet(tmp_path / "shop [1].parquet")
    assert cells(opened(warehouse, "shop [1].parquet"), warehouse) == [(0, 1, 7)]


@pytest.mark.parametrize("keep", [8, 300])
def test_a_damaged_parquet_file_is_refused(warehouse: Warehouse, tmp_path: Path, keep: int) -> None:
    pl.DataFrame({"id": range(1000)}).write_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:keep])
    with pytest.raises(DataError, match=r"a\.parquet is a damaged Parquet file"):
        opened(warehouse, "a.parquet")


def test_damage_inside_a_parquet_file_is_found_while_it_is_read(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    pl.DataFrame({"id": [f"customer {i}" for i in range(20_000)]}).write_parquet(
        tmp_path / "a.parquet"
    )
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[100:4000] = b"\xff" * 3900
    (tmp_path / "a.parquet").write_bytes(bytes(data))
    source = opened(warehouse, "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet cannot be read"):
        cells(source, warehouse)


def test_an_error_while_a_csv_streams_keeps_its_words(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text("a,c\n1,2\n")
    source = opened(warehouse, "*.csv")
    with pytest.raises(DataError, match="the first lacks b; the second lacks c"):
        cells(source, warehouse)


def test_a_column_that_is_not_there_is_named_with_the_nearest(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("CustomerID,Amount\n1,2\n")
    source = opened(warehouse, "a.csv")
    with pytest.raises(DataError, match=r"customer_id = 'Customer ID'.*did you mean 'CustomerID'"):
        source.column("Customer ID", role="customer_id")


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    try:
        connection = dbapi.connect(DSN)
    except Exception as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"no PostgreSQL: {error}")
        pytest.skip(f"no PostgreSQL: {error}")
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS holdfast_test CASCADE")
        cursor.execute("CREATE SCHEMA holdfast_test")
        cursor.execute(
            "CREATE TABLE holdfast_test.orders (id bigint, at timestamptz, total numeric(12, 2), "
            "name text)"
        )
        cursor.execute(
            "INSERT INTO holdfast_test.orders VALUES (1, '2011-01-01 00:30+01', 10.05, 'é'), (2, "
            "NULL, NULL, '')"
        )
        connection.commit()
        monkeypatch.setenv("TEST_SHOP_DSN", DSN)
        yield "TEST_SHOP_DSN"
        cursor.execute("DROP SCHEMA holdfast_test CASCADE")
        connection.commit()


def asked(warehouse: Warehouse, dsn_env: str, query: str) -> OpenSource:
    source = Source(postgres=Postgres(dsn_env=dsn_env, query=query), csv=Csv(decimal=","))
    return open_source(source, warehouse, name="orders", project_dir=".")


def test_a_postgres_query_keeps_exact_amounts_and_offsets(
    warehouse: Warehouse, postgres: str
) -> None:
    source = asked(warehouse, postgres, "SELECT * FROM holdfast_test.orders ORDER BY id")
    types = {name: field.type for name, field in source.fields.items()}
    assert types == {
        "id": "BIGINT",
        "at": "TIMESTAMP WITH TIME ZONE",
        "total": "VARCHAR",
        "name": "VARCHAR",
    }
    with source.reading(warehouse):
        found = warehouse.con.execute(
            f"SELECT _row, c0, CAST(c1 AS VARCHAR), c2, c3 FROM {source.view}"
        ).fetchall()
    assert found == [(1, 1, "2010-12-31 23:30:00+00", "10.05", "é"), (2, 2, None, None, "")]
    # Exact numbers come as PostgreSQL's own text, whose decimal sign is a point.
    assert source.decimal == "."


def test_a_postgres_query_cannot_write(warehouse: Warehouse, postgres: str) -> None:
    query = "INSERT INTO holdfast_test.orders VALUES (3, NULL, NULL, NULL) RETURNING id"
    with pytest.raises(DataError, match="read-only transaction"):
        cells(asked(warehouse, postgres, query), warehouse)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT nothing FROM holdfast_test.orders", 'column "nothing" does not exist'),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1 / (id - id) FROM holdfast_test.orders", "division by zero"),
    ],
)
def test_a_postgres_error_is_told_in_its_own_words(
    warehouse: Warehouse, postgres: str, query: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        cells(asked(warehouse, postgres, query), warehouse)


def test_an_unreachable_server_names_the_variable_and_not_the_password(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("adbc_driver_postgresql.dbapi")
    monkeypatch.setenv("TEST_SHOP_DSN", "postgresql://ada:geheim@127.0.0.1:1/shop")
    with pytest.raises(DataError, match="TEST_SHOP_DSN") as caught:
        asked(warehouse, "TEST_SHOP_DSN", "SELECT 1")
    assert "geheim" not in str(caught.value)
    monkeypatch.delenv("TEST_SHOP_DSN")
    with pytest.raises(StudyError, match="TEST_SHOP_DSN is not set"):
        asked(warehouse, "TEST_SHOP_DSN", "SELECT 1")


@pytest.mark.parametrize("name", ["file_row_number", "file_index", "File_Index", "filename"])
def test_a_parquet_column_may_have_any_name(
    warehouse: Warehouse, tmp_path: Path, name: str
) -> None:
    for file, values in (("a", [7, 8]), ("b", [9])):
        pl.DataFrame({name: values, "x": ["y"] * len(values)}).write_parquet(
            tmp_path / f"{file}.parquet"
        )
    source = opened(warehouse, str(tmp_path / "*.parquet"))
    assert list(source.fields) == [name, "x"]
    assert cells(source, warehouse) == [(0, 1, 7, "y"), (0, 2, 8, "y"), (1, 1, 9, "y")]


def test_a_folder_named_like_a_column_does_not_take_its_place(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "x=other").mkdir()
    pl.DataFrame({"x": ["own"]}).write_parquet(tmp_path / "x=other" / "a.parquet")
    source = opened(warehouse, str(tmp_path / "*" / "a.parquet"))
    assert cells(source, warehouse) == [(0, 1, "own")]


def test_a_stream_is_begun_again_where_the_memory_was_too_little(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3\n4,5\n")
    source = opened(warehouse, str(tmp_path / "a.csv"))
    for _ in range(2):
        assert cells(source, warehouse) == [(0, 1, "1", "2"), (0, 3, "4", "5")]
        assert (source.rows_read, source.rejected.height) == (3, 1)
        source.restart()


def test_a_parquet_file_with_two_columns_of_one_name_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "twice.parquet")
    pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["id", "id"]), path)
    with pytest.raises(DataError, match="has the column 'id' 2 times"):
        common_columns([path])
