"""A simulated shop on disk: complete or not there, and a study that opens."""

import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from tests.conftest import missing

from holdfast.errors import DataError, InputError
from holdfast.ingest.order_log import read_order_log
from holdfast.io.warehouse import Warehouse
from holdfast.setup import simulate as room
from holdfast.setup.simulate import STREAMS, Destination, simulate_business_to, simulate_to
from holdfast.study import Study
from holdfast.synthetic import OFFERS, Business, Shop, simulate_batch

SHOP = Shop(n_customers=200, seed=7, currency="GBP")


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_study_it_writes_opens_and_names_every_table(tmp_path: Path) -> None:
    files = simulate_to(tmp_path / "shop", SHOP)
    study = Study.from_toml(files.study)
    assert study.currency == "GBP"
    assert study.transactions is not None
    assert study.customers is not None
    for source in (study.transactions, study.events, study.customers, study.treatments):
        assert source is not None
        columns = pl.read_parquet_schema(tmp_path / "shop" / str(source.path))
        assert set(source.columns.model_dump(exclude_none=True).values()) <= set(columns)
    assert set(study.customers.attributes) <= set(pl.read_parquet_schema(files.tables["customers"]))


def test_a_business_is_written_with_its_truth_and_the_question_that_it_was_made_for(
    tmp_path: Path,
) -> None:
    business = Business(name="refill", n_customers=50, seed=7)
    files = simulate_business_to(tmp_path / "refill", business)
    study = Study.from_toml(files.study)
    assert (study.churn.horizon_days, study.churn.eligible) == (14, "bought in the last 45 days")
    assert pl.read_parquet(files.tables["truth"]).height == files.rows["truth"] == 50
    with Warehouse(tmp_path) as warehouse:
        log = read_order_log(study, warehouse)
    assert log.end_day - log.first_day <= 660
    with pytest.raises(InputError, match="not empty"):
        simulate_business_to(tmp_path / "refill", business)


def test_a_shop_to_be_followed_has_an_id_in_each_row_and_says_where_events_come_from(
    tmp_path: Path,
) -> None:
    files = simulate_to(tmp_path / "shop", SHOP, stream="jetstream")
    study = Study.from_toml(files.study)
    assert study.stream is not None
    assert (study.stream.source, study.stream.url) == ("jetstream", "${NATS_URL}")
    assert [alert.name for alert in study.alert] == ["at-risk"]
    for source in (study.transactions, study.events, study.treatments):
        assert source is not None
        assert source.columns.event_id == "event_id"
        ids = pl.read_parquet(tmp_path / "shop" / str(source.path))["event_id"]
        assert ids.is_unique().all()
    for kind in STREAMS:
        simulate_to(tmp_path / kind, replace(SHOP, n_customers=20), stream=kind)
        assert Study.from_toml(tmp_path / kind / "holdfast.toml").stream is not None


def test_offers_cost_in_the_study_what_they_cost_in_the_shop(tmp_path: Path) -> None:
    files = simulate_to(tmp_path / "shop", replace(SHOP, offers=OFFERS[:2]))
    study = Study.from_toml(files.study)
    assert {name: offer.cost for name, offer in study.offers.items()} == {
        "reminder": 0.5, "voucher": 0.5,
    }  # fmt: skip
    voucher = study.offers["voucher"]
    assert (voucher.acceptance, voucher.cost_if_accepted) == (0.25, 4.0)
    assert study.treatments is not None
    assert (study.treatments.columns.offer, study.treatments.columns.accepted) == (
        "offer", "accepted",
    )  # fmt: skip
    # Which offer a campaign made stands in its rows, unless there is only one.
    assert voucher.campaigns == []
    alone = Study.from_toml(simulate_to(tmp_path / "alone", SHOP).study)
    assert alone.offers["reminder"].campaigns == [f"campaign-{k}" for k in range(1, 6)]


def test_a_shop_without_events_or_campaigns_has_no_sections_for_them(tmp_path: Path) -> None:
    files = simulate_to(tmp_path / "shop", replace(SHOP, events_per_purchase=0.0, n_days=100))
    study = Study.from_toml(files.study)
    assert study.events is None
    assert study.treatments is None
    assert study.offers == {}
    assert pl.read_parquet(files.tables["events"]).is_empty()


def test_the_files_hold_what_was_simulated(tmp_path: Path) -> None:
    done: list[int] = []
    shop = replace(SHOP, n_customers=10_200, n_days=60, rhythm=1.0)
    files = simulate_to(tmp_path, shop, on_progress=done.append)
    assert done == [10_000, 10_200]
    for name, path in files.tables.items():
        expected = pl.concat(getattr(simulate_batch(shop, batch), name) for batch in (0, 1))
        assert pl.read_parquet(path).equals(expected)
        assert files.rows[name] == expected.height
    # A row group a batch keeps readers as frugal as the writer.
    assert pq.ParquetFile(files.tables["orders"]).num_row_groups == 2


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    simulate_to(tmp_path / "a", SHOP)
    simulate_to(tmp_path / "b", SHOP)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_folder_that_holds_anything_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "orders.parquet").write_text("precious")
    with pytest.raises(InputError, match=r"not empty: 1 entries, the first is orders\.parquet"):
        simulate_to(tmp_path, SHOP)
    assert contents(tmp_path) == {"orders.parquet": b"precious"}
    with pytest.raises(InputError, match="is a file"):
        simulate_to(tmp_path / "orders.parquet", SHOP)


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_to(tmp_path, SHOP, on_progress=stop)
    assert contents(tmp_path) == {}


def test_what_a_killed_run_left_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-simulation").mkdir()
    (tmp_path / ".unfinished-simulation" / "orders.parquet").write_text("half")
    simulate_to(tmp_path, SHOP)
    assert set(contents(tmp_path)) == set(room.FILES)


def test_a_shop_in_postgres_is_read_back_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    dsn = os.environ.get("HOLDFAST_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
    try:
        connection = dbapi.connect(dsn)
    except dbapi.Error as error:
        missing(f"no PostgreSQL: {error}")
    monkeypatch.setenv("SIMULATED_SHOP_DSN", dsn)
    target = Destination("SIMULATED_SHOP_DSN", 'simulated "shop"')
    drop = 'DROP SCHEMA IF EXISTS "simulated ""shop""" CASCADE'
    with connection, connection.cursor() as cursor:
        cursor.execute(drop)
        connection.commit()
        files = simulate_to(tmp_path / "pg", SHOP, postgres=target)
        with pytest.raises(DataError, match="already exists; name another schema"):
            simulate_to(tmp_path / "again", SHOP, postgres=target)
        assert list((tmp_path / "again").iterdir()) == []
        found = [_totals(Study.from_toml(files.study), tmp_path / "a")]
        cursor.execute(drop)
        connection.commit()
    found.append(
        _totals(Study.from_toml(simulate_to(tmp_path / "files", SHOP).study), tmp_path / "b")
    )
    assert found[0] == found[1]
    assert found[0][0] > 0


def _totals(study: Study, scratch: Path) -> tuple[int, int, int]:
    scratch.mkdir()
    with Warehouse(scratch) as warehouse:
        got = read_order_log(study, warehouse)
        (spent,) = warehouse.row("SELECT sum(gross_minor + returns_minor) FROM activity")
    return got.rows.accepted, got.n_customers, spent
