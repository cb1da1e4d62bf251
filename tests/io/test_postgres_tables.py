"""Tables kept in a PostgreSQL database: the old rows or the new ones, never a mixture."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from tests.conftest import postgres_cursor

from holdfast.errors import DataError, HoldfastError
from holdfast.io.postgres_tables import KeyedTable, Replaced, replace_rows
from holdfast.io.queries import connect_postgres

DSN = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
SCHEMA = 'holdfast "out" test'
PLACE = '"holdfast ""out"" test"'


@pytest.fixture
def cursor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("TEST_CRM", DSN)
    with postgres_cursor(DSN, PLACE) as opened:
        yield opened


def table(customers: dict[str, float], **more: Any) -> KeyedTable:
    rows = pl.DataFrame(
        {"customer_id": list(customers), "worth": list(customers.values())},
        schema={"customer_id": pl.String, "worth": pl.Float64},
    ).with_columns(pl.lit(value).alias(name) for name, value in more.items())
    return KeyedTable(name="scores", key="customer_id", rows=rows, meaning="a row a customer")


def stored(cursor: Any, columns: str = "customer_id, worth") -> list[tuple[Any, ...]]:
    cursor.execute(f"SELECT {columns} FROM {PLACE}.scores ORDER BY 1")
    return list(cursor.fetchall())


def test_rows_are_inserted_updated_and_removed_and_again_is_the_same(cursor: Any) -> None:
    first = replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.5, "B": 2.0})])
    assert first == {"scores": Replaced(rows=2, removed=0)}
    after = [("B", 3.0), ("C\"'; DROP TABLE x; --", 4.0)]
    for removed in (1, 0):
        done = replace_rows("TEST_CRM", SCHEMA, [table(dict(after))])
        assert done == {"scores": Replaced(rows=2, removed=removed)}
        assert stored(cursor) == after


def test_dates_moments_numbers_and_blanks_keep_their_types(cursor: Any) -> None:
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    more = {"day": date(2026, 1, 1), "at": at, "n": 3, "may": True}
    rows = table({"A": 0.1}, **more).rows.with_columns(nothing=pl.lit(None, pl.Float64))
    replace_rows(
        "TEST_CRM", SCHEMA, [KeyedTable(name="scores", key="customer_id", rows=rows, meaning="x")]
    )
    types = ", ".join(f"pg_typeof({name})::text" for name in ("worth", *more, "nothing"))
    assert stored(cursor, types) == [
        ("double precision", "date", "timestamp with time zone", "integer", "boolean",
         "double precision")
    ]  # fmt: skip
    assert stored(cursor, "worth, day, nothing") == [(0.1, date(2026, 1, 1), None)]


def test_a_column_that_came_later_is_added(cursor: Any) -> None:
    replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0})])
    replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0}, tier="high")])
    assert stored(cursor, "customer_id, tier") == [("A", "high")]


def test_a_table_that_is_somebody_elses_is_left_alone(cursor: Any) -> None:
    cursor.execute(f"CREATE SCHEMA {PLACE}")
    cursor.execute(f"CREATE TABLE {PLACE}.scores (customer_id text PRIMARY KEY, worth float8)")
    cursor.execute(f"INSERT INTO {PLACE}.scores VALUES ('theirs', 1)")
    with pytest.raises(DataError, match="not Holdfast's"):
        replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0})])
    assert stored(cursor) == [("theirs", 1.0)]


def test_where_the_second_table_is_refused_the_first_is_as_before(cursor: Any) -> None:
    replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0})])
    broken = pl.DataFrame({"segment": ["x", "x"], "n": [1, 2]})
    second = KeyedTable(name="segments", key="segment", rows=broken, meaning="a row a segment")
    with pytest.raises(HoldfastError, match="nothing has changed") as caught:
        replace_rows("TEST_CRM", SCHEMA, [table({"B": 2.0}), second])
    assert caught.value.exit_code == 1
    assert stored(cursor) == [("A", 1.0)]


def test_a_reader_sees_the_old_rows_until_all_new_ones_are_there(cursor: Any) -> None:
    """Read from another session as fast as it goes, while two states are written in turn."""
    states = [table({str(i): float(k) for i in range(3000)}, run_id=str(k)) for k in range(2)]
    replace_rows("TEST_CRM", SCHEMA, states[:1])
    seen, done = set(), threading.Event()

    def write() -> None:
        for state in (states[1], states[0]) * 5:
            replace_rows("TEST_CRM", SCHEMA, [state])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        seen.update(stored(cursor, "DISTINCT count(*) OVER (), min(run_id) OVER (), max(run_id) "
                                   "OVER ()"))  # fmt: skip
    writer.join()
    assert seen == {(3000, "0", "0"), (3000, "1", "1")}


def test_a_process_killed_on_the_way_leaves_everything_as_it_was(cursor: Any) -> None:
    replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0})])
    cursor.execute(f"COMMENT ON COLUMN {PLACE}.scores.worth IS 'x'")
    # A trigger that waits: the process is killed while its rows are on the way.
    cursor.execute(
        f"CREATE FUNCTION {PLACE}.wait() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_sleep(20); RETURN NEW; END $$"
    )
    cursor.execute(
        f"CREATE TRIGGER wait BEFORE INSERT ON {PLACE}.scores FOR EACH ROW "
        f"EXECUTE FUNCTION {PLACE}.wait()"
    )
    code = (
        "from tests.io.test_postgres_tables import *; import sys\n"
        "print('begun', flush=True); replace_rows('TEST_CRM', SCHEMA, [table({'B': 2.0})])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        _wait_for(cursor, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
        writer.send_signal(signal.SIGKILL)
    assert stored(cursor) == [("A", 1.0)]
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                   "WHERE wait_event = 'PgSleep'")  # fmt: skip


def _wait_for(cursor: Any, query: str) -> None:
    for _ in range(200):
        cursor.execute(query)
        if cursor.fetchone()[0]:
            return
        threading.Event().wait(0.05)
    pytest.fail("the rows were never on the way")


def test_a_locked_table_is_waited_for_and_then_told(
    cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.io.postgres_tables._LOCK_SECONDS", 1)
    replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0})])
    other = connect_postgres("TEST_CRM")
    with other, other.cursor() as holder:
        holder.execute(f"LOCK TABLE {PLACE}.scores IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(HoldfastError, match="lock timeout") as caught:
            replace_rows("TEST_CRM", SCHEMA, [table({"B": 2.0})])
    assert "pg_locks" in caught.value.fix
    assert stored(cursor) == [("A", 1.0)]


def test_who_may_not_create_is_told_what_to_grant(
    cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor.execute("DROP ROLE IF EXISTS holdfast_reader")
    cursor.execute("CREATE ROLE holdfast_reader LOGIN PASSWORD 'geheim'")
    monkeypatch.setenv("TEST_CRM", DSN.replace("postgres@", "holdfast_reader:geheim@"))
    try:
        with pytest.raises(HoldfastError, match="permission denied") as caught:
            replace_rows("TEST_CRM", SCHEMA, [table({"A": 1.0})])
    finally:
        cursor.execute("DROP ROLE holdfast_reader")
    assert "create tables in the schema" in caught.value.fix


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://ada:geheim@127.0.0.1:1/shop",
        "postgresql://ada:geheim@nohost.invalid/shop",
        "postgresql://ada:geheim@[::1/shop",
        "postgresql://ada:ge@heim@127.0.0.1:1/shop",
        "postgresql://ada:geheim/mis@127.0.0.1:1/shop",
        "host=127.0.0.1 port=1 user=ada password=geheim",
    ],
)
def test_no_part_of_a_password_is_told(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("adbc_driver_postgresql.dbapi")
    monkeypatch.setenv("TEST_CRM", dsn)
    with pytest.raises(DataError, match="TEST_CRM") as caught:
        connect_postgres("TEST_CRM")
    assert "heim" not in str(caught.value)
