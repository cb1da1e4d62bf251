"""The warehouse keeps one run's tables and says in words what fails."""

from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from holdfast.errors import HoldfastError
from holdfast.io.warehouse import Warehouse


def test_a_table_is_read_as_a_lazy_frame_and_as_polars(tmp_path: Path) -> None:
    with Warehouse(tmp_path, threads=1) as warehouse:
        warehouse.con.execute("CREATE TABLE days AS SELECT range AS day FROM range(5)")
        late = warehouse.table("days").filter(nw.col("day") > 2)
        assert warehouse.read(late).equals(pl.DataFrame({"day": [3, 4]}))
        assert warehouse.read(warehouse.con.table("days")).height == 5
        assert warehouse.row("SELECT count(*), max(day) FROM days WHERE day < ?", 3) == (3, 2)
        assert warehouse.has("days")
        assert not warehouse.has("nights")


def test_what_fails_in_the_database_names_the_task(tmp_path: Path) -> None:
    with (
        Warehouse(tmp_path) as warehouse,
        pytest.raises(HoldfastError, match="the database failed to add up: Conversion Error"),
        warehouse.working("add up"),
    ):
        warehouse.con.execute("SELECT CAST(300 AS TINYINT)")


def test_no_extension_is_installed_or_loaded_by_a_query(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        settings = warehouse.con.execute(
            "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions'"
        ).fetchall()
        assert settings == [("false",), ("false",)]
        assert warehouse.row("SELECT current_setting('TimeZone')") == ("UTC",)
