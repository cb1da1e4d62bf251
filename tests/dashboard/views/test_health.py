"""Data health: what was read, and whether it is enough."""

from pathlib import Path

import polars as pl
import pytest
from tests.dashboard.pages import show, tables, text

from holdfast.report import formatting


def test_every_row_read_is_accounted_for(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = pl.read_csv(older_runs / "log" / "orders.csv")
    shown = show("health", older_runs / "log" / "holdfast.toml", monkeypatch)
    n = orders.height
    assert f"{n} rows read = {n} accepted + 0 set aside + 0 quarantined." in text(shown)


def test_the_contract_names_the_column_of_each_role(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("health", older_runs / "log" / "holdfast.toml", monkeypatch)
    (rows,) = (rows for caption, rows in tables(shown).items() if "contract" in caption)
    assert [row[:2] for row in rows] == [
        ["customer_id", "customer_id"],
        ["occurred_at", "day"],
        ["amount", "amount"],
    ]


def test_what_is_too_little_says_how_much_is_needed(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("health", older_runs / "log" / "holdfast.toml", monkeypatch)
    needs = {row[0]: row[1:] for row in tables(shown)["What the answers need"]}
    assert needs["Customers with an order"][0] == "no"
    assert needs["Customers with an order"][-2:] == ["27", "at least 500"]
    assert needs["Days of log"][0] == "yes"
    assert "4 counts too low" in text(shown)


def test_weeks_are_those_of_the_orders(older_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = pl.read_csv(older_runs / "log" / "orders.csv", try_parse_dates=True)
    weeks = orders.group_by(pl.col("day").dt.truncate("1w").alias("monday")).agg(
        orders=pl.struct("customer_id", "day").n_unique(), revenue=pl.col("amount").sum()
    )
    shown = show("health", older_runs / "log" / "holdfast.toml", monkeypatch)
    listed = {row[0]: row[1:] for row in tables(shown)["The latest weeks"]}
    for monday, n, revenue in weeks.sort("monday").tail(5).head(4).iter_rows():
        shown_day = f"{monday.day} {monday:%b %Y}"
        assert listed[shown_day] == [str(n), formatting.money(revenue, "USD")]


def test_a_snapshot_has_no_days_and_says_so(
    older_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("health", older_runs / "snapshot" / "holdfast.toml", monkeypatch)
    assert "40 rows read = 40 accepted + 0 set aside + 0 quarantined." in text(shown)
    assert "No gaps, sufficiency check or churn window." in text(shown)
