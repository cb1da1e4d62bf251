"""A log that is read in buckets comes to what it comes to in one warehouse: every row's verdict,
every day, every sentence.
"""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.both_engines import (
    differences,
    read_by_buckets,
    study_of,
)

from holdfast.campaigns.export_journal import CampaignList, recording
from holdfast.engine import splits
from holdfast.engine.limits import refuse_what_needs_one_warehouse
from holdfast.errors import DataError, StudyError
from holdfast.ingest.contract import refuse
from holdfast.storage.pseudonyms import Pseudonyms
from holdfast.study import Study

COLUMNS = {"customer_id": "who", "occurred_at": "at", "amount": "total"}
HEADER = "who,at,total"


def line(who: object, day: int = 0, total: object = 5, *more: object) -> str:
    """A line of a CSV: so many days after the first of 2024."""
    at = datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    return ",".join(map(str, (who, f"{at:%Y-%m-%d %H:%M}", total, *more)))


def lines(n: int = 40, customers: int = 9) -> list[str]:
    """Of some customers in turn, a day apart."""
    return [line(f"c{i % customers}", i, 3 + i) for i in range(n)]


def write(path: Path, rows: Sequence[str], header: str = HEADER) -> None:
    """A CSV."""
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def shop(folder: Path, path: str = "orders*.csv", **more: Any) -> Study:
    """A study of order lines; `log` has further keys of [transactions]."""
    log = {"path": path, "columns": COLUMNS, **more.pop("log", {})}
    return study_of(folder, transactions=log, **more)


@pytest.mark.parametrize("n_buckets", [1, 7, 64])
@pytest.mark.parametrize("more", [{}, {"provenance": ["sheet"]}, {"exact_duplicates": "keep"}])
def test_exact_duplicates_meet_across_files(
    tmp_path: Path, n_buckets: int, more: dict[str, Any]
) -> None:
    rows = [f"{each},{i % 3}" for i, each in enumerate(lines())]
    # A duplicate that is set aside for another reason, too: it has no customer.
    rows += [",2024-01-03 12:00,5,1"] * 3
    write(tmp_path / "orders-1.csv", rows, f"{HEADER},sheet")
    write(tmp_path / "orders-2.csv", [*reversed(rows[5:15]), rows[0], rows[0]], f"{HEADER},sheet")
    write(tmp_path / "orders-3.csv", [f"{each}7" for each in rows[:4]], f"{HEADER},sheet")
    assert differences(shop(tmp_path, log=more), n_buckets) == []


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("log", [{}, {"first_day": "2024-01-03"}, {"last_day": "2024-03-01"}])
def test_stray_days_are_set_aside(tmp_path: Path, kind: str, log: dict[str, Any]) -> None:
    rows = [line(f"c{i % 9}", i % 50, 3 + i) for i in range(220)]
    rows[7] = line("c7", 4000)
    rows[100] = line("only\nthere"[:4], -900)
    write(tmp_path / "orders-1.csv", rows[:90])
    write(tmp_path / "orders-2.csv", rows[90:])
    if kind == "parquet":
        for path in tmp_path.glob("*.csv"):
            pl.read_csv(path, try_parse_dates=True).write_parquet(path.with_suffix(".parquet"))
    assert differences(shop(tmp_path, f"orders*.{kind}", log=log)) == []


def test_strays_are_named_by_their_line_in_a_file_of_cells_over_several_lines(
    tmp_path: Path,
) -> None:
    rows = [f'{line(f"c{i % 9}", i % 50)},"two\nlines {i}"' for i in range(150)]
    rows[70] = f'{line("late", 3000)},"two\nlines"'
    write(tmp_path / "orders.csv", rows, f"{HEADER},note")
    assert differences(shop(tmp_path)) == []


@pytest.mark.parametrize("last", ["7.0", "seven", "7"])
def test_ids_written_as_floats_lose_their_point_if_all_have_one(tmp_path: Path, last: str) -> None:
    write(tmp_path / "orders.csv", [line(f"{i % 5}.0", i) for i in range(30)] + [line(last, 3)])
    pl.DataFrame(
        {"who": ["1", "2", "99"], "at": [datetime(2024, 1, 5, tzinfo=UTC)] * 3, "what": "visit"}
    ).write_parquet(tmp_path / "e.parquet")
    columns = {"customer_id": "who", "occurred_at": "at", "kind": "what"}
    events = {"path": "e.parquet", "columns": columns, "kinds": {"visit": "session"}}
    assert differences(shop(tmp_path, events=events)) == []


def test_blanks_around_ids_are_taken_off_and_counted(tmp_path: Path) -> None:
    rows = [*lines(), line("  c1 ", 3), line("\tc2", 4, 9), line(" new\u00a0", 9), line("   ", 3)]
    write(tmp_path / "orders.csv", rows)
    assert differences(shop(tmp_path)) == []


@pytest.mark.parametrize("n_buckets", [1, 7])
def test_an_event_id_counts_once_whoever_and_wherever_it_is(tmp_path: Path, n_buckets: int) -> None:
    rows = [f"{line(f'c{i % 9}', i % 40, 3 + i)},e{i % 101}" for i in range(240)]
    rows += [f"{line('late', 5000)},e5", f"{line('late', 5000)},x1", f"{line('c1', 1)},"]
    rows += [f"{line('', 3)},x2", f"{line('c3', 3)},x2", f"{line('c3', 3, 'none')},x2"]
    header = f"{HEADER},id"
    write(tmp_path / "orders-2.csv", rows[:100], header)
    write(tmp_path / "orders-1.csv", rows[100:], header)
    columns = {**COLUMNS, "event_id": "id"}
    assert differences(shop(tmp_path, log={"columns": columns}), n_buckets) == []


def test_lines_that_are_no_rows_are_quarantined_where_they_stand(tmp_path: Path) -> None:
    rows = [f"{each},n" for each in lines()]
    rows[3] += ",one,too,many"
    rows[5] = f'{line("c5", 5)},"over\n\nthree lines"'
    rows[9] = f'{line("c5", "x" and 5, "none")},"over\ntwo"'
    rows[20] = ""
    rows[22] = "c1,2024-01-05"
    rows[30] = f"{line('c3', 3, 'n/a')},x"
    rows[31] = rows[30]
    write(tmp_path / "orders-1.csv", rows, f"{HEADER},note")
    write(tmp_path / "orders-2.csv", [*reversed(rows), '"open'], f"{HEADER},note")
    assert differences(shop(tmp_path), workers=2) == []


@pytest.mark.parametrize("kind", ["json", "csv.gz", "json.gz"])
def test_json_and_packed_files_come_to_the_same(tmp_path: Path, kind: str) -> None:
    rows = [*lines(), line("c1", 3, "none"), line("", 4)]
    texts = ["\n".join([HEADER, *rows[:20]]), "\n".join([HEADER, *rows[20:]])]
    for number, text in enumerate(texts):
        if "json" in kind:
            names = HEADER.split(",")
            records = [dict(zip(names, each.split(","), strict=True)) for each in text.split("\n")]
            text = "\n".join(json.dumps(each) for each in records[1:])
        packed = text.encode() if kind == "json" else gzip.compress(text.encode())
        (tmp_path / f"orders-{number}.{kind}").write_bytes(packed)
    assert differences(shop(tmp_path, f"orders*.{kind}")) == []


@pytest.mark.parametrize("n_rows", [7, 100, 1000])
def test_row_groups_are_numbered_as_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_rows: int
) -> None:
    monkeypatch.setattr(splits, "_SPLIT_ROWS", n_rows)
    monkeypatch.setattr(splits, "_BATCH_ROWS", 11)
    rows = [*lines(300), line("c1", 3, -1e30), line("c2", 4, "nan"), *lines(5)]
    write(tmp_path / "orders.csv", rows)
    table = pl.read_csv(
        tmp_path / "orders.csv", try_parse_dates=True, schema_overrides={"total": pl.Float64}
    )
    table.with_columns(
        day=pl.col("at").dt.date(), who=pl.col("who").cast(pl.Categorical)
    ).write_parquet(tmp_path / "orders.parquet", row_group_size=13)
    assert differences(shop(tmp_path, "orders.parquet")) == []


KINDS = [
    pl.lit(7, pl.Int64), pl.lit(7, pl.UInt64), pl.lit(7, pl.UInt8), pl.lit(7.0, pl.Float64),
    pl.lit(7.0, pl.Float32), pl.lit("7").cast(pl.Categorical), pl.lit(7).cast(pl.Decimal(38, 0)),
    pl.lit(b"7", pl.Binary),
]  # fmt: skip


@pytest.mark.parametrize("who", KINDS, ids=str)
@pytest.mark.parametrize("unit", ["ms", "ns", "date", "text"])
def test_types_of_parquet_are_read_alike(tmp_path: Path, who: pl.Expr, unit: str) -> None:
    at = pl.datetime(2024, 1, 1, 10) + pl.duration(days=pl.int_range(pl.len()))
    when = {"date": at.dt.date(), "text": at.dt.strftime("%Y-%m-%d %H:%M:%S")}
    table = pl.DataFrame({"total": [5.25, 7.0, -1.0] * 4}).with_columns(
        who=who,
        at=when[unit] if unit in when else at.dt.cast_time_unit(unit),  # type: ignore[arg-type]
    )
    table.write_parquet(tmp_path / "orders.parquet")
    assert differences(shop(tmp_path, "orders.parquet")) == []


def test_currencies_are_converted_by_the_rate_of_their_day(tmp_path: Path) -> None:
    rows = [f"{line(f'c{i % 5}', i)},{('EUR', 'USD', 'JPY', '', '?')[i % 5]}" for i in range(40)]
    write(tmp_path / "orders.csv", rows, f"{HEADER},currency")
    (tmp_path / "rates.csv").write_text(
        "day,currency,rate\n2024-01-03,EUR,1.07\n2024-01-20,EUR,1.0655\n2024-01-01,JPY,0.0076\n"
    )
    keys = {"column": "currency", "rates": {"path": "rates.csv"}}
    assert differences(shop(tmp_path, currency=keys)) == []
    assert differences(shop(tmp_path, currency={"column": "currency"})) == []


def contract(*properties: dict[str, Any], name: str = "transactions", **more: Any) -> str:
    """A contract of one source, as YAML."""
    head = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "t", "version": "1"}
    schema = [{"name": name, "properties": list(properties), **more}]
    return yaml.safe_dump({**head, "status": "active", "schema": schema})


def test_what_breaks_a_contract_is_quarantined_and_its_limits_hold(tmp_path: Path) -> None:
    promise = {"name": "total", "logicalType": "number", "logicalTypeOptions": {"maximum": 30}}
    (tmp_path / "contract.yaml").write_text(contract(promise))
    write(tmp_path / "orders.csv", lines())
    limits = {"contract": "contract.yaml", "violations_at_most": 0.1}
    study = shop(tmp_path, check=limits)
    assert differences(study) == []
    failures = read_by_buckets(study).failures
    assert isinstance(failures, tuple)
    with pytest.raises(DataError, match="violations_at_most"):
        refuse(failures)


def test_a_unique_key_of_the_contract_is_refused(tmp_path: Path) -> None:
    (tmp_path / "contract.yaml").write_text(contract({"name": "who", "unique": True}))
    write(tmp_path / "orders.csv", lines())
    error = read_by_buckets(shop(tmp_path, check={"contract": "contract.yaml"})).error
    assert error is not None
    assert error[:2] == (
        "StudyError",
        '[transactions] compares rows with each other (amount_of = "order", or a unique key of '
        'the contract), which only the engine "memory" can',
    )


def test_a_reference_to_the_transactions_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "orders.csv", lines())
    write(tmp_path / "c.csv", ["c1,Rome", "zz,Bonn"], "id,town")
    link = {"name": "id", "relationships": [{"to": "transactions.who"}]}
    (tmp_path / "contract.yaml").write_text(contract(link, name="customers"))
    customers = {"path": "c.csv", "columns": {"customer_id": "id"}, "attributes": ["town"]}
    study = shop(tmp_path, customers=customers, check={"contract": "contract.yaml"})
    error = read_by_buckets(study).error
    assert error is not None
    assert error[0] == "StudyError"
    assert "does not do a reference of the contract to the transactions yet" in error[1]


ASKS = {
    "orders": ({"amount_of": "order", "columns": {**COLUMNS, "order_id": "o"}}, {}),
    "costs": ({"columns": {**COLUMNS, "cost": "o"}}, {}),
}


@pytest.mark.parametrize("asked", ASKS)
def test_what_needs_one_warehouse_is_refused_in_a_sentence(tmp_path: Path, asked: str) -> None:
    write(tmp_path / "orders.csv", [f"{each},{i}" for i, each in enumerate(lines())], f"{HEADER},o")
    log, more = ASKS[asked]
    error = read_by_buckets(shop(tmp_path, log=log, **more)).error
    assert error is not None
    assert error[0] == "StudyError"
    assert "memory" in error[1] + error[2]


def test_a_database_is_refused_before_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSN", "sqlite:///nowhere.db")
    log = {"database": {"url_env": "DSN", "query": "SELECT 1"}, "columns": COLUMNS}
    error = read_by_buckets(study_of(tmp_path, transactions=log)).error
    assert error is not None
    assert error[:2] == ("StudyError", "the engine 'memory' does not do a database query yet")


def erase(study: Study, *customers: str) -> None:
    """Note that somebody was erased."""
    people = Pseudonyms.of(study, make_key=True)
    people.suppress([name for each in customers for name in people.names(each)])


@pytest.mark.parametrize("privacy", [{}, {"pseudonymise": True}, {"drop": ["note"]}])
def test_who_was_erased_stays_out(tmp_path: Path, privacy: dict[str, Any]) -> None:
    rows = [f"{each},secret of c{i % 9}" for i, each in enumerate(lines())]
    rows[4] = f"{line('c4', 4, 'none')},n"
    rows[11] = f"{line('c2', 4, 'none')},n"
    rows[12] += ",too,many"
    write(tmp_path / "orders.csv", [*rows, rows[8]], f"{HEADER},note")
    study = shop(tmp_path, privacy=privacy)
    erase(study, "c4", "c3", "c8")
    assert differences(study) == []
    quarantine = read_by_buckets(study).quarantine
    assert quarantine is not None
    assert "c4" not in quarantine.write_csv()


def send(project: Path, campaign: str) -> None:
    """Record a list: c1 and c2 are contacted, c3 is held out."""
    arms = pl.DataFrame({"customer_id": ["c1", "c2", "c3"], "treated": [True, True, False]})
    arms = arms.with_columns(propensity=0.5, offer=pl.lit("mail"), cost=1.25)
    listed = CampaignList(campaign=campaign, made_by="plan", run_id="r", arms=arms)
    at = datetime(2024, 2, 1, tzinfo=UTC)
    with recording(listed, project, at=at, how="csv"):
        pass


@pytest.mark.parametrize("own", [None, "spring", "summer"])
def test_exports_are_treatments_but_for_campaigns_of_the_study(
    tmp_path: Path, own: str | None
) -> None:
    write(tmp_path / "orders.csv", lines())
    send(tmp_path, "spring")
    send(tmp_path, "spring")
    beside: dict[str, Any] = {}
    if own:
        write(tmp_path / "t.csv", [f"c1,2024-01-20,{own},1", f"c5,2024-01-20,{own},0"], "c,t,k,d")
        columns = {"customer_id": "c", "occurred_at": "t", "campaign": "k", "treated": "d"}
        beside = {"treatments": {"path": "t.csv", "columns": columns}}
    assert differences(shop(tmp_path, **beside)) == []


def test_customers_permissions_and_addresses_lie_beside_the_log(tmp_path: Path) -> None:
    write(tmp_path / "orders.csv", lines())
    rows = [
        "c1,Rome,yes,a@x.example",
        "c2,,no,",
        "zz,Oslo,,b@x.example",
        ",Bonn,yes,",
        "c1,Rome,yes,",
    ]
    write(tmp_path / "c.csv", rows, "id,town,mail,address")
    customers = {"path": "c.csv", "columns": {"customer_id": "id"}, "attributes": ["town"]}
    assert differences(shop(tmp_path, customers=customers)) == []


SMALL = {
    "one row": [line("a")],
    "one customer": [line("a", i) for i in range(20)],
    "one day": [line(f"c{i}", 0, i + 1) for i in range(20)],
    "no row that can be used": [line("a", 0, "none"), line("", 1)],
    "only returns": [line("a", i, -3) for i in range(5)],
    "emoji": [line(f"\N{GRINNING FACE}{i % 3}\u0301", i) for i in range(9)],
    "an id of 10,000 characters": [line("x" * 10_000, i) for i in range(3)] + [line("y")],
    "ids that differ in a point": [line(each) for each in ("1", "1.0", "1.0.0", ".0", "0", "1.")],
}


@pytest.mark.parametrize("rows", SMALL.values(), ids=SMALL)
def test_small_and_odd_logs_come_to_the_same(tmp_path: Path, rows: list[str]) -> None:
    write(tmp_path / "orders.csv", rows)
    assert differences(shop(tmp_path)) == []


def test_a_file_that_ends_early_is_refused_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "orders.csv.gz").write_bytes(
        gzip.compress("\n".join([HEADER, *lines(900)]).encode())[:-30]
    )
    assert differences(shop(tmp_path, "orders.csv.gz")) == []


_CELLS = {
    "who": st.sampled_from(["a", "b", " a", "a ", "1.0", "2.0", "", "c\u0301"]),
    "day": st.sampled_from([0, 0, 1, 2, 30, 900, -900]),
    "total": st.sampled_from(["5", "5.00", "-5", "0", "", "x", "1e3"]),
    "id": st.sampled_from(["e1", "e2", "e3", ""]),
}
_ROW = st.tuples(*_CELLS.values())


@settings(deadline=None, max_examples=15)
@given(
    files=st.lists(st.lists(_ROW, min_size=1, max_size=12), min_size=1, max_size=3),
    n_buckets=st.integers(1, 9),
    identified=st.booleans(),
)
def test_any_log_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[list[tuple[str, int, str, str]]],
    n_buckets: int,
    identified: bool,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for number, rows in enumerate(files):
        written = [line(who, day, total, name) for who, day, total, name in rows]
        write(folder / f"orders-{number}.csv", written, f"{HEADER},id")
    columns = {**COLUMNS, "event_id": "id"} if identified else COLUMNS
    # So many rows of two days that a single one far off is a stray.
    usual = [line(f"u{i}", i % 2, 5, f"u{i}") for i in range(120)]
    write(folder / "orders-9.csv", usual, f"{HEADER},id")
    assert differences(shop(folder, log={"columns": columns}), n_buckets) == []


def test_a_study_of_a_snapshot_is_refused(tmp_path: Path) -> None:
    snapshot = {
        "path": "s.csv",
        "as_of": "2024-07-01",
        "columns": {"customer_id": "id"},
        "labels": {"churned": "gone"},
    }
    with pytest.raises(StudyError, match="a snapshot is read in one piece"):
        refuse_what_needs_one_warehouse(study_of(tmp_path, snapshot=snapshot))
