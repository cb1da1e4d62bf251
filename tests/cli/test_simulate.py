"""`holdfast simulate`: which days a simulated log is of."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from tests.cli.test_cli import holdfast

from holdfast.setup.simulate import simulate_to
from holdfast.synthetic import Shop

# About 130 orders a day, so that no day is without.
SHOP = ("simulate", "shop", "--customers", "10000", "--days", "30")


def days_of_orders(folder: Path) -> tuple[date, date]:
    days = pl.read_parquet(folder / "shop" / "orders.parquet")["occurred_at"].dt.date()
    return days.min(), days.max()  # type: ignore[return-value]


def test_a_simulated_log_ends_yesterday(tmp_path: Path) -> None:
    before = datetime.now(UTC).date()
    holdfast(*SHOP, cwd=tmp_path)
    first, last = days_of_orders(tmp_path)
    # Midnight may pass meanwhile.
    assert last in {before - timedelta(days=1), datetime.now(UTC).date() - timedelta(days=1)}
    assert first == last - timedelta(days=29)


def test_a_simulated_log_ends_on_the_day_that_is_named(tmp_path: Path) -> None:
    holdfast(*SHOP, "--ends", "2024-02-29", cwd=tmp_path)
    assert days_of_orders(tmp_path) == (date(2024, 1, 31), date(2024, 2, 29))


def test_the_same_seed_and_last_day_give_the_shop_of_the_same_start(tmp_path: Path) -> None:
    pinned = ("--customers", "50", "--seed", "7", "--ends", "2024-06-29")
    holdfast("simulate", "shop", *pinned, cwd=tmp_path)
    started = Shop(n_customers=50, seed=7, start=date(2022, 7, 1), n_days=730)
    simulate_to(tmp_path / "same", started)
    for name in ("orders", "events", "customers", "treatments", "truth"):
        one, other = (tmp_path / each / f"{name}.parquet" for each in ("shop", "same"))
        assert one.read_bytes() == other.read_bytes(), name


def test_a_business_of_the_same_seed_and_last_day_is_the_same(tmp_path: Path) -> None:
    pinned = ("--business", "long-memory", "--customers", "50", "--seed", "7")
    for folder in ("one", "other"):
        holdfast("simulate", folder, *pinned, "--ends", "2024-06-29", cwd=tmp_path)
    for name in ("orders.parquet", "truth.parquet", "holdfast.toml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_business_takes_no_numbers_of_a_shop(tmp_path: Path) -> None:
    asked = ("simulate", "one", "--business", "refill", "--set", "rhythm=4")
    refused = holdfast(*asked, cwd=tmp_path, code=2)
    assert "leave --days, --offers, --set" in refused
    assert not (tmp_path / "one").exists()
