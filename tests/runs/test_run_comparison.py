"""Two runs side by side: figures are those of the runs' own tables."""

from pathlib import Path

import pytest
from tests.conftest import DAYS_BETWEEN

from holdfast.report import comparison_tables, formatting
from holdfast.runs.run_comparison import _contest, compare_runs
from holdfast.storage.runs import Registry, Run


@pytest.fixture(scope="module")
def runs(shop_run_twice: Path) -> tuple[Run, Run]:
    registry = Registry(shop_run_twice / "runs")
    last, first = (registry.open(run_id) for run_id in registry.run_ids())
    return first, last


def test_figures_moves_and_customers_are_those_of_the_tables(runs: tuple[Run, Run]) -> None:
    first, last = runs
    told = compare_runs(first, last)
    was, now = first.scores, last.scores
    ids = set(was["customer_id"]), set(now["customer_id"])
    assert told["customers"] == {
        "both": len(ids[0] & ids[1]), "new": 1, "gone": len(ids[0] - ids[1]),
    }  # fmt: skip
    figures = {row["figure"]: row for row in told["figures"]}
    assert figures["customers"]["change"] == now.height - was.height
    revenue = figures["expected_revenue"]
    assert revenue["after"] == pytest.approx(now["expected_revenue"].sum())
    assert revenue["change"] == pytest.approx(
        now["expected_revenue"].sum() - was["expected_revenue"].sum()
    )
    assert sum(row["customers"] for row in told["moves"]) == len(ids[0] | ids[1])
    drift = {row["feature"]: row for row in told["drift"]}
    assert drift["tenure_days"]["mean_after"] > drift["tenure_days"]["mean_before"]
    silent = last.table("features")["days_since_last_purchase"].mean()
    assert drift["days_since_last_purchase"]["mean_after"] == pytest.approx(silent)
    assert "cutoff_season" not in drift
    assert {row["what"] for row in told["model"]} == {"churn tested at", "value tested at", "data"}
    assert told["settings"] == []


def test_a_run_beside_itself_differs_in_nothing(runs: tuple[Run, Run]) -> None:
    _, last = runs
    told = compare_runs(last, last)
    assert told["model"] == told["settings"] == told["notes"] == []
    assert {row["change"] for row in told["figures"]} == {0}
    assert {row["stability_index"] for row in told["drift"]} == {0}
    assert all(row["was"] == row["now"] for row in told["moves"])
    assert {row["difference"] for row in told["evidence"]} == {0}


def test_settings_that_differ_are_named(runs: tuple[Run, Run], older_runs: Path) -> None:
    first, _ = runs
    other = Registry(older_runs / "snapshot" / "runs").open()
    told = compare_runs(first, other)
    assert any("order log" in note for note in told["notes"])
    changed = {row["what"] for row in told["settings"]}
    assert {"snapshot", "transactions.path"} & changed


@pytest.mark.parametrize(
    ("metric", "now", "verdict"),
    [
        ("roc_auc", 0.90, "better"),
        ("roc_auc", 0.70, "worse"),
        ("roc_auc", 0.82, "no difference"),
        ("brier", 0.90, "worse"),
        ("total_ratio", 0.90, None),
    ],
)
def test_a_difference_is_named_only_where_its_interval_says_so(
    metric: str, now: float, verdict: str | None
) -> None:
    told = _contest(metric, (0.80, 0.03), (now, 0.04))
    # 1.96 times the root of 0.03^2 + 0.04^2, which is 0.05.
    assert told["high"] - told["difference"] == pytest.approx(1.96 * 0.05)
    assert told["verdict"] == verdict


def test_the_tables_say_it_in_words(runs: tuple[Run, Run]) -> None:
    first, last = runs
    told = compare_runs(first, last)
    tables = {table.caption: table for table in comparison_tables.comparison(told, currency="EUR")}
    cells = tables["Customers, risk and value"].cells
    sizes = [f"{run.scores.height:,}" for run in runs]
    change = last.scores.height - first.scores.height
    sign = "+" if change >= 0 else formatting.MINUS
    assert cells[0] == ["Customers", *sizes, f"{sign}{abs(change)}"]
    assert cells[1][3].endswith(" points")
    assert "Who moved" in tables
    assert f"{told['customers']['both']} customers in both, 1 new" in comparison_tables.lead(told)
    assert last.summary["cutoff_day"] - first.summary["cutoff_day"] == DAYS_BETWEEN
