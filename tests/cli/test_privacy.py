"""Erasing, access and the audit log, as a user meets them."""

import json
from pathlib import Path

import polars as pl
import pytest
from tests.cli.test_cli import holdfast

from holdfast.storage.runs import Registry


@pytest.fixture
def shop(older_runs: Path) -> Path:
    """The log of an older Holdfast, with two runs."""
    return older_runs / "log"


def test_a_customer_is_erased_and_proved_to_be_gone(shop: Path) -> None:
    scores = Registry(shop / "runs").open().scores
    gone = scores["customer_id"][0]
    found = holdfast("erase", gone, "--prove", cwd=shop, code=1)
    assert "scores.parquet" in found
    assert "give --yes" in holdfast("erase", gone, cwd=shop, code=2)
    text = holdfast("erase", gone, "stranger", "--yes", cwd=shop)
    assert "2 customers erased: 2 runs, 0 exports, 0 servers' copies" in text
    assert "They were in no file, and stay out from now on: stranger" in text
    assert "The source data is your own" in text
    assert holdfast("erase", gone, "--prove", cwd=shop) == "0\n"
    holdfast("predict", gone, cwd=shop, code=2)
    holdfast("runs", "rollback", cwd=shop)
    shown = holdfast("audit-log", "show", cwd=shop)
    assert "erase" in shown
    assert "rollback" in shown
    assert gone not in shown
    assert holdfast("audit-log", "verify", cwd=shop) == "3 lines, each as it was written\n"
    log = shop / "audit.jsonl"
    log.write_text(log.read_text(encoding="utf-8").replace("erase", "prune"), encoding="utf-8")
    assert "line 2 of audit.jsonl" in holdfast("audit-log", "verify", cwd=shop, code=2)


def test_ids_are_read_from_a_file_too(shop: Path) -> None:
    ids = Registry(shop / "runs").open().scores["customer_id"].to_list()
    (shop / "leavers.txt").write_text(f"{ids[0]}\n\n {ids[1]} \n{ids[0]}\n", encoding="utf-8")
    done = json.loads(holdfast("erase", "--from", "leavers.txt", "--yes", "--json", cwd=shop))
    assert (done["customers"], len(done["runs"]), done["unknown"]) == (2, 2, [])
    assert Registry(shop / "runs").open().scores["customer_id"].to_list() == ids[2:]
    assert "no customer is named" in holdfast("erase", "--yes", cwd=shop, code=2)
    assert "cannot be read" in holdfast("erase", "--from", "none", "--yes", cwd=shop, code=2)


def test_all_that_is_held_is_printed_and_the_look_is_written_down(shop: Path) -> None:
    scores = Registry(shop / "runs").open().scores
    customer = scores["customer_id"][0]
    held = json.loads(holdfast("customer", "export", customer, cwd=shop))
    assert [run["run_id"] for run in held["runs"]] == Registry(shop / "runs").run_ids()
    (row,) = held["runs"][0]["tables"]["scores"]
    assert row["churn_probability"] == scores["churn_probability"][0]
    one = json.loads(holdfast("customer", "export", customer, "--run", "latest", cwd=shop))
    assert len(one["runs"]) == 1
    assert [line["what"] for line in one["audit_log"]] == ["customer export"]
    assert "nothing is held" in holdfast("customer", "export", "stranger", cwd=shop, code=2)


@pytest.mark.slow
def test_with_pseudonyms_the_command_line_takes_the_real_id(shop: Path) -> None:
    study = shop / "holdfast.toml"
    text = study.read_text(encoding="utf-8")
    study.write_text(f"{text}\n[privacy]\npseudonymise = true\n", encoding="utf-8")
    before = Registry(shop / "runs").open().scores["customer_id"].to_list()
    settings = ["--set", "churn.algorithm=logistic", "--set", "value.algorithm=ridge"]
    made = json.loads(holdfast("run", *settings, "--json", cwd=shop))
    scores = Registry(shop / "runs").open().scores
    assert scores["customer_id"].str.contains("^p_[0-9a-f]{32}$").all()
    answer = json.loads(holdfast("predict", before[0], "--json", cwd=shop))
    (row,) = scores.filter(pl.col("customer_id") == answer["customer_id"]).to_dicts()
    assert answer["churn_probability"] == row["churn_probability"]
    folder = shop / "runs" / made["run_id"]
    text = "".join(
        path.read_text(encoding="utf-8") for path in folder.glob("*") if path.suffix in
        (".html", ".md", ".csv", ".json")
    )  # fmt: skip
    assert not [each for each in before if each in text]
