"""The example scripts do what they say, on a small simulated shop."""

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

import holdfast as hf

EXAMPLES = Path(__file__).parents[2] / "examples"
AT_RISK = ["At-Risk VIP", "Vulnerable", "Losing Customer"]
TERMS = """
[backtest]
count = 1
max_training_cutoffs = 4
[recovery."At-Risk VIP"]
cost = 40
rate = 0.3
[recovery."Vulnerable"]
cost = 2
rate = 0.2
"""


def example(name: str, *arguments: object) -> list[str]:
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[hf.Registry, list[str]]:
    """The shop as it was 60 days before, run here; then as it is, run by the first script; and what
    that printed.
    """
    folder = tmp_path_factory.mktemp("shop") / "shop"
    hf.simulate_to(folder, hf.Shop(n_customers=500, n_days=420, seed=9))
    study = folder / "holdfast.toml"
    given = study.read_text(encoding="utf-8").partition("\n# What its campaigns cost")[0]
    study.write_text(given + TERMS, encoding="utf-8")
    orders = pl.read_parquet(folder / "orders.parquet")
    early = orders.filter(pl.col("occurred_at") < pl.col("occurred_at").max() - timedelta(days=60))
    early.write_parquet(folder / "early.parquet")
    hf.run(hf.Study.from_toml(study, overrides={"transactions.path": "early.parquet"}))
    return hf.Registry(folder / "runs"), example("reasons_for_the_riskiest.py", study)


def test_the_most_valuable_customers_at_risk_are_listed_with_two_reasons_each(
    shop: tuple[hf.Registry, list[str]],
) -> None:
    registry, printed = shop
    riskiest = registry.open().scores.filter(pl.col("segment") == "At-Risk VIP")
    expected = riskiest.sort("expected_revenue", descending=True)["customer_id"].to_list()[:10]
    assert [line.split(":")[0] for line in printed] == expected
    assert all(re.search(r": \d+%, [\d,]+: .+; .+", line) for line in printed)


def test_the_budget_is_spent_on_those_who_bring_most_back_for_it(
    shop: tuple[hf.Registry, list[str]],
) -> None:
    registry, _ = shop
    *listed, total = example("whom_to_call.py", registry.folder, 100)
    cost = sum(float(re.findall(r"costs (\d+)", line)[0]) for line in listed)
    brings = [float(re.findall(r"bring ([\d,]+)", line)[0].replace(",", "")) for line in listed]
    customers = int(total.split()[0])
    assert 1 <= len(listed) == min(customers, 10)
    assert min(brings) > 0
    assert cost <= float(re.findall(r"cost ([\d,]+)", total)[0].replace(",", "")) <= 100
    assert {line.split(": ")[1].split(",")[0] for line in listed} <= {"At-Risk VIP", "Vulnerable"}
    assert total.endswith("(assumed)")


def test_who_moved_into_risk_since_the_run_before_is_told(
    shop: tuple[hf.Registry, list[str]],
) -> None:
    registry, _ = shop
    newest, before = (registry.open(run_id).scores for run_id in registry.run_ids())
    was = dict(before.select("customer_id", "segment").iter_rows())
    both = [
        (customer, segment)
        for customer, segment in newest.select("customer_id", "segment").iter_rows()
        if customer in was
    ]
    moved = {
        customer
        for customer, segment in both
        if segment in AT_RISK and was[customer] not in AT_RISK
    }
    printed = example("what_changed.py", registry.folder)
    assert printed[0] == f"customers: {before.height} -> {newest.height}"
    assert printed[3] == f"{len(moved)} of {len(both)} customers moved into risk"
    assert {line.split(":")[0] for line in printed[4:]} <= moved
    assert len(printed) == 4 + min(len(moved), 10)
