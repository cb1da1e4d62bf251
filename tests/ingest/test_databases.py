"""Queries on MySQL, SQLite and DuckDB keep amounts exact, cannot write, and fail with words."""

import os
import sqlite3
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from holdfast.errors import DataError, HoldfastError, MissingExtra, StudyError
from holdfast.ingest.sources import OpenSource, open_source
from holdfast.io.warehouse import Warehouse
from holdfast.setup.propose import propose
from holdfast.study import Csv, Database, Source

URL = os.environ.get("HOLDFAST_TEST_MARIADB", "mysql://root@127.0.0.1:3306")
ORDERS = "SELECT * FROM orders ORDER BY id"
CREATE = "CREATE TABLE orders (id INT, bought DATETIME, total DECIMAL(12, 2), name VARCHAR(20))"
INSERT = "INSERT INTO orders VALUES (1, '2011-01-01 00:30:00', 10.05, 'é 5%'), (2, NULL, NULL, '')"
sqlalchemy = pytest.importorskip("sqlalchemy")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    (tmp_path / "scratch").mkdir()
    with Warehouse(tmp_path / "scratch") as opened:
        yield opened


def mariadb() -> Iterator[str]:
    engine = sqlalchemy.create_engine(URL.replace("mysql:", "mysql+pymysql:"))
    try:
        connection = engine.connect()
    except sqlalchemy.exc.SQLAlchemyError as error:
        pytest.skip(f"no MariaDB: {error}")
    name = f"holdfast_test_{os.getpid()}"
    with connection:
        for statement in (f"CREATE DATABASE {name}", f"USE {name}", CREATE, INSERT):
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.commit()
        yield f"{URL}/{name}"
        connection.exec_driver_sql(f"DROP DATABASE {name}")


@pytest.fixture(params=["mysql", "sqlite", "duckdb"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    path = tmp_path / "shop"
    urls = mariadb() if request.param == "mysql" else iter([f"{request.param}:///{path}"])
    connect = {"sqlite": sqlite3.connect, "duckdb": duckdb.connect}.get(request.param)
    if connect is not None:
        connection = connect(str(path))
        connection.execute(CREATE)
        connection.execute(INSERT)
        connection.commit()
        connection.close()
    for url in urls:
        monkeypatch.setenv("SHOP_URL", url)
        yield request.param


def ask(warehouse: Warehouse, query: str) -> OpenSource:
    source = Source(database=Database(url_env="SHOP_URL", query=query), csv=Csv(decimal=","))
    return open_source(source, warehouse, name="orders", project_dir=".")


def cells(source: OpenSource, warehouse: Warehouse) -> list[tuple[object, ...]]:
    with source.reading(warehouse):
        columns = [f"CAST({field.sql} AS VARCHAR)" for field in source.fields.values()]
        return warehouse.con.execute(
            f"SELECT _file, _row, {', '.join(columns)} FROM {source.view}"
        ).fetchall()


def test_a_query_keeps_amounts_days_and_blanks(warehouse: Warehouse, database: str) -> None:
    source = ask(warehouse, ORDERS)
    assert list(source.fields) == ["id", "bought", "total", "name"]
    assert cells(source, warehouse) == [
        (0, 1, "1", "2011-01-01 00:30:00", "10.05", "é 5%"),
        (0, 2, "2", None, None, ""),
    ]
    assert (source.decimal, source.rows_read) == (".", 2)
    assert len(cells(ask(warehouse, "SELECT * FROM orders WHERE name LIKE '%5%'"), warehouse)) == 1


@pytest.mark.parametrize("query", ["DELETE FROM orders", "DROP TABLE orders"])
def test_a_query_cannot_write(warehouse: Warehouse, database: str, query: str) -> None:
    with pytest.raises(DataError, match=f"refused the query '{query}'"):
        cells(ask(warehouse, query), warehouse)
    assert len(cells(ask(warehouse, ORDERS), warehouse)) == 2


def test_a_query_that_fails_is_told_in_the_database_s_words(
    warehouse: Warehouse, database: str
) -> None:
    with pytest.raises(DataError, match=r"refused the query 'SELECT \* FROM nothing'.*nothing"):
        ask(warehouse, "SELECT * FROM nothing")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://ada:geheim@127.0.0.1:1/shop", "SHOP_URL leads to no database"),
        ("mysql://ada:geheim@host:port/shop", "SHOP_URL is no URL of a database"),
        ("geheim", "SHOP_URL is no URL of a database"),
        ("oddbase://ada:geheim@host/shop", "SHOP_URL leads to no database"),
        ("sqlite:////nowhere/shop.db", "no file /nowhere/shop.db"),
        ("duckdb:////nowhere/shop.duckdb", "no file /nowhere/shop.duckdb"),
    ],
)
def test_a_url_that_leads_nowhere_is_named_without_its_password(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("SHOP_URL", url)
    with pytest.raises((DataError, StudyError), match=said) as caught:
        ask(warehouse, ORDERS)
    assert "geheim" not in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("mysql://host/shop", "sqlalchemy", "databases"),
        ("snowflake://account/shop", "adbc_driver_snowflake", "snowflake"),
        ("bigquery://project/shop", "adbc_driver_bigquery", "bigquery"),
    ],
)
def test_what_is_not_installed_is_named_with_its_install_line(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str
) -> None:
    monkeypatch.setenv("SHOP_URL", url)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra) as caught:
        ask(warehouse, ORDERS)
    assert caught.value.fix == f"pip install 'holdfast-clv[{extra}]'"


def test_a_query_on_duckdb_reaches_no_other_file(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb.connect(str(tmp_path / "shop")).close()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    monkeypatch.setenv("SHOP_URL", f"duckdb:///{tmp_path / 'shop'}")
    with pytest.raises(HoldfastError, match="Permission Error"):
        cells(ask(warehouse, f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')"), warehouse)


def test_init_looks_at_a_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(f"C{i % 7}", f"2023-{1 + i // 5:02d}-{1 + i % 28:02d}", i, 9.5 + i) for i in range(60)]
    with sqlite3.connect(tmp_path / "shop") as connection:
        connection.execute("CREATE TABLE orders (customer_id, order_date, order_id, amount)")
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    connection.close()
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{tmp_path / 'shop'}")
    given = {"url_env": "SHOP_URL", "query": "SELECT * FROM orders"}
    keys = {f"transactions.database.{key}": value for key, value in given.items()}
    log = tomllib.loads(propose(None, project_dir=tmp_path, given=keys).toml)["transactions"]
    assert (log["database"], "path" in log) == (given, False)
    assert log["columns"]["amount"] == "amount"


@pytest.mark.parametrize("database", ["sqlite", "duckdb"], indirect=True)
def test_two_columns_of_one_name_are_refused(warehouse: Warehouse, database: str) -> None:
    with pytest.raises(DataError, match="has the column 'id' 2 times"):
        ask(warehouse, "SELECT id, name AS id FROM orders")
