"""What changed since an earlier run, over the API: the same as is read from the runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.conftest import client_of
from tests.api.harness import Api, Transport
from tests.conftest import BUYER, NEWCOMER

from holdfast.api.answers.changes import ChangesAnswer, ComparisonAnswer, CustomerChangesAnswer
from holdfast.client import Client
from holdfast.runs.changes_since import all_changes, customer_changes
from holdfast.runs.run_comparison import compare_runs
from holdfast.storage.runs import Registry


@pytest.fixture(scope="module")
def shop(shop_run_twice: Path) -> Iterator[Api]:
    with client_of(shop_run_twice) as api:
        yield api


@pytest.fixture(scope="module")
def registry(shop_run_twice: Path) -> Registry:
    return Registry(shop_run_twice / "runs")


def test_a_customers_changes_are_those_of_the_run(shop: Api, registry: Registry) -> None:
    told = shop.get(f"/customers/{BUYER}/changes").json()
    CustomerChangesAnswer.model_validate(told)
    said = customer_changes(registry, registry.open(), BUYER)
    assert {name: told[name] for name in said} == said
    new = shop.get(f"/customers/{NEWCOMER}/changes").json()
    CustomerChangesAnswer.model_validate(new)
    assert "is new" in new["not_told"][0]


def test_the_whole_and_a_segment_are_those_of_the_run(shop: Api, registry: Registry) -> None:
    told = shop.get("/changes").json()
    ChangesAnswer.model_validate(told)
    said = all_changes(registry, registry.open())
    assert {name: told[name] for name in said} == said
    one = shop.get("/changes?segment=Champion").json()
    ChangesAnswer.model_validate(one)
    assert [each["segment"] for each in one["segments"]] == ["Champion"]


def test_a_snapshot_of_the_same_data_changed_by_its_models_only(api: Api) -> None:
    told = api.get("/changes").json()
    ChangesAnswer.model_validate(told)
    churn = next(task for task in told["tasks"] if task["task"] == "churn")
    parts = {part["part"]: part["contribution"] for part in churn["parts"]}
    assert parts["time"] == parts["behaviour"] == 0
    assert parts["model"] == pytest.approx(churn["change"])


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/customers/nobody/changes", 404, "has no customer 'nobody'"),
        ("/changes?since=20200101T000000Z-00000000", 404, "20200101T000000Z-00000000"),
        ("/changes?segment=VIP", 422, "segment"),
        ("/runs/latest/compare/20200101T000000Z-00000000", 404, "20200101T000000Z-00000000"),
    ],
)
def test_what_is_not_there_is_refused_with_a_sentence(
    shop: Api, path: str, status: int, sentence: str
) -> None:
    refused = shop.get(path)
    assert refused.status_code == status
    assert sentence in str(refused.json())


def test_two_runs_side_by_side_are_those_of_the_command_line(shop: Api, registry: Registry) -> None:
    last, first = registry.run_ids()
    told = shop.get(f"/runs/{first}/compare/{last}").json()
    ComparisonAnswer.model_validate(told)
    said = compare_runs(registry.open(first), registry.open(last))
    assert {name: told[name] for name in said} == said


def test_the_client_asks_for_both(shop: Api, registry: Registry) -> None:
    last, first = registry.run_ids()
    with Client("http://127.0.0.1", transport=Transport(shop)) as client:
        assert client.changes(BUYER)["customer_id"] == BUYER
        assert client.changes(segment="Champion")["segments"][0]["segment"] == "Champion"
        assert client.compare_runs(first, last)["customers"]["new"] == 1
