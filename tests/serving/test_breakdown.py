"""Customers by what is known of them: every one is in one group, and sums add up."""

from pathlib import Path

import polars as pl
import pytest

from holdfast.serving.breakdown import COHORT, EVIDENCE, PURCHASES, break_down, list_dimensions
from holdfast.storage.runs import Run
from holdfast.storage.safe_files import sha256_of

CUTOFF = 19_723  # 2024-01-01


def run_of(folder: Path, features: pl.DataFrame) -> Run:
    (folder / "tables").mkdir()
    path = folder / "tables" / "features.parquet"
    features.write_parquet(path)
    facts = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    return Run(folder, {"run_id": "x", "files": {"tables/features.parquet": facts}})


@pytest.fixture
def scores() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "churn_probability": [0.9, 0.5, 0.1, 0.2],
            "expected_revenue": [10.0, 20.0, 30.0, 40.0],
            "at_stake": [9.0, 10.0, 3.0, 8.0],
            "evidence_level": ["solid", "cold start", "solid", "solid"],
        }
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    features = {
        "customer_id": ["a", "b", "c", "d"],
        "cutoff_day": [CUTOFF] * 4,
        "tenure_days": [100, 1, 10, 400],
        "n_purchases": [3, 1, 10, 4],
        "channel": ["shop", None, "web", "web"],
    }
    return run_of(tmp_path, pl.DataFrame(features))


def test_what_the_tables_hold_can_be_asked_for(run: Run, scores: pl.DataFrame) -> None:
    assert list_dimensions(run, scores) == [COHORT, PURCHASES, EVIDENCE, "channel"]


def test_each_group_has_its_customers_their_risk_and_their_money(
    run: Run, scores: pl.DataFrame
) -> None:
    told = break_down(run, scores, "channel", threshold=0.5)
    assert told.rows() == [
        ("web", 2, 0.0, pytest.approx(0.15), 70.0, 11.0),
        ("shop", 1, 1.0, 0.9, 10.0, 9.0),
        ("unknown", 1, 1.0, 0.5, 20.0, 10.0),
    ]
    assert break_down(run, scores, EVIDENCE, threshold=0.5).select("group", "customers").rows() == [
        ("solid", 3),
        ("cold start", 1),
    ]


def test_counts_and_quarters_stand_in_their_order(run: Run, scores: pl.DataFrame) -> None:
    bought = break_down(run, scores, PURCHASES, threshold=0.5)
    assert bought["group"].to_list() == ["one", "two or three", "four to nine", "ten or more"]
    # 400, 100, 10 and 1 days before 2024-01-01
    joined = break_down(run, scores, COHORT, threshold=0.5)
    assert joined.select("group", "customers").rows() == [
        ("2022-Q4", 1),
        ("2023-Q3", 1),
        ("2023-Q4", 2),
    ]


def test_many_quarters_become_years_and_many_words_twelve_groups(tmp_path: Path) -> None:
    n = 2000
    names = [f"{k:04d}" for k in range(n)]
    towns = [f"town {k % 40 if k % 3 else 0}" for k in range(n)]
    features = {
        "customer_id": names,
        "cutoff_day": [CUTOFF] * n,
        "tenure_days": range(1, n + 1),
        "town": towns,
    }
    run = run_of(tmp_path, pl.DataFrame(features))
    scores = pl.DataFrame(
        {
            "customer_id": names,
            "churn_probability": [0.5] * n,
            "expected_revenue": [1.0] * n,
            "at_stake": [1.0] * n,
            "evidence_level": [None] * n,
        }
    )
    years = break_down(run, scores, COHORT, threshold=0.6)
    assert years["group"].to_list() == ["2018", "2019", "2020", "2021", "2022", "2023"]
    assert years["customers"].sum() == n
    by_town = break_down(run, scores, "town", threshold=0.6)
    assert by_town.height == 12
    assert (by_town["group"][0], by_town["group"][-1]) == ("town 0", "all others")
    assert by_town["expected_revenue"].sum() == n
