"""`holdfast changes` and `holdfast runs compare`, as a user meets them."""

import json
from pathlib import Path

from tests.cli.test_cli import holdfast
from tests.conftest import BUYER

from holdfast.runs.changes_since import all_changes
from holdfast.runs.run_comparison import compare_runs
from holdfast.storage.runs import Registry


def test_a_customers_change_is_told_in_a_sentence_and_in_parts(shop_run_twice: Path) -> None:
    text = holdfast("changes", BUYER, cwd=shop_run_twice)
    assert "points because time passed" in text
    assert "The whole change" in text
    told = json.loads(holdfast("changes", BUYER, "--json", cwd=shop_run_twice))
    assert [task["task"] for task in told["tasks"]] == ["churn", "value"]


def test_the_whole_is_printed_with_its_segments(shop_run_twice: Path) -> None:
    text = holdfast("changes", cwd=shop_run_twice)
    assert "Churn probability by segment, and what changed it" in text
    assert "1 customer came in" in text
    registry = Registry(shop_run_twice / "runs")
    told = json.loads(holdfast("changes", "--json", cwd=shop_run_twice))
    assert told == all_changes(registry, registry.open())


def test_a_customer_and_a_segment_at_once_are_refused(shop_run_twice: Path) -> None:
    refused = holdfast("changes", BUYER, "--segment", "Champion", cwd=shop_run_twice, code=2)
    assert "at once" in refused


def test_two_runs_are_compared_by_their_ids(shop_run_twice: Path) -> None:
    registry = Registry(shop_run_twice / "runs")
    last, first = registry.run_ids()
    assert "Who moved" in holdfast("runs", "compare", first, last, cwd=shop_run_twice)
    told = json.loads(holdfast("runs", "compare", first, "--json", cwd=shop_run_twice))
    assert told == compare_runs(registry.open(first), registry.open(last))
