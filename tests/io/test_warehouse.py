"""The warehouse keeps one run's tables and says in words what fails."""

from pathlib import Path

import duckdb
import narwhals as nw
import polars as pl
import pytest

from holdfast.errors import HoldfastError, MachineError
from holdfast.io import warehouse as warehouse_module
from holdfast.io.warehouse import Warehouse, memory_database


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


def settings(warehouse: Warehouse) -> tuple[object, ...]:
    return warehouse.row("SELECT current_setting('threads'), current_setting('memory_limit')")


def test_a_confined_warehouse_reads_what_it_was_shown_and_nothing_else(tmp_path: Path) -> None:
    for name in ("shown [1].parquet", "other.parquet"):
        pl.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / name)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "link.parquet").symlink_to(tmp_path / "shown [1].parquet")
    (tmp_path / "scratch" / "bad.parquet").symlink_to(tmp_path / "other.parquet")
    with Warehouse(tmp_path / "scratch") as warehouse:
        warehouse.confine([tmp_path / "shown [1].parquet"])
        read = warehouse.con.read_parquet
        assert read(str(tmp_path / "scratch" / "link.parquet")).fetchall() == [(1,), (2,)]
        for refused in (
            lambda: read(str(tmp_path / "other.parquet")),
            lambda: read(str(tmp_path / "scratch" / "bad.parquet")),
            lambda: warehouse.row("SELECT count(*) FROM read_text('/etc/passwd')"),
            lambda: warehouse.row("SELECT count(*) FROM glob('/etc/*')"),
            lambda: warehouse.execute(f"ATTACH '{tmp_path / 'other.db'}'"),
            lambda: warehouse.execute(f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'"),
            lambda: warehouse.execute("INSTALL httpfs"),
            lambda: warehouse.execute("LOAD httpfs"),
        ):
            with pytest.raises(duckdb.Error, match="disabled"):
                refused()
        for setting in ("enable_external_access = true", "allowed_directories = ['/']"):
            with pytest.raises(duckdb.InvalidInputException, match="locked"):
                warehouse.execute(f"SET {setting}")


def test_a_database_in_memory_is_closed_and_locked() -> None:
    with memory_database(threads=1) as database:
        with pytest.raises(duckdb.PermissionException, match="disabled"):
            database.execute("FROM read_text('/etc/passwd')")
        with pytest.raises(duckdb.InvalidInputException, match="locked"):
            database.execute("SET enable_external_access = true")
        assert database.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_what_exceeds_the_memory_is_worked_out_on_disk(tmp_path: Path) -> None:
    with Warehouse(tmp_path, threads=1) as warehouse:
        warehouse.limit_memory(100_000_000)  # The database's share is 40 MB.
        warehouse.confine([])
        warehouse.execute(
            "CREATE TABLE t AS SELECT hash(range) AS h, repeat('x', 20) AS s FROM range(3000000)"
        )
        warehouse.execute("CREATE TABLE sorted AS SELECT * FROM t ORDER BY h")
        assert warehouse.row("SELECT count(*), count(DISTINCT h) FROM sorted") == (3_000_000,) * 2


IN_ONE_PIECE = "SELECT len(list(range)) FROM range(4000000)"
"""It needs 32 MB and more at once, and cannot be spilled."""


def test_no_query_ends_at_a_limit_that_nobody_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warehouse_module, "available_bytes", lambda: 40_000_000)
    with Warehouse(tmp_path, threads=2) as warehouse:
        before = settings(warehouse)
        monkeypatch.setattr(warehouse_module, "available_bytes", lambda: 2_000_000_000)
        assert warehouse.row(IN_ONE_PIECE) == (4_000_000,)
        assert warehouse.query(IN_ONE_PIECE).row(0) == (4_000_000,)
        again = []
        warehouse.execute(f"CREATE TABLE t AS {IN_ONE_PIECE}", again=lambda: again.append("again"))
        # On one thread first, and then with all memory that there is.
        assert again == ["again", "again"]
        assert settings(warehouse) == before


def test_at_a_limit_that_the_study_sets_it_says_which(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.limit_memory(40_000_000)
        with (
            pytest.raises(MachineError, match="too little memory to count") as raised,
            warehouse.working("count"),
        ):
            warehouse.row(IN_ONE_PIECE)
        assert raised.value.fix.startswith("raise [engine] memory, now 40 MB; or leave out columns")
        assert raised.value.parts["cause"] == "memory"


def test_a_full_disk_is_no_defect_of_the_data(tmp_path: Path) -> None:
    error = duckdb.IOException('IO Error: Could not write file "x": No space left on device')
    with (
        Warehouse(tmp_path) as warehouse,
        pytest.raises(MachineError, match="the disk is full, so the database could not add up; "),
        warehouse.working("add up"),
    ):
        raise error


def test_a_piece_of_work_is_named_wherever_the_memory_ends(tmp_path: Path) -> None:
    with Warehouse(tmp_path) as warehouse:
        warehouse.limit_memory(40_000_000)
        with pytest.raises(MachineError, match="too little memory to work on its tables"):
            warehouse.query(IN_ONE_PIECE)
        with (
            pytest.raises(MachineError, match="too little memory to read the log"),
            warehouse.working("read the log"),
        ):
            warehouse.read(warehouse.con.sql(IN_ONE_PIECE))
