"""`holdfast history` and `plan`, as a user meets them: on a simulated shop with a published run."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.cli.test_cli import holdfast

from holdfast.storage import audit_log

CHEAP = ("--set", "offers.reminder.cost=0.01")


@pytest.fixture(scope="module")
def shop(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("plans") / "shop"))


def test_the_history_names_what_each_cell_stands_on(shop: Path) -> None:
    answer = json.loads(holdfast("history", "--json", cwd=shop))
    assert {cell["segment"] for cell in answer["cells"]} == {
        "Champion", "At-Risk VIP", "Promising", "Vulnerable", "Hibernating", "Losing Customer",
    }  # fmt: skip
    assert {cell["uplift_source"] for cell in answer["cells"]} <= {"experiment", "assumed"}
    assert sum(cell["contacted"] for cell in answer["cells"]) > 300
    text = holdfast("history", cwd=shop)
    assert "reminder" in text
    assert "Segments are those on the day of the contact" in text


def test_a_plan_stays_in_its_budget_and_writes_two_lists(shop: Path) -> None:
    budget = ("--budget", "1", *CHEAP)
    listed = ("--list", "c.csv", "--name", "first")
    answer = json.loads(holdfast("plan", *budget, *listed, "--json", cwd=shop))
    contacts, out = (pl.read_csv(shop / name) for name in ("c.csv", "c-holdout.csv"))
    assert 0 < contacts["cost"].sum() <= 1 + 1e-9
    assert (contacts.height, out.height) == (answer["contacted"], answer["held_out"])
    assert not set(contacts["customer_id"]) & set(out["customer_id"])
    low, net, high = (answer["total"][name] for name in ("net_low", "net", "net_high"))
    assert low < net < high
    recorded = audit_log.entries(shop)[-1]
    assert (recorded["what"], recorded["contacted"]) == ("plan", contacts.height)
    again = holdfast("plan", *budget, *listed, cwd=shop, code=2)
    assert "a campaign 'first' was exported before" in again
    assert "1 export withdrawn" in holdfast("experiment", "withdraw", "first", cwd=shop)
    told = holdfast("plan", *budget, *listed, cwd=shop)
    assert "Recorded as the campaign 'first'" in told
    assert json.loads(holdfast("experiment", "withdraw", "first", "--json", cwd=shop))["withdrawn"]


def test_a_plan_is_printed_in_sentences_and_is_the_same_again(shop: Path) -> None:
    first = holdfast("plan", *CHEAP, cwd=shop)
    assert "Net return:" in first
    assert "experiment" in first
    assert holdfast("plan", *CHEAP, cwd=shop) == first


def test_no_budget_and_no_offer_end_with_a_sentence(shop: Path) -> None:
    assert "the budget is 0" in holdfast("plan", "--budget", "0", cwd=shop, code=2)
    text = (shop / "holdfast.toml").read_text(encoding="utf-8").partition("[offers.")[0]
    (shop / "without.toml").write_text(text, encoding="utf-8")
    assert "there is nothing to plan" in holdfast("plan", "-c", "without.toml", cwd=shop, code=2)
    assert "is no list" in holdfast("plan", *CHEAP, "--list", "c.txt", cwd=shop, code=2)
