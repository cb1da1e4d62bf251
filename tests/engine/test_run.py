"""A run in buckets is the run in one warehouse: the same tables, and whatever is served or done
with a run works on one whose tables lie in parts.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.api.conftest import client_of
from tests.conftest import ONE_TEST
from tests.engine.both_engines import buckets

from holdfast.engine import bucket_log
from holdfast.engine.run import choose_make
from holdfast.engine.score_run import score_by_run
from holdfast.privacy.access import collect
from holdfast.privacy.erase import erase, find_places
from holdfast.progress import Silence, Steps
from holdfast.runs.export import export_workbook, list_customers
from holdfast.runs.prune import prune
from holdfast.runs.run import run
from holdfast.runs.run_comparison import compare_runs
from holdfast.serving.predict import pick_customer, predict_customer
from holdfast.storage.runs import Registry, Run
from holdfast.stream.scoring import LiveModels
from holdfast.study import Study

IN_BUCKETS = {**ONE_TEST, "engine.kind": '"buckets"'}
BY = {
    "scores": ["customer_id"], "features": ["customer_id"], "unscored": ["customer_id"],
    "horizons": ["customer_id", "horizon_days"], "purchases": ["customer_id", "day"],
    "reasons": ["customer_id", "task", "rank"], "segments": ["segment"], "recovery": ["segment"],
    "days": [], "cohorts": [], "survival": [], "forecast": [], "evidence": [], "importance": [],
    "predictions": [], "horizon_evidence": [], "quarantine": [], "drift": [], "expected": [],
}  # fmt: skip
SEVERAL = 7
LEFT_OUT = "not-done-in-buckets"
_OF_THE_RUN = {"run_id", "scored_at", "created_at", "next_cursor"}


@dataclass(frozen=True)
class Both:
    """A shop with a run in one warehouse, another project with one in 7 buckets."""

    memory: Run
    in_buckets: Run
    project: Path


def run_in_buckets(project: Path, n: int = SEVERAL) -> Run:
    """A run of the shop in so many buckets."""
    study = Study.from_toml(project / "holdfast.toml", overrides=IN_BUCKETS)
    with buckets(n):
        return run(study, make=choose_make(study))


@pytest.fixture(scope="module")
def both(simulated_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Both:
    project = tmp_path_factory.mktemp("buckets") / "shop"
    shutil.copytree(simulated_shop, project, ignore=shutil.ignore_patterns("runs"))
    made = run_in_buckets(project)
    return Both(Registry(simulated_shop / "runs").open(), made, project)


@pytest.fixture
def project(both: Both, tmp_path: Path) -> Path:
    """The project of the run in buckets, to change at will."""
    return Path(shutil.copytree(both.project, tmp_path / "shop"))


@pytest.mark.parametrize("name", BY)
def test_its_tables_are_those_of_one_warehouse(both: Both, name: str) -> None:
    one, many = both.memory.table(name), both.in_buckets.table(name)
    assert one.height or name == "quarantine"
    by = BY[name] or [each for each, kind in one.schema.items() if not kind.is_float()]
    assert_frame_equal(one.sort(by), many.sort(by), rel_tol=1e-12, abs_tol=1e-12)


def test_tables_of_customers_lie_in_parts_and_the_others_do_not(both: Both) -> None:
    files = set(both.in_buckets.manifest["files"])
    for name in ("scores", "features", "horizons", "reasons", "purchases", "unscored"):
        assert f"tables/{name}/part-00000.parquet" in files
        assert f"tables/{name}.parquet" not in files
    finding = next(each for each in both.in_buckets.summary["findings"] if each["name"] == LEFT_OUT)
    assert set(both.memory.table_names) - set(both.in_buckets.table_names) == {
        "acceptance", "plan", "campaigns", "channels", "channel_months", "budget_curve",
        "readouts", "effects", "past_segments",
    }  # fmt: skip
    for words in ("[offers] and the plan", "past campaigns", "[acquisition]"):
        assert words in finding["evidence"]


def test_it_says_the_same_and_is_made_of_the_same_data(both: Both) -> None:
    one, many = both.memory.summary, both.in_buckets.summary
    for name in ("rows", "reasons", "customers", "cutoff_date", "top_reasons", "sufficiency",
                 "data_report", "churn_window"):  # fmt: skip
        assert one[name] == many[name], name
    for name in ("share_at_risk", "expected_revenue", "at_stake", "leaving_at_stake"):
        assert one[name] == pytest.approx(many[name], rel=1e-12), name
    assert both.memory.manifest["data_sha256"] == both.in_buckets.manifest["data_sha256"]
    findings = [sorted(each["name"] for each in said["findings"]) for said in (one, many)]
    assert [name for name in findings[1] if name != LEFT_OUT] == findings[0]


def test_lists_beside_the_tables_are_sorted_by_customer_as_ever(both: Both) -> None:
    one, many = (pl.read_ipc(e.path / "scores.arrow") for e in (both.memory, both.in_buckets))
    assert_frame_equal(one, many, rel_tol=1e-12)
    lists = [pl.read_csv(e.path / "customer_segments.csv") for e in (both.memory, both.in_buckets)]
    assert_frame_equal(*(each.sort("Customer_ID") for each in lists), rel_tol=1e-9)


@pytest.mark.parametrize("n", [1, 7, 64])
def test_scores_do_not_depend_on_the_number_of_buckets(both: Both, n: int, tmp_path: Path) -> None:
    study = Study.from_toml(both.project / "holdfast.toml", overrides=IN_BUCKETS)
    with buckets(n):
        said = score_by_run(study, both.memory, tmp_path / "made", Steps(Silence()))
    for name in ("scores", "horizons", "features"):
        got = pl.read_parquet(tmp_path / "made" / name).sort(BY[name])
        expected = both.memory.table(name).sort(BY[name])
        assert_frame_equal(got, expected, rel_tol=1e-9, abs_tol=1e-12)
    for name in ("customers", "leaving", "expected_revenue", "at_stake"):
        assert said[name] == pytest.approx(both.in_buckets.summary.get(name, said[name])), name


def test_a_customer_is_predicted_as_by_the_run_in_one_warehouse(both: Both) -> None:
    name = pick_customer(both.in_buckets)
    one, many = (predict_customer(each, name) for each in (both.memory, both.in_buckets))
    _assert_alike(many, one, name)


def test_every_answer_of_the_api_is_that_of_one_warehouse(both: Both) -> None:
    name = pick_customer(both.in_buckets)
    urls = [
        "/customers?limit=20", "/customers?risk=VERY%20HIGH&limit=1000", f"/customers/{name}",
        f"/customers/{name}/reasons", f"/customers/{name}/timeline", "/segments", "/forecast",
        "/customers?q=C0000",
    ]  # fmt: skip
    with (
        client_of(both.memory.path.parent.parent) as one,
        client_of(both.project) as many,
    ):
        for url in urls:
            expected, got = one.get(url), many.get(url)
            assert got.status_code == expected.status_code, (url, got.text[:300])
            if got.status_code == 200:
                _assert_alike(got.json(), expected.json(), url)


def _assert_alike(got: Any, expected: Any, where: str) -> None:
    if isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for key in expected.keys() - _OF_THE_RUN:
            _assert_alike(got[key], expected[key], f"{where} {key}")
    elif isinstance(expected, list):
        assert len(got) == len(expected), where
        for ours, theirs in zip(got, expected, strict=True):
            _assert_alike(ours, theirs, where)
    elif isinstance(expected, float):
        assert got == pytest.approx(expected, rel=1e-9), where
    else:
        assert got == expected, where


def test_a_run_in_buckets_is_verified_compared_exported_and_streamed(
    both: Both, tmp_path: Path
) -> None:
    both.in_buckets.verify()
    figures = compare_runs(both.memory, both.in_buckets)
    assert figures
    assert_frame_equal(
        list_customers(both.in_buckets)
        .drop("next_purchase_date", strict=False)
        .sort("customer_id"),
        list_customers(both.memory).drop("next_purchase_date", strict=False).sort("customer_id"),
        rel_tol=1e-9,
    )
    n = export_workbook(both.in_buckets, tmp_path / "c.xlsx", project=tmp_path)
    assert n == both.in_buckets.summary["customers"]
    assert LiveModels.load(both.in_buckets)


def test_who_is_erased_leaves_every_part(project: Path) -> None:
    registry = Registry(project / "runs")
    study = Study.from_toml(project / "holdfast.toml", overrides=IN_BUCKETS)
    before = registry.open()
    scores = before.scores
    gone = scores["customer_id"].gather_every(60).to_list()
    held = collect(study, gone[0], registry=registry)
    assert {"scores", "features", "horizons"} <= set(held["runs"][0]["tables"])
    done = erase(study, gone, registry=registry)
    after = registry.open()
    after.verify()
    assert done.runs == {before.run_id: after.run_id}
    assert after.summary["erased"] == after.manifest["erased"] == len(gone)
    assert after.scores.height == scores.height - len(gone)
    assert find_places(study, gone, project=project) == []
    assert_frame_equal(
        after.scores, scores.filter(~pl.col("customer_id").is_in(gone)), check_exact=True
    )
    with client_of(project) as api:
        assert api.get(f"/customers/{gone[0]}").status_code == 404


def test_models_learnt_from_a_sample_score_everybody_and_the_report_says_so(
    project: Path, both: Both
) -> None:
    some = [0, 1, 2, 3]
    with patch.object(bucket_log, "_choose", lambda *_: some):
        made = run_in_buckets(project)
    n = both.in_buckets.summary["customers"]
    assert made.summary["customers"] == made.scores.height == n
    finding = next(f for f in made.summary["findings"] if f["name"] == "learnt-from-a-sample")
    n_learnt, n_customers = map(
        int, re.findall(r"(\d+) of (\d+) customers", finding["evidence"])[0]
    )
    assert 0 < n_learnt < n_customers
    page = made.report.read_text(encoding="utf-8")
    assert f"{n:,}" in page
    assert sum(each["customers"] for each in made.summary["segments"]) == n
    assert made.summary["rows"] == both.in_buckets.summary["rows"]
    # An earlier run in parts stands before it, and goes when it is pruned.
    removed = prune(Registry(project / "runs"), keep=1)
    assert [each.outcome for each in removed] == ["removed"]
    assert json.loads((made.path / "summary.json").read_text())["run_id"] == made.run_id
