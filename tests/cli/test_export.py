"""`holdfast export` and `report`, and the log of a run that failed, as a user meets them."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.test_cli import holdfast

from holdfast.storage.runs import Registry


@pytest.fixture(scope="module")
def shop(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(simulated_shop, tmp_path_factory.mktemp("export") / "shop"))


def test_a_workbook_is_written_and_the_access_report_still_reads_the_audit_log(
    shop: Path,
) -> None:
    told = json.loads(holdfast("export", "--to", "c.xlsx", "--json", cwd=shop))
    scores = Registry(shop / "runs").open().scores
    assert (told["customers"], told["file"]) == (scores.height, "c.xlsx")
    assert (shop / "c.xlsx").is_file()
    held = json.loads(holdfast("customer", "export", scores["customer_id"][0], cwd=shop))
    assert held["runs"]


@pytest.mark.parametrize("option", ["--postgres", "--to"])
def test_a_url_on_the_command_line_is_refused_and_not_repeated(shop: Path, option: str) -> None:
    said = holdfast("export", option, "postgresql://ada:geheim@db/shop", cwd=shop, code=2)
    assert "seen by every user" in said
    assert "geheim" not in said


def test_without_a_place_it_is_said_which_there_are(shop: Path) -> None:
    assert "--to FILE.xlsx or --postgres VARIABLE" in holdfast("export", cwd=shop, code=2)
    assert "SHOP_URL is not set" in holdfast("export", "--postgres", "SHOP_URL", cwd=shop, code=2)


def test_a_run_that_is_no_sql_says_how_to_have_one_that_is(shop: Path) -> None:
    said = holdfast("export", "--sql", "postgres", cwd=shop, code=2)
    assert "the BTYD member of churn" in said
    assert "holdfast run --set churn.pool_btyd=false --set value.pool_btyd=false" in said
    assert "'oracle' is not one of" in holdfast("export", "--sql", "oracle", cwd=shop, code=2)


def test_features_are_printed_for_a_warehouse_by_its_own_names(shop: Path) -> None:
    query = holdfast("features", "--sql", "trino", "--activity", "shop.days", cwd=shop)
    assert 'FROM shop.days AS "activity"' in query
    told = json.loads(holdfast("features", "--sql", "bigquery", "--roll-up", "--json", cwd=shop))
    assert "FROM `transactions`" in told["sql"]


def test_the_report_says_where_it_lies(shop: Path) -> None:
    run = Registry(shop / "runs").open()
    assert holdfast("report", cwd=shop).strip().endswith(f"{run.run_id}/report.html")


def test_a_list_for_a_receiver_needs_addresses(shop: Path) -> None:
    said = holdfast("plan", "--list", "l.csv", "--for", "klaviyo", cwd=shop, code=2)
    assert "has no addresses" in said
    assert not (shop / "l.csv").exists()


def test_a_run_that_failed_names_its_log(shop: Path) -> None:
    wrong = ("--set", "transactions.columns.unit_price=nope")
    said = holdfast("run", *wrong, cwd=shop, code=2)
    log = said.partition("Log: ")[2].strip()
    last = json.loads((shop / log).read_text(encoding="utf-8").splitlines()[-1])
    assert last["event"] == "failed"
    assert "nope" in last["problem"]
    told = json.loads(holdfast("run", "--json", *wrong, cwd=shop, code=2))
    assert (shop / told["error"]["log"]).is_file()


def test_help_is_in_the_order_of_what_a_user_does(tmp_path: Path) -> None:
    text = holdfast("--help", cwd=tmp_path)
    headings = ["Look at the data:", "Run:", "Decide:", "Serve:", "Keep:"]
    places = [text.index(f"\n{heading}\n") for heading in headings]
    assert places == sorted(places)
    assert "..." not in text.partition("Look at the data:")[2]
