"""Changes of scores and two runs side by side, as pages: what the runs' own tables say."""

from pathlib import Path

import pytest
from tests.conftest import BUYER, NEWCOMER
from tests.dashboard.pages import chart, show, tables, text

from holdfast.report import formatting
from holdfast.runs.changes_since import all_changes, customer_changes
from holdfast.storage.runs import Registry


def test_two_runs_of_the_address_are_put_side_by_side(
    shop_run_twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(shop_run_twice / "runs")
    last, first = registry.run_ids()
    study = shop_run_twice / "holdfast.toml"
    shown = show("comparison", study, monkeypatch, before=first, after=last)
    listed = {row[0]: row[1:] for row in tables(shown)["Customers, risk and value"]}
    sizes = [registry.open(run_id).scores.height for run_id in (first, last)]
    assert listed["Customers"][:2] == [f"{n:,}" for n in sizes]
    turned = show("comparison", study, monkeypatch, before=last, after=first)
    listed = {row[0]: row[1:] for row in tables(turned)["Customers, risk and value"]}
    assert listed["Customers"][:2] == [f"{n:,}" for n in reversed(sizes)]
    assert "stands at an earlier day" in text(turned)


def test_one_run_alone_says_what_to_do(
    simulated_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = show("comparison", simulated_shop / "holdfast.toml", monkeypatch)
    assert "There is only one run." in text(shown)


def test_a_customers_page_says_why_the_scores_changed(
    shop_run_twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, study = Registry(shop_run_twice / "runs"), shop_run_twice / "holdfast.toml"
    told = customer_changes(registry, registry.open(), BUYER)
    shown = show("customer", study, monkeypatch, customer=BUYER)
    churn = told["tasks"][0]
    assert churn["sentence"] in text(shown)
    steps = chart(shown, "Churn probability: ")[0]
    assert steps[0]["text"] == formatting.percent(churn["before"])
    assert steps[1]["end"] == pytest.approx(churn["before"] + churn["parts"][0]["points"])
    assert steps[3]["end"] == pytest.approx(churn["after"])
    new = show("customer", study, monkeypatch, customer=NEWCOMER)
    assert "The customer is new" in text(new)


def test_the_segments_page_says_why_all_scores_changed(
    shop_run_twice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, study = Registry(shop_run_twice / "runs"), shop_run_twice / "holdfast.toml"
    told = all_changes(registry, registry.open())
    shown = show("segments", study, monkeypatch)
    assert told["tasks"][1]["sentence"] in text(shown)
    (rows,) = (r for name, r in tables(shown).items() if name.startswith("Churn probability by"))
    assert [row[:2] for row in rows] == [
        [each["segment"], str(each["customers"])] for each in told["segments"]
    ]
